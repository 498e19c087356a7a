"""What may happen in any story: the opening, the way to somewhere, and the ending that ties every loose end.

Before this file: `telling`. After it: a plot needs to tell only what is its own.
"""

from .telling import NUMBERS, count
from .world import SEASONS

LOOSE_ENDS = (      # what is said in passing, and how the ending comes back to it
    ("That morning {h} had [forgotten|been too busy] to shut the door.",
     "When {h} came home, the door was open, and [a duck sat in {h.his} chair|{ducks} ducks sat at {h.his} table]. "
     '"[You are late|The soup is cold|Shut the door, please]," said the duck[| with the biggest feet].'),
    ("That morning {h} had put some soup on the fire[, and then forgot it|].",
     "The soup at home was [black by then, and {h} called it toast|just right by then, and {h} ate {bowls} bowls "
     "of it]."),
    ("A small cloud followed {h} that day and would not say why.",
     "The small cloud [rained once, just on {h}, and went home happy|waited over the roof all night, like a dog]."),
    ("{h} met a snail. \"[I am going to the feast on Friday|I am off to see the sea],\" said the snail.",
     "As for the snail, it [got there at last, one year late, and had a very good time|had not gone far]."),
    ("{h} put a stone in {h.his} pocket, for luck.",
     "The lucky stone lay [on the table|by the bed] that night, [and felt that it had done well|and said nothing, "
     "as always]."),
    ("A little frog asked if it could come too, and {h} put it under {h.his} hat.",
     "Only at bedtime did {h} find the frog under {h.his} hat. It was asleep, and so they [both slept|said good "
     "night softly]."),
)

CHATS = (          # what one is asked on the path, and what one says
    ("Where are you going", "I will know when I get there"),
    ("Why are you in a hurry", "I am not, it is only my feet"),
    ("Have you had lunch", "Only twice"),
    ("How are you today", "About the same size as yesterday"),
    ("What is new", "Nothing yet, but it is early"),
    ("Do you need help", "I could use three of you"),
    ("Will it rain", "The sky has not told me"),
    ("What are you thinking of", "Of soup, as a rule"),
    ("Did you sleep well", "I do not know, I was asleep"),
    ("Are you busy", "Not as busy as you are"),
)

JOKES = (
    ("Why does the snail carry a house", "Because nobody else will carry it"),
    ("Why is the moon so thin today", "Because it gave half of the light away"),
    ("Why do ducks walk in a line", "Because the path is so thin, and the ducks are not"),
    ("What did the left shoe say to the right shoe", "You go first, and then I will"),
    ("Why did the clock stop", "It had no more time"),
    ("How do you wake a stone", "You do not, it is much nicer asleep"),
    ("What does the river do on Sundays", "It runs, it has never learned to walk"),
    ("What is the best thing to put into a pie", "Teeth"),
    ("Why did the bun sit in the sun", "It wanted to be toast"),
    ("Who is always late but never in a hurry", "The last duck"),
)

EVENINGS = {
    "spring": "[The frogs sang|The first star came out|It smelled of rain], and {h} [slept well|was happy|went to "
              "bed].",
    "summer": "[The sun went down late|The warm stars came out|The bees went home], and {h} [slept well|was "
              "happy|sat outside].",
    "autumn": "[The fog came back|The moon was big and yellow|The leaves fell], and {h} [slept well|was happy|made "
              "tea].",
    "winter": "[It snowed all night|The stars were like ice|The fire was warm], and {h} [slept well|was happy|made "
              "tea].",
}

GENERAL_MORALS = ("a friend is never far, but sometimes slow", "soup is better with two spoons",
                  "a small thing can be the right size", "if you cannot find the answer, you can still find lunch")


def opening(story):
    """Say who the hero is and what the weather does, in one order or the other."""
    story.know(ducks=NUMBERS[story.number(2, 6)], bowls=NUMBERS[story.number(2, 5)])
    weather = ("[It was {season}.|It was a day in {season}.|{season} had come to the valley.] "
               + story.pick(SEASONS[story.season]))
    hero = story.pick((
        "{h.full} lived {h.place.at} and {h.work}.",
        "{h.place.at} lived {h.full}, who {h.work}.",
        "There was once a {h.trait} {h.kind} [by the name of|called] {h}, who lived {h.place.at} and {h.work}.",
        "In all the valley there was no {h.kind} as {h.trait} as {h}, who lived {h.place.at} and {h.work}."))
    if story.chance(0.6):
        hero += " " + story.pick(story.hero.quirks)
    story.tell(*story.pick(([hero], [hero], [weather, hero], [hero, weather])))


def on_the_way(story):
    """Tell at most two small events between leaving and arriving."""
    events = [meet_someone, hear_a_joke, count_along_the_path, rest_and_eat, begin_loose_end, look_around]
    for _ in range(story.pick((0, 0, 1, 1, 2))):
        event = story.pick(events)
        events.remove(event)
        event(story)


def meet_someone(story):
    """Someone is busy as always and says what they always say."""
    story.enter("passer")
    question, answer = story.pick(CHATS)
    story.paragraph("[On the path|{passer.place.at}|Near {passer.place}] {h} met {passer.full}, who was "
                    "{passer.busy}.")
    story.tell(
        '"[Good morning|Good day|Hello], {h}! {question}?" asked {passer}.', '"{answer}," said {h}.', "{passer.says}",
        question=question, answer=answer)
    if story.chance(0.4):
        story.tell("{passer.known}")


def hear_a_joke(story):
    """Someone asks, and the hero does not know."""
    story.enter("joker")
    question, answer = story.pick(JOKES)
    story.paragraph("[On the path|{joker.place.at}] {h} met {joker.full}. \"{question}?\" asked {joker}.",
                    '"I do not know," said {h}.' if story.chance(0.5) else '"Tell me," said {h}.',
                    '"{answer}," said {joker}, and laughed [all alone|until it hurt|like a duck].',
                    question=question, answer=answer)


def count_along_the_path(story):
    """A sum that the path itself sets."""
    a, b = story.number(2, 9), story.number(2, 9)
    story.tell("[There were|{h} saw] {a} {beasts} on the left of the path and {b} on the right.",
               '"{A} and {b} make {sum}," said {h}, [who liked to be sure|and walked on|and the {beasts} agreed].',
               a=NUMBERS[a], b=NUMBERS[b], A=NUMBERS[a].capitalize(), sum=NUMBERS[a + b],
               beasts=story.pick(("birds", "ducks", "frogs", "snails")[:2 if story.season == "winter" else 4]))


def rest_and_eat(story):
    """Eat some of the favourite food now; the rest is a loose end."""
    food, hero = story.hero.favourite, story.hero
    if not food.eaten or food not in story.in_season([food]) or (hero, food) in story.bag:
        return look_around(story)
    n = story.number(4, 9)
    story.bag[hero, food] = n
    story.tell("{h} loved {food}, and so {h.he} had {n} in {h.his} bag.", food=food, n=count(n, food))
    story.lose(hero, food, story.number(1, n - 2), "ate")
    story.loose_ends.append("That night {h} ate the last {rest}[|, and they were the best of all].")
    story.know(rest=count(story.bag[hero, food], food))


def begin_loose_end(story):
    """Mention something in passing that the ending will not forget."""
    begin, end = story.pick(LOOSE_ENDS)
    story.tell(begin)
    story.loose_ends.append(end)


def look_around(story):
    story.tell(story.pick((
        "The path was long, but [the birds|a song|the clouds] made it short.",
        "[It was a good day for a walk.|The path knew the way.|{h} sang a little, and nobody stopped {h.him}.]",
        "{h} went the wrong way, but the path was kind and came back.")))


def arrive(story, role="p"):
    """Come to the place of a role and see what one sees there."""
    place = story.facts[role]
    story.paragraph(f"[At last|Soon|After a while] {{h}} came to {{{role}}}.")
    if story.chance(0.6):
        story.tell(place.sight)


def ending(story):
    """Tie the loose ends, then close with the moral, the evening, or the hero's own words."""
    story.paragraph(*story.loose_ends)
    moral = story.moral if story.chance(0.75) else story.pick(GENERAL_MORALS)
    closings = [f"[And so everyone learned that|Since that day the valley knows that|It is true:] {moral}.",
                EVENINGS[story.season], "{h.says}"]
    for _ in range(1 + story.chance(0.3)):
        closing = story.pick(closings)
        closings.remove(closing)
        story.tell(closing)
