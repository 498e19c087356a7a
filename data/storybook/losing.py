"""Plots in which a thing goes missing: stuck, under one's nose, found by another, stolen, broken.

Before this file: `scenes`. After it: the reader has seen a small simulation decide a plot: who can help in a
predicament follows from the skills in `people`, and who left a trail follows from the marks.
"""

from .people import CHARACTERS
from .scenes import arrive, on_the_way
from .telling import NUMBERS, count

PREDICAMENTS = (    # what happened, the skill that helps, how a helper with that skill solves it
    ("the wind took it and put it on top of the tallest tree", "fly", "flew up and brought it down"),
    ("a bird took it and left it on the roof of the mill", "climb", "climbed up and threw it down"),
    ("it fell from the bridge into the deep river", "swim", "swam down to the bottom and came up with it"),
    ("a big stone rolled down the hill and lay on it", "lift", "lifted the stone with one hand"),
    ("it fell into a crack in the wall", "squeeze", "squeezed into the crack and pulled it out"),
    ("it fell in the mud and the mud closed over it", "dig", "dug a neat hole and found it at the bottom"),
    ("it fell down the stairs and broke in two", "mend", "mended it, and now it was better than before"),
    ("a post cart took it by mistake and went away with it", "run", "ran after the cart and was back before tea"),
    ("it froze in the ice of the pond", "blow fire", "breathed on the ice, and the ice was water"),
)
NOSES = (           # where a lost thing was all the time
    "on {h.his} own head", "in {h.his} other hand", "right behind {h.him}", "under {h.his} own arm")


def stuck(story):
    """A friend without the skill tries and fails; a friend with the skill succeeds."""
    skills = {who.skill for who in CHARACTERS if who is not story.hero}
    happened, skill, solved = story.pick([row for row in PREDICAMENTS if row[1] in skills
                                          and (row[1] != "blow fire" or story.season == "winter")])
    story.thing()
    helper = story.enter("o", lambda who: who.skill == skill)
    story.enter("f", lambda who: who.skill != skill, other_pronoun=True)
    story.know(happened=happened, skill=skill, solved=solved)
    story.title = "[Help for {a_t}|{h} and the lost {t}|What {o} can do]"
    story.moral = "everyone is good at something"
    story.paragraph("{h} had {a_red_t}. [But one day|But that morning] {happened}.",
                    '"[Oh no|Help], my {t}!" [cried|shouted] {h}.')
    story.paragraph("First came {f.full}. {f.says} {f.He} [pushed and pulled|looked at it from all sides|asked it "
                    "nicely], but it was no use.",
                    '"[What we need|What this needs]," said {f}, "is someone who can {skill}. Go to {o}!"')
    on_the_way(story)
    story.paragraph("{o.full} was {o.busy}. {o.known} But [when {o.he} heard about the {t}|for a friend], {o.he} "
                    "came at once.",
                    "{o} {solved}.", '"[Thank you|Well done]!" cried {h}. {o.says}')
    if helper.favourite in story.in_season([helper.favourite]):
        n = story.number(2, 6)
        story.know(n=count(n, helper.favourite), food=helper.favourite)
        story.tell("{o} loved {food}, so {h} gave {o.him} {n}.")


def under_the_nose(story):
    """Everyone looks everywhere, and it was there all the time."""
    story.thing(lambda thing: thing.name in ("hat", "scarf", "flute", "umbrella", "blanket", "map", "basket"))
    first, second = story.place("p"), story.place("q")
    while second is first:
        second = story.place("q")
    story.enter("f", other_pronoun=True)
    story.enter("o")
    story.know(nose=story.pick(NOSES))
    story.title = "[Where is the {t}?|{h} looks for {a_t}|The lost {t}]"
    story.moral = "the last place is always the right one"
    story.paragraph("[One morning|After breakfast] {h} could not find {h.his} {red_t}. {h.He} looked under the bed, "
                    "[in the oven|behind the door|in the soup] and under the bed again.",
                    '"It is gone," said {h}. "[A thief was here|The moon took it|It has left me]!"')
    on_the_way(story)
    arrive(story)
    story.tell("{f.full} was there. {f.He} helped {h.him} look, but they found only [an old shoe|a sleeping "
               "frog|half a bun].", "{f.says}")
    story.paragraph("Then they went to {q}. There they [asked|met] {o.full}, who was {o.busy}.",
                    '"[Have you seen|Did you see] my {red_t}?" asked {h}.',
                    '"[Yes|I have]," said {o}. "It is {nose_for_you}."',
                    nose_for_you=story.facts["nose"].replace("{h.his}", "your").replace("{h.him}", "you"))
    story.tell("And so it was: {nose}. {f} laughed so much that {f.he} [had to sit down|fell over|lost a shoe].",
               '"[I knew that|I only wanted to be sure|I looked there last]," said {h}.')


def found(story):
    """Find a thing with a trace of its owner, and bring it back."""
    owner = story.enter("f", other_pronoun=True)
    story.enter("o", lambda who: who.mark != owner.mark)
    story.thing()
    story.place(not_home_of=owner)
    story.title = "[Whose {t} is it?|The {red_t} {p.at}]"
    story.moral = "what you give back comes back as a friend"
    story.paragraph("{p.at} {h} found {a_red_t}. [It was a good one.|Nobody was there.]",
                    '"[I would like to keep it|What luck]," said {h}, "but somebody is looking for it now."',
                    "{h.He} looked at it with care. There was {f.mark} on it.")
    on_the_way(story)
    story.paragraph('First {h} asked {o.full}. "Not mine," said {o}. "I leave {o.mark} on things, and this is '
                    '{f.mark}."')
    story.paragraph('Then {h} had an idea. "Who leaves {f.mark}? {f}, who {f.works}!" So {h.he} ran to {f.place}.',
                    "{f} was {f.busy} and looked sad. But when {f.he} saw the {t}, {f.he} [danced|laughed|gave {h} "
                    "a hug].",
                    '"[You found it|My {red_t}]!" cried {f}. "I looked for it all [day|week|morning]." {f.adds}')
    if (food := owner.favourite) in story.in_season([food]):
        story.know(n=count(story.number(2, 5), food))
        story.tell('Then {f} gave {h} {n}[ as a thank you| to eat on the way home|].')


def thief(story):
    """Something is missing every morning; the mark tells who takes it, and the reason tells what to do."""
    culprit = story.enter("f", other_pronoun=True)
    hero, ware = story.hero, story.ware(lambda ware: ware.eaten)
    start = story.number(9, 14)
    story.bag[hero, ware] = start
    story.know(n=count(start, ware), w=ware, reason=story.pick((
        "I walk in my sleep, and I eat in my sleep too", "I wanted to ask, but you were always asleep",
        "I thought it was my own house, it has the same door", "my cupboard is empty, and I did not want to say so")))
    story.title = "[Who took the {w}?|The missing {w}]"
    story.moral = "it is better to ask than to take"
    story.paragraph("{h} had {n} [in a basket|in a big bowl|on a shelf]. [But every morning there were fewer.|But "
                    "not for long.]")
    nights(story, ware)
    story.enter("o")
    story.paragraph('"[Strange|How odd]," said {h}. {h.He} asked {o.full} what to do. {o.says}',
                    "[That was no help at all.|It was hard to say if that was help.]")
    story.paragraph("[On the floor|By the door|Under the window] {h} saw {f.mark}. [{h} thought for a long "
                    "time.|Aha!]",
                    "That night {h.he} hid behind [the door|a chair] and waited. [At midnight|When the moon was up] "
                    "in came {f.full}!")
    story.tell('"[So it was you|Good evening]!" said {h}. {f} [turned red|nearly fell over|dropped a spoon]. '
               '"[Forgive me|Oh dear]," said {f}, "{reason}."',
               '"Then [sit down|stay]," said {h}, "and we will eat together."')
    n = story.bag[hero, ware]
    story.tell("So they sat at the table and ate the {n}, and {f} said: {saying}", n=count(n, ware),
               saying=f'"{culprit.saying}"')


def nights(story, ware):
    """One or two nights in which some of the hero's wares go away."""
    for night in ("The first night", "The next night")[:story.number(1, 2)]:
        gone = story.number(2, 3)
        left = story.bag[story.hero, ware] - gone
        story.tell("{night} {gone} of them went away. {Start} take away {gone} leaves {left}.", night=night,
                   gone=NUMBERS[gone], Start=NUMBERS[left + gone].capitalize(), left=NUMBERS[left])
        story.bag[story.hero, ware] = left


def broken(story):
    """Borrow, break, tell the truth, and mend."""
    lender = story.enter("f", other_pronoun=True)
    story.thing(lambda thing: thing.name not in ("scarf", "blanket", "map", "hat"))
    story.enter("o", lambda who: who.skill == "mend")
    story.know(fault=story.pick(("{h} sat on it", "{h} dropped it on a stone",
                                 "{h} tripped over a snail and fell on it",
                                 "{h} put it on a chair with three legs")))
    story.title = "[The broken {t}|{h} tells the truth]"
    story.moral = "the truth is heavy only until you put it down"
    story.paragraph('One day {h} went to {f.full} and borrowed {f.his} {red_t}. "[Take good care of it|Bring it '
                    'back on Sunday]," said {f}. {f.adds}',
                    "For a while all went well. But then {fault}, and it broke.")
    story.paragraph('"[I could hide it|I could say that a storm did it]," thought {h}. But {h.he} [could not '
                    "sleep|did not like that thought|could not eat one bite].")
    on_the_way(story)
    story.paragraph("{h} came to {f}, who was {f.busy}. \"I broke your {t},\" said {h}. \"I am sorry.\"",
                    '"[Thank you for the truth|I am glad that you told me]," said {f}. "{o} can mend it."',
                    "So they took it to {o.full}. {o.says}",
                    "{o} mended it [with some glue and a song|in one hour|twice, to be sure], and it was as good as "
                    "[new|before]. {joy}.")
    if lender.favourite in story.in_season([lender.favourite]):
        story.know(food=lender.favourite)
        story.tell("And {h} brought {f} a bag of {food}[ every Sunday| that week].")
