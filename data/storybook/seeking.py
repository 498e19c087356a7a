"""Plots in which the hero wants a thing: to earn it, to trade for it, to swap for it, to have it made.

Before this file: `scenes`. After it: a plot is a function that takes a story, chooses facts, and tells them in order.
"""

from .scenes import arrive, on_the_way
from .telling import NUMBERS, count
from .world import Ware

COIN = Ware("coin", "coins", "earned", "market")
JOBS = ("swept the floor of {o}", "carried water for {o}", "washed the windows of {o}", "cut wood for {o}",
        "painted the door of {o}", "held the ladder for {o}")


def wanting(story):
    """What the hero wants, what for, and because of what."""
    story.thing()
    story.paragraph("[That week|In those days|As it was,] {why}. So {h} wanted {a_red_t} {use}."
                    if story.chance(0.5) else "{h} wanted {a_red_t} {use}, because {why}.")
    story.tell('"[A day without {a_t} is only half a day|I need {a_t}, and I need it soon|I dream of {a_t} every '
               'night]," said {h}.' if story.chance(0.6) else
               "{h.He} thought of it [in the morning and in the evening|all day long].")


def having(story):
    """The wish came true: what the thing did."""
    story.tell("[So {h} had {h.his} {red_t} at last.|Now the {red_t} belonged to {h}.|{h} carried the {red_t} home.]",
               "{joy}.")


def earn(story):
    """Work for coins until they are enough."""
    wanting(story)
    hero, price = story.hero, story.number(7, 12)
    story.enter("f", other_pronoun=True)
    story.title = "[{h} and the {red_t}|The {red_t}|{price} coins for {a_t}]"
    story.moral = "small coins make a big day"
    story.know(price=NUMBERS[price])
    story.tell("{f.full} had {a_red_t} and would sell it for {price} coins.",
               "{h} looked [under {h.his} bed|in all {h.his} shoes|behind the clock|in the old teapot].")
    story.gain(hero, COIN, story.number(2, 4), "found")
    story.tell('"[That is not enough|You need more]," said {f}. "[But I can wait|Come back when you have {price}]."')
    jobs, first = list(JOBS), "First"
    story.paragraph("So {h} [went to work|looked for work].")
    while story.bag[hero, COIN] < price:
        jobs.remove(job := story.pick(jobs))
        story.enter("o")
        story.tell(first + " {h} " + job + ".")
        first = "[Then|After that|Next]"
        story.gain(hero, COIN, story.number(2, 4))
    on_the_way(story)
    story.paragraph('"Here I am," said {h}, "and here are the {price} coins."')
    story.lose(hero, COIN, price, "paid")
    story.tell('"[It is yours|Take good care of it]," said {f}. {f.adds}')
    having(story)


def barter(story):
    """The owner will trade the thing for her favourite food; the hero gets that where it grows."""
    wanting(story)
    hero = story.hero
    owner = story.enter("f", story.away, other_pronoun=True)
    ware, price = owner.favourite, story.number(4, 9)
    story.know(w=ware, price=count(price, ware))
    story.title = "[{price} for {a_t}|The {red_t}|How {h} got the {red_t}]"
    story.moral = "a fair trade makes two people happy"
    story.tell("{f.full} had one. But {f} did not want coins. {f.He} loved {w} more than anything[| in the world].",
               '"Bring me {price}," said {f}, "and the {red_t} is yours."')
    story.know(p=ware.place)
    on_the_way(story)
    arrive(story)
    first = story.number(2, price - 1)
    story.gain(hero, ware, first)
    story.tell('"[Not enough yet|I need more]," said {h}, and {h.he} looked again.')
    story.gain(hero, ware, story.number(price - first, price - first + 3))
    story.paragraph("Then {h} went to {f}, who was {f.busy}.", '"Here are {price}," said {h}.')
    story.lose(hero, ware, price, "gave {f}")
    story.tell("{f} [ate one at once|counted them and smiled|was so happy that {f.he} sang].", "{f.says}")
    having(story)
    if rest := story.bag[hero, ware]:
        story.loose_ends.append(f"{{h}} shared the last {count(rest, ware)} with a [duck|frog|small bird].")


def swap(story):
    """A chain: one neighbour wants what another one has."""
    wanting(story)
    story.enter("f", other_pronoun=True)
    story.enter("o")
    ware = story.ware()
    other = story.pick(("chair", "spoon", "pot", "broom", "cup", "pillow"))
    n = story.number(3, 8)
    story.know(thing=other, n=count(n, ware), p=ware.place)
    story.title = "[The long swap|{h} and the {red_t}|A {thing} for {a_t}]"
    story.moral = "everyone has what someone else needs"
    story.tell('{f.full} had one. "I need a {thing}," said {f}. "Bring me a {thing}, and you can have the {t}."',
               "{o.full} had a good {thing}, but {o} wanted {n} for it.",
               '"[I see|Very well|That is easy]," said {h}. "First the {w}, then the {thing}, then the {t}."')
    on_the_way(story)
    arrive(story)
    story.gain(story.hero, ware, n + story.number(0, 3))
    story.paragraph("{h} took them to {o}, who was {o.busy}.")
    story.lose(story.hero, ware, n, "gave {o}")
    story.tell("Now {h} had a {thing}. {h.He} carried it to {f} on {h.his} head.",
               '"[What a {thing}|The best {thing} in the valley]!" said {f}. {f.adds}')
    having(story)


def make(story):
    """Someone skilled can make it, once the hero has brought three parts."""
    wanting(story)
    story.enter("f", lambda who: who.skill in ("mend", "sew", "dig"), other_pronoun=True)
    parts = ["some wood", "a long string", "a pot of paint", "a good nail", "an old button", "a bit of cloth"]
    story.title = "[How to make {a_t}|{h} and the new {t}|Three parts]"
    story.moral = "it is best to make a thing with a friend"
    three = [parts.pop(int(story.rng.random() * len(parts))) for _ in range(3)]
    story.know(a=three[0], b=three[1], c=three[2])
    story.tell('"[I can make one|Nothing could be easier]," said {f.full}. "Bring me {a}, {b} and {c}."')
    for part in three:
        story.enter("o")
        story.tell("[{o.full}|{o}, who {o.work},] gave {h} {part}[| and asked for nothing| and a bun].", part=part)
    on_the_way(story)
    story.paragraph("{f} took {a}, {b} and {c} and began. [There was a bang|There was much noise|It took all day], "
                    "and then it was [ready|done].",
                    '"[It is not pretty|It has one side too many], but it is {a_t}," said {f}. {f.adds}')
    having(story)
