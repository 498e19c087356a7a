"""Plots that turn on a number: a garden, a fair share, a recipe, a tower, a guess.

Before this file: `scenes`. After it: every sum, difference, product and quotient in the stories is computed before
it is told, so that a reader (or a test) may check each one.
"""

from .scenes import arrive, on_the_way
from .telling import NUMBERS, count
from .world import WARES

PRODUCTS = ((2, 3), (2, 4), (2, 5), (2, 6), (2, 7), (2, 8), (3, 3), (3, 4), (3, 5), (3, 6), (4, 3), (4, 4), (4, 5),
            (5, 3), (5, 4), (6, 2), (6, 3))


def garden(story):
    """Plant rows, wait, and multiply."""
    rows, each = story.pick(PRODUCTS)
    story.know(w=WARES[story.pick(("carrot", "turnip", "pepper"))], rows=NUMBERS[rows], each=NUMBERS[each],
               Rows=NUMBERS[rows].capitalize(), all=NUMBERS[rows * each])
    story.enter("f", other_pronoun=True)
    story.title = "[The garden of {h}|{rows} rows of {w}|{h} waits]"
    story.moral = "waiting is also work"
    story.paragraph("{h} had a bag of seeds. {h.He} dug the earth and planted {rows} rows with {each} seeds in each "
                    "row.",
                    '"[Now grow|Up you come], please," said {h}. The seeds said nothing.')
    story.paragraph('[After an hour|The next day] {h} looked. There was nothing. {f.full} came by. "[Sing to '
                    'them|Talk to them|Do not look at them]," said {f}. {f.adds}',
                    "So {h} [sang a song about soup|told them a story about rain|looked the other way] every day.")
    on_the_way(story)
    story.paragraph("The rain came, and then the sun. One morning there was something green! And by summer every "
                    "seed was ready.",
                    '"{Rows} rows of {each} make {all}," said {f}. [It was true:|They counted, and it was true:] '
                    "there were {all} {w}.")
    sharing(story, rows * each, "{h} and {f}", 2)


def sharing(story, n, friends, k):
    """Divide n wares among k friends, and say what happens to the rest."""
    share, rest = divmod(n, k)
    story.know(share=NUMBERS[share], n=count(n, story.facts["w"]), k=NUMBERS[k], rest=NUMBERS[rest])
    story.tell(friends + " [shared them|made a fair share].", "{n} for {k} friends is {share} each" +
               (", with {rest} left over. The rest went [to the ducks|into the soup]." if rest else "."))


def fair_share(story):
    """Find something good, quarrel a little, and divide."""
    k = story.number(3, 4)
    ware = story.ware()
    story.enter("f", other_pronoun=True)
    story.enter("o")
    if k == 4:
        story.enter("e")
    story.know(p=ware.place)
    story.title = "[A fair share|{k} friends and the {w}|Who gets the last of the {w}?]"
    story.moral = "a fair share tastes best"
    story.know(k=NUMBERS[k])
    story.paragraph("[One day|One afternoon] {h} went to look for {w}.")
    on_the_way(story)
    arrive(story)
    n = k * story.number(2, 4) + story.number(0, 1)
    first = story.number(3, n - 2)
    story.gain(story.hero, ware, first)
    story.gain(story.hero, ware, n - first)
    story.paragraph("Then came {f.full} and {o.full}" + (", and behind them {e.full}." if k == 4 else "."),
                    '"[I saw them first, from far away|They grow for me|I am the biggest]," said {f}. "[I saw them '
                    'yesterday|I dreamed of them last night]," said {o}. {o.adds}',
                    '"[Stop|Quiet]," said {h}. "We will count, and then we will not need to shout."')
    sharing(story, n, "So the {k} friends", k)
    story.tell("[They sat in a row and were quiet for once.|{f} found that {f.his} part was just right.|{o} said "
               "sorry, and {f} did too.]")


def recipe(story):
    """A cake needs more eggs than there are; friends bring the rest, and the cake is not as planned."""
    need = story.number(6, 10)
    egg, hero = WARES["egg"], story.hero
    story.bag[hero, egg] = story.number(1, 2)
    story.enter("f", other_pronoun=True)
    story.know(need=NUMBERS[need], have=count(story.bag[hero, egg], egg), cause=story.pick((
        "it was the birthday of {f}", "the feast was on Sunday", "{f} was ill in bed", "guests were coming")))
    story.title = "[The cake of {h}|{need} eggs|A cake for {f}]"
    story.moral = "a cake is made of friends, and also of eggs"
    story.paragraph("{h} wanted to bake a cake, because {cause}. {f.full} loved cake. The book said: take {need} "
                    "eggs. But {h} had only {have}.")
    on_the_way(story)
    story.paragraph("So {h} went from door to door.")
    while (missing := need - story.bag[hero, egg]) > 0:
        story.enter("o")
        n = min(missing, story.number(2, 4))
        story.tell("{o.full} gave {h} {n}. {o.says}", n=count(n, egg))
        story.gain(hero, egg, n, "got")
    story.paragraph("Now there were enough. {h} mixed and mixed. But then {h.he} [dropped the spoon in the "
                    "oven|took the salt for the sugar|forgot the flour|fell asleep for an hour].",
                    "The cake was [as flat as a hat|as hard as a stone|black on one side|as big as a chair]. {f} "
                    'looked at it, and then {f.he} began to laugh. "[It is the best cake that I ever saw|I will '
                    'never forget this cake]," said {f}[, and ate two pieces|, and wore a bit of it as a hat|].')


def stacking(story):
    """Build a tower; it falls; the number says how much is left, the friends say how to go on."""
    stuff = story.pick(("pots", "chairs", "boxes", "sacks", "books"))
    n = story.number(7, 12)
    fell, more = story.number(2, n - 3), story.number(2, 6)
    story.know(stuff=stuff, n=NUMBERS[n], fell=NUMBERS[fell], left=NUMBERS[n - fell], more=NUMBERS[more],
               N=NUMBERS[n].capitalize(), all=NUMBERS[n - fell + more], Left=NUMBERS[n - fell].capitalize(),
               goal=story.pick(("touch the moon", "see the sea", "look into the nest of a bird",
                                "ask a cloud for rain")))
    story.enter("f", other_pronoun=True)
    story.enter("o")
    story.title = "[The tower of {stuff}|{h} wants to go up|{all} {stuff}]"
    story.moral = "what falls down was once very high"
    story.paragraph("{h} wanted to {goal}. So {h.he} put {n} {stuff} one on top of the other.",
                    '"[Higher|It is not high enough]," said {h}. {f.full} came and looked up. {f.says}')
    story.paragraph("Then [a fly sat down on it|the wind blew|{f} sneezed], and {fell} {stuff} fell [on the "
                    'ground|in the mud]. "{N} take away {fell} leaves {left}," said {f}. "[I am not sad|That is a '
                    'start]," said {h}.')
    on_the_way(story)
    story.paragraph("{h} went to {o.full}, who was {o.busy}. {o.known} But {o} had {more} {stuff} to give away.",
                    '"{Left} and {more} make {all}," said {o}. {o.adds}',
                    "So they put up all {all}, and {f} held the bottom. {h} climbed to the top and [stood on one "
                    "foot|looked round|put out a hand].",
                    "[{h.He} could not {goal}, but {h.he} could see {f.place}, and it looked like a toy.|And for "
                    "one moment {h.he} did {goal}. Then it all fell down, and everyone clapped.]")


def guessing(story):
    """A jar, three guesses, one winner."""
    story.ware()
    n = story.number(9, 19)
    story.enter("f", other_pronoun=True)
    story.enter("o")
    off = story.number(3, 6)
    story.know(n=NUMBERS[n], off=NUMBERS[off], low=NUMBERS[n - off], near=NUMBERS[n + 1 if n % 2 else n - 1])
    story.place()
    story.title = "[How many {w}?|The jar of {w}|{h} makes a guess]"
    story.moral = "it is good to be right, and better to share"
    story.paragraph('{o.full} [put|stood] a big jar of {w} {p.at}. "[Who can say how many there are|How many are in '
                    'it]?" asked {o}. "The best guess wins the jar."')
    on_the_way(story)
    story.paragraph('{f.full} came first. "[I say|I think] {low}," said {f}. {f.adds}',
                    '{h} walked around the jar [twice|three times]. "[It must be|I say] {near}," said {h}.',
                    "They counted. It took [all morning|until tea], because {o} [lost the place and began "
                    "again|counted one of them twice|had to sneeze]. There were {n} in the jar.")
    story.paragraph('"Then {f} is wrong by {off}, and {h} is wrong by one," said {o}. So {h} won the jar.',
                    "But what can you do with {n} {w} alone? {h} gave {f} half of what {h.he} could carry, and "
                    "[they sat on the jar and looked at the clouds|they were friends from then on].")
