"""The people of the valley: one row each, eleven he and eleven she.

Before this file: `world`. After it: everyone who can be the hero of a story, or meet one. The columns are the
fields of `Character`: name, kind, he or she, trait, work, what one finds them doing, home, favourite food,
skill, fear, the mark that they leave, the saying, and what the valley says about them.
"""

from dataclasses import dataclass

from .world import PLACES, WARES

PRESENT = {"looked": "looks", "made": "makes", "ran": "runs", "taught": "teaches", "sold": "sells", "rowed": "rows",
           "drew": "draws", "lit": "lights", "carried": "carries", "baked": "bakes", "mixed": "mixes",
           "mended": "mends", "watched": "watches", "brought": "brings"}


@dataclass(frozen=True)
class Character:
    """Someone with fixed traits. In a template `{h.he}`, `{h.him}`, `{h.his}` give "she", "her", "her" for a she."""
    name: str
    kind: str
    he: str
    trait: str
    work: str
    busy: str
    home: str
    loves: str
    skill: str
    fear: str
    mark: str
    saying: str
    quirks: tuple

    def __str__(self):
        return self.name

    @property
    def him(self):
        return {"he": "him", "she": "her"}[self.he]

    @property
    def his(self):
        return {"he": "his", "she": "her"}[self.he]

    @property
    def He(self):
        return self.he.capitalize()

    @property
    def His(self):
        return self.his.capitalize()

    @property
    def full(self):
        return f"{self.name} the {self.kind}"

    @property
    def place(self):
        return PLACES[self.home]

    @property
    def favourite(self):
        return WARES[self.loves]

    @property
    def works(self):
        """The work in the present tense: "ran the mill" is "runs the mill"."""
        verb, rest = self.work.split(" ", 1)
        return f"{PRESENT[verb]} {rest}"

    @property
    def known(self):
        """What the valley says about them, as a template: one of the quirks, after the trait that explains it."""
        quirk = "|".join(self.quirks)
        return f"[You know:|As you know,|Everyone knew that] {self.name} was very {self.trait}. [{quirk}]"

    @property
    def says(self):
        """The saying as speech: a full stop inside the quotes becomes a comma, as English wants it."""
        spoken = self.saying[:-1] + "," if self.saying.endswith(".") else self.saying
        return f'"{spoken}" said {self.name}[, as always|].'

    @property
    def adds(self):
        """The saying as one more remark of whoever spoke just before."""
        return f'[Then {self.he} added|And, as always|{self.He} added]: "{self.saying}"'


CHARACTERS = tuple(Character(*row) for row in (
    ("Moss", "toad", "he", "slow", "looked after the well", "washing his bucket", "well", "plum", "swim",
     "thunder", "a wet spot", "Slow is also a speed.",
     ("He walked so slowly that his shadow often got home before him.",
      "It took him all of Monday to say good morning.")),
    ("Nell", "goat", "she", "stubborn", "made coats", "sewing a button on a coat", "hill", "pear", "sew",
     "deep water", "a blue thread", "I never give up before lunch.",
     ("She once argued with a gate, and the gate opened.",
      "When she said no, even the wind turned round.")),
    ("Barley", "bear", "he", "sleepy", "ran the mill", "sleeping on a sack of flour", "mill", "bun", "lift",
     "bees", "a white line of flour", "Let me sleep on it.",
     ("He could sleep on a fence, in a boat or in the middle of a word.",
      "He slept so well that people came to watch.")),
    ("Tilda", "hen", "she", "proud", "taught the little ones to read", "reading to a row of ducks", "meadow", "berry",
     "read", "thunder", "a bit of white chalk", "A fact is a fact.",
     ("She knew the names of all the stars and told them when to go to bed.",
      "She had read only one book, but she had read it forty times.")),
    ("Flint", "fox", "he", "clever", "sold pots and pans", "painting new prices on old pots",
     "market", "egg", "climb",
     "deep water", "a small coin", "Everything has a price.",
     ("He once sold a hole to a mole, and both were happy.",
      "He could sell a hat to a fish, and shoes as well.")),
    ("Otis", "otter", "he", "cheerful", "rowed the ferry", "singing to his boat", "river", "nut", "swim",
     "high places", "a wet spot", "It floats, so all is well.",
     ("He laughed at rain, at mud and at Mondays.",
      "He knew nine songs, and eight of them were about soup.")),
    ("Hazel", "hedgehog", "she", "shy", "looked after the fruit trees", "talking to a young tree", "orchard", "apple",
     "dig", "the dark", "a green leaf", "I would rather not, but I will.",
     ("When guests came, she hid behind the teapot.",
      "She was so quiet that birds sat on her to rest.")),
    ("Marlow", "mole", "he", "curious", "drew maps", "drawing a map of a potato", "cave", "turnip", "dig",
     "high places", "a little heap of earth", "Nobody asked, but I looked.",
     ("He asked so many questions that the echo moved out of the cave.",
      "He had a map of every place, and one map of all the maps.")),
    ("Ivy", "owl", "she", "wise", "looked after the clock", "reading a book upside down", "tower", "mushroom", "fly",
     "thunder", "a soft feather", "I read it in a book.",
     ("She had so many books that she slept on one and under three.",
      "She was wise at night and cross in the morning.")),
    ("Sal", "gull", "she", "loud", "lit the great lamp", "shouting at a ship", "lighthouse", "shrimp", "fly",
     "the dark", "a white feather", "Say it again, but louder!",
     ("Her whisper could wake a ship.",
      "When she sang, the windows learned the words.")),
    ("Juniper", "hare", "she", "quick", "carried the letters", "tying her shoes very fast", "meadow", "carrot", "run",
     "the dark", "a torn stamp", "I was there before I left.",
     ("She was so quick that she sometimes met herself on the way back.",
      "On Monday she ate breakfast for the whole week.")),
    ("Rolf", "badger", "he", "grumpy", "made chairs and tables", "shouting at a table", "wood", "mushroom", "mend",
     "bees", "a curl of wood", "It was better last year.",
     ("He smiled once, in spring, and caught a cold.",
      "The sign on his door said Go Away, and under it, in small letters, Wipe Your Feet.")),
    ("Pip", "mouse", "he", "brave", "made candles", "counting candles in the dark", "mill", "nut", "squeeze",
     "thunder", "a drop of wax", "Small feet, long road.",
     ("He was so small that he took his bath in a spoon.",
      "He once told a storm to be quiet, and it nearly was.")),
    ("Olga", "goose", "she", "bossy", "baked the bread", "giving orders to some bread", "pond", "cherry", "swim",
     "bees", "a trail of crumbs", "Stand in a line, please.",
     ("She gave orders to the ducks, to the rain and to the moon.",
      "Even her shoes stood in a line.")),
    ("Gus", "giant", "he", "gentle", "looked after the bridge", "washing a cloud", "bridge", "pie", "lift",
     "high places", "a very large footprint", "Sorry about the roof.",
     ("He was so tall that it was summer at his head and winter at his feet.",
      "He knocked on doors with one finger, and then he paid for the doors.")),
    ("Vera", "witch", "she", "forgetful", "mixed potions", "looking for the hat on her head", "wood",
     "pepper", "read",
     "deep water", "a puff of pink smoke", "Now what was the word?",
     ("She once turned her hat into a cake, forgot it, and put it on.",
      "Luckily her broom always knew the way home.")),
    ("Tock", "robot", "he", "careful", "mended pots and pumps", "oiling his knees", "tower", "button", "mend",
     "deep water", "a drop of oil", "I counted twice.",
     ("He oiled his knees every Sunday and his jokes every Monday.",
      "He knew how many steps it was to everywhere.")),
    ("Mina", "cat", "she", "lazy", "watched the boats", "sleeping in a coil of rope", "harbour", "shrimp", "climb",
     "deep water", "a warm round spot", "Wake me when it is done.",
     ("She had a bed for every hour of the day.",
      "She chased a mouse once, but it asked her to stop, and so she did.")),
    ("Dudley", "donkey", "he", "patient", "carried sacks", "waiting for nothing at all", "meadow", "carrot", "lift",
     "thunder", "a bit of straw", "One more sack is still a sack.",
     ("He once waited two days for a train, and there are no trains in the valley.",
      "He let the snails go first.")),
    ("Dot", "spider", "she", "neat", "made nets and ropes", "tying a knot in a knot", "harbour", "plum", "squeeze",
     "thunder", "a fine silver thread", "Eight hands are better than two.",
     ("She had four pairs of shoes and wore them all at once.",
      "She tied her dreams in little knots so that she could keep them.")),
    ("Kip", "crow", "he", "nosy", "brought the news", "looking in at a window", "hill", "button", "fly",
     "the dark", "a black feather", "Is it shiny?",
     ("He knew every secret in the valley, and so did all his friends.",
      "He brought the news so early that it had not happened yet.")),
    ("Ember", "dragon", "she", "polite", "lit the fires in winter", "drying socks with her nose", "cave", "pepper",
     "blow fire", "deep water", "a little smoke", "Pardon the smoke.",
     ("She said sorry to every log before she burned it.",
      "When she sneezed, the whole valley had toast.")),
))
