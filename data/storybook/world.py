"""The valley: its places, food, things and weather, as tables.

Before this file: nothing. After it: every fixed fact that a story may use. Nothing here is chosen at random, so a
fact (plums are picked in the orchard, in summer and autumn) is the same in every story, and a model can learn it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Somewhere to be: `{p}` "the river", `{p.at}` "by the river", and what one sees there."""
    name: str
    preposition: str
    sight: str

    def __str__(self):
        return self.name

    @property
    def at(self):
        return f"{self.preposition} {self.name}"


@dataclass(frozen=True)
class Ware:
    """Something to count, mostly food: how one gets it, where, and in which seasons ("" means all)."""
    one: str
    many: str
    verb: str
    where: str
    seasons: str = ""

    def __str__(self):
        return self.many

    @property
    def place(self):
        return PLACES[self.where]

    @property
    def eaten(self):
        return self.one not in ("button", "shell")


@dataclass(frozen=True)
class Thing:
    """Something to own, one at a time: why one wants it, what it is for, and what it did in the end."""
    name: str
    looks: tuple
    why: str
    use: str
    joy: str
    seasons: str = ""


PLACES = {
    "well": Place("the old well", "by", "The water in it was so deep that it held a piece of the sky."),
    "hill": Place("the windy hill", "on", "The long grass lay down and got up again in the wind."),
    "mill": Place("the mill", "at", "The big wheel went round and round and was never late."),
    "market": Place("the market", "at",
                    "There were red tents, tall towers of cheese and a man who sold only left shoes."),
    "river": Place("the river", "by", "The river was telling the stones the same story as every day."),
    "bridge": Place("the stone bridge", "by", "The bridge had one foot on each side and wet toes in the middle."),
    "wood": Place("the oak wood", "in", "The light fell through the branches in small gold coins."),
    "meadow": Place("the meadow", "in", "The sheep were busy, and the clouds were not."),
    "harbour": Place("the harbour", "at", "The boats bowed to each other on the waves."),
    "pond": Place("the pond", "by", "Seven ducks walked round it in a line, and the last one was always late."),
    "cave": Place("the cave", "in", "Every word came back twice, and the second time it sounded wise."),
    "lighthouse": Place("the lighthouse", "at", "It was so tall that the clouds had to walk around it."),
    "orchard": Place("the orchard", "in", "The old trees leaned on each other like good friends."),
    "tower": Place("the clock tower", "at", "The clock was wrong, but it was wrong on time."),
}

WARES = {
    "plum": Ware("plum", "plums", "picked", "orchard", "summer autumn"),
    "pear": Ware("pear", "pears", "picked", "orchard", "summer autumn"),
    "apple": Ware("apple", "apples", "picked", "orchard", "autumn"),
    "cherry": Ware("cherry", "cherries", "picked", "orchard", "summer"),
    "berry": Ware("berry", "berries", "picked", "wood", "summer autumn"),
    "mushroom": Ware("mushroom", "mushrooms", "found", "wood", "autumn"),
    "nut": Ware("nut", "nuts", "found", "wood", "autumn winter"),
    "carrot": Ware("carrot", "carrots", "pulled up", "meadow", "spring summer"),
    "turnip": Ware("turnip", "turnips", "pulled up", "meadow", "autumn winter spring"),
    "pepper": Ware("pepper", "peppers", "picked", "meadow", "summer"),
    "egg": Ware("egg", "eggs", "got", "mill"),
    "bun": Ware("bun", "buns", "got", "mill"),
    "pie": Ware("pie", "pies", "got", "market"),
    "shrimp": Ware("shrimp", "shrimps", "caught", "harbour"),
    "button": Ware("button", "buttons", "found", "market"),
    "shell": Ware("shell", "shells", "found", "harbour"),
}

COLOURS = ("red", "blue", "green", "yellow", "white")
THINGS = (
    Thing("kite", COLOURS, "the wind was strong and had nothing to do", "to fly on the windy hill",
          "[That evening|The next day] the kite danced high above the hill", "spring summer autumn"),
    Thing("lantern", ("old", "green", "little"), "the nights were long and dark", "to light the way home",
          "That night the lantern shone like a small moon", "autumn winter"),
    Thing("scarf", COLOURS + ("orange", "long"), "a cold wind came in at every door", "to wear on cold days",
          "The scarf was so warm that even the snow looked friendly", "winter"),
    Thing("umbrella", COLOURS + ("old", "orange"), "it rained and rained", "to stay dry in the rain",
          "The rain came back at night, and the umbrella laughed at it", "spring autumn"),
    Thing("boat", COLOURS + ("little", "old"), "the water was calm and clear", "to sail on the pond",
          "The boat sailed round the pond three times, and the ducks followed it", "spring summer"),
    Thing("drum", COLOURS + ("big",), "the feast was near and nobody had any music", "to play at the feast",
          "At the feast the drum said boom, and everyone danced"),
    Thing("flute", ("silver", "little", "old"), "the evenings were too quiet", "to play in the evening",
          "That evening the flute sang, and the birds were a little jealous"),
    Thing("bell", ("silver", "little", "big", "old"), "no guest could ever find the door", "to hang over the door",
          "The bell rang over the door, and soon there were guests for tea"),
    Thing("hat", COLOURS + ("tall", "old"), "the sun was bright and shade was hard to find", "to wear on Sundays",
          "On Sunday everyone looked at the hat, and nobody looked at the path", "spring summer"),
    Thing("clock", ("old", "little", "silver"), "lunch was late every day", "to know the hour of lunch",
          "The next day the clock said noon, and lunch was on time at last"),
    Thing("map", ("old", "big", "new"), "all the paths looked the same", "to find the way",
          "With the map it was hard to get lost, but it was still possible"),
    Thing("basket", ("big", "round", "old"), "two hands were never enough", "to carry food home",
          "The basket was full every day, and so was the table"),
    Thing("blanket", COLOURS + ("warm",), "the bed was as cold as a stone", "to sleep under",
          "That night the blanket was so soft that morning came too soon", "autumn winter"),
    Thing("ladder", ("tall", "old", "new"), "the best fruit always grew at the top", "to reach the high branches",
          "From the top of the ladder one could see all of the valley"),
    Thing("teapot", COLOURS + ("old", "round"), "cold tea makes sad guests", "to make tea for friends",
          "The teapot sang on the fire, and there was tea for everyone"),
    Thing("mirror", ("round", "little", "old"), "nobody can see the back of a hat alone", "to look into",
          "The mirror showed a happy face, and that is the best thing a mirror can do"),
)

SEASONS = {
    "spring": ("The snow was gone, and the first flowers looked out to see if it was true.",
               "It rained a little, then the sun came out, then it rained a little more.",
               "The birds were back, and they all talked at the same time."),
    "summer": ("It was so hot that the shadows stayed in bed.",
               "The sun was out, and the whole valley smelled of warm grass.",
               "There was not one cloud in the sky, and not one sound from the ducks."),
    "autumn": ("The leaves were red and gold, and the wind was counting them.",
               "A soft fog lay in the valley, and only the hill looked out of it.",
               "The wind blew, and the trees threw down their leaves like old letters."),
    "winter": ("The snow lay deep, and every roof wore a white hat.",
               "It was so cold that the words froze on the way to the ear.",
               "The pond was ice, and the ducks walked on it and looked surprised."),
}
