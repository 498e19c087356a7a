"""Plots with a question in them: a letter without a name, a contest, a noise in the night, a riddle, a machine.

Before this file: `scenes`. After it: all the plots have been told; `make_stories` chooses among them.
"""

from .scenes import arrive, on_the_way

CONTESTS = (        # what is judged, the trait that wins it, and the sentence of the winner
    ("who could sit still the longest", "slow sleepy lazy patient",
     "{f} sat so still that a bird built a nest on {f.him}"),
    ("who could shout the loudest", "loud bossy proud grumpy", "{f} shouted, and two hats and a roof flew away"),
    ("who could run a hundred steps the fastest", "quick brave cheerful", "{f} was back before the others had begun"),
    ("who could ask the hardest question", "curious clever wise nosy",
     "{f} asked where the dark goes in the morning, and nobody knew"),
    ("who could carry an egg on the head", "gentle careful neat shy polite", "{f} walked as if the egg were asleep"),
    ("who could say no the longest", "stubborn grumpy proud", "{f} said no until Tuesday"),
    ("who could forget the most", "forgetful sleepy lazy", "{f} forgot that there was a contest, and so {f} won"),
)
NOISES = (          # the noise, what everyone feared, what it was
    ("bom, bom, bom", "a giant's heart", "{f} was dancing alone in big boots"),
    ("hoo, hoo, hoo", "a ghost with a cold", "the wind was blowing over an empty bottle"),
    ("tick, tack, tick", "a stone that could walk", "a snail was knocking and had been for two days"),
    ("squeak, squeak", "a very small thief", "{f} had new shoes"),
    ("rrr, rrr, rrr", "a dragon with a toothache", "{f} was asleep and snored like a saw"),
    ("plip, plop, plip", "a ghost that cried", "it rained through the roof into a pot"),
    ("scratch, scratch", "a monster with long nails", "a hungry frog was drawing a bun on the wall"),
)
RIDDLES = (
    ("Last night I was not there, and now I stand in the wet grass with my hat on", "a mushroom"),
    ("At noon I hide under your feet, and in the evening I am taller than you", "a shadow"),
    ("Ask me something in the cave, and I will ask you the same", "an echo"),
    ("I get thin and round again, and nobody has seen me eat", "the moon"),
    ("I point at twelve things all day, but I am not rude", "a clock"),
    ("I open when the sky cries and shut when it smiles", "an umbrella"),
    ("I wear white in winter and green in summer, and I never take a step", "the hill"),
    ("I have two shoes and no feet", "a shoe box"),
    ("I know the way to the market, but I have never been there alone", "a path"),
    ("I have one hole at the top and one at the toe, and I am warm in the middle", "an old sock"),
    ("I dance on a log all night and leave only grey dust", "a fire"),
    ("I was born in a cloud, and I die on a warm nose", "a snowflake"),
)
MACHINES = (        # what to catch, in what, the failure, the use of it all
    ("the fog", "a jar", "the jar was full of nothing", "a jar of nothing will never be empty"),
    ("the wind", "a sack", "the sack flew away with {h.his} hat", "a sack that flies is a kind of kite"),
    ("the echo", "a bottle", "the bottle said only what {h} said", "at last somebody agreed with {h}"),
    ("the moonlight", "a bucket", "by day the bucket was dark", "there were frogs in it, and they sang"),
    ("a cloud", "a net", "the cloud went through and left the net wet",
     "the wet net was just right to water the flowers"),
    ("the smell of bread", "a box", "the box smelled of box", "a box is always good to sit on"),
    ("yesterday", "a drawer", "only old socks were in it", "they were the socks that {h} had lost last year"),
)


def letter(story):
    """A letter says only what its reader is like; the wrong one says no, the right one says yes."""
    story.enter("f", other_pronoun=True)
    story.enter("o")
    story.know(news=story.pick((
        "Please come to tea on Sunday", "I am sorry about the soup", "You left your left shoe here",
        "I like you very much, and I do not dare to say it", "Thank you for the song")))
    story.title = "[The letter|A letter for someone|A letter without a name]"
    story.moral = "what we are is a kind of name"
    story.place()
    story.paragraph('{p.at} {h} found a letter. There was no name on it. It said only: "For [the one who is so '
                    '{f.trait}|my {f.trait} friend]."')
    on_the_way(story)
    story.paragraph('First {h} took it to {o.full}. "Is this for you?" asked {h}. "No," said {o}, "I am not '
                    '{f.trait}, [I am {o.trait}|I am just the one who {o.works}]." {o.adds}')
    story.paragraph('{h} thought about it [under a tree|all through lunch]. "Who is so {f.trait}?" said {h}. "[Of '
                    'course|I know]! That can only be {f}, who {f.works}."',
                    "{f.full} was {f.busy}. {f.known} {f.He} opened the letter and read: \"{news}.\"",
                    '{f} [read it three times|turned pink|put it next to {f.his} heart]. "[Who wrote it|Who is it '
                    'from]?" asked {h}. "[You did, last spring|It does not say|I did, and I forgot]," said {f}. '
                    "[They laughed for a long time.|{f.adds}]")


def contest(story):
    """Three take part, and a trait decides."""
    what, traits, win = story.pick([row for row in CONTESTS if story.hero.trait not in row[1].split()])
    story.enter("f", lambda who: who.trait in traits.split())
    story.enter("o", lambda who: who.trait not in traits.split())
    story.know(what=what, win=win, prize=story.pick(("a big pie", "a silver spoon", "a red ribbon",
                                                     "a hat with a feather")))
    story.place()
    story.title = "[The contest|{h} and the contest|A contest {p.at}]"
    story.moral = "everyone wins at something, if you wait"
    story.paragraph("There was a contest {p.at}, to see {what}. The prize was {prize}.",
                    '"[I will win|I can do that in my sleep]," said {h}, and went [at once|to put on good shoes].')
    on_the_way(story)
    arrive(story)
    story.paragraph("{o.full} was the first. {o.says} But {o} [had to sneeze|fell over a frog|began too soon|began "
                    "to laugh].",
                    "Then came {h}. [{h} did well until a fly came.|{h} was good, but not good enough.|{h} did "
                    "{h.his} best.]",
                    "Last came {f.full}. {win}. {f.says}")
    story.paragraph('[Everyone clapped.|The ducks clapped with their feet.] {f} won {prize}. "[Will you teach '
                    'me|How did you do it]?" asked {h}. "[I am just {f.trait}|I did nothing at all]," said {f}. '
                    '"[You are good at other things|Nobody is as {h.trait} as you]."')


def noise(story):
    """A noise at night grows in the telling and shrinks in the light."""
    sound, feared, was = story.pick(NOISES)
    story.enter("f", other_pronoun=True)
    story.enter("o", lambda who: who.kind not in feared)
    story.know(sound=sound, feared=feared, was=was)
    story.title = "[The noise|A noise in the night|{sound}]"
    story.moral = "a thing is half as big with the light on"
    story.paragraph("[One night|At midnight] {h} heard a noise: {sound}! It stopped. Then it came again: {sound}!",
                    '"[That is|It must be] {feared}," [said|whispered] {h}, and pulled the blanket up.')
    story.paragraph('In the morning {h} told {o.full} about it. {o.known} "[Was it big|Did it have teeth]?" asked '
                    "{o}. {o.adds}")
    on_the_way(story)
    story.paragraph("That night they took a lantern and went to look, {o} [first|behind], {h} very close.",
                    "{sound}! It came from {f.place}. They opened the door, and what did they see? They were at the "
                    "house of {f.full}, and {was}.",
                    '"[Who is there|Is it morning]?" said {f}. {f.adds}',
                    "{h} [laughed|was a little red]. [They all had soup.|Then they had tea together, all three.]")


def riddle(story):
    """Nobody may pass who cannot answer."""
    question, answer = story.pick(RIDDLES)
    story.enter("f", other_pronoun=True)
    story.enter("o")
    story.know(question=question, answer=answer, goal=story.place())
    story.know(wrong=story.pick([other for _, other in RIDDLES if other != answer]),
               prize=story.pick(("a pie", "a warm bun", "a big cake")))
    story.title = "[The riddle of {f}|A riddle|{h} must guess]"
    story.moral = "a good question is a gift with a knot in it"
    story.paragraph("{h} wanted to go to {goal}[, because there was music there|, to see a friend|, just for fun].")
    on_the_way(story)
    story.paragraph('But on the path sat {f.full}. "[Stop|Wait]! I have a riddle," said {f}. "If you know it, you '
                    'may go on, and I will give you {prize}." {f.adds}',
                    '{f} stood up and said: "{question}. What am I?"')
    story.paragraph('{h} thought. "You are {wrong}," said {h}. "[Wrong|No|Cold, very cold]," said {f}.',
                    '{o.full} came by and [listened|sat down]. "{wrong_again}?" asked {o}. "No," said {f}. {o.says}',
                    wrong_again=story.pick(("A pie", "A cold", "Me", "Is it soup", "A duck")))
    story.paragraph('{h} looked [up|down|at the sky] and thought [of home|of lunch|again]. "[Now I have it|I '
                    'know]!" cried {h}. "It is {answer}!"',
                    '"[Right|Yes]!" cried {f}, and gave {h} {prize}. {h} gave half of it to {o}, and they all went '
                    "on to {goal} together.")


def machine(story):
    """Build something to catch what cannot be caught, and be glad of what is there instead."""
    what, vessel, failure, use = story.pick(MACHINES)
    story.enter("f", other_pronoun=True)
    story.enter("o", lambda who: who.skill in ("mend", "sew", "dig", "read"))
    story.know(what=what, vessel=vessel, failure=failure, use=use)
    story.title = "[How {h} caught {what}|{h} and {what}|The great idea of {h}]"
    story.moral = "even a bad idea can have a good ending"
    story.paragraph('{h} had an idea. It was [a big one|so big that it hurt]. "I will catch {what} in {vessel}," '
                    "said {h}.",
                    '"[Why|What for]?" asked {f.full}. "[To have it in winter|To look at it closely|Because nobody '
                    'has one]," said {h}. {f.says}')
    on_the_way(story)
    story.paragraph("{o.full} lent {h} {vessel}. {o.says} All [day|night] {h} [stood and waited|ran up and down], "
                    'and [late|early] {h.he} shut it with a bang. "Got it!" cried {h}.',
                    "But when they looked, {failure}. [{f} tried not to laugh.|{f} said nothing, and said it "
                    "kindly.]")
    story.paragraph("{h} sat down and [sighed|was sad for a while]. Then {f} came, looked again, and laughed: {use}.",
                    '"[You see|So]," said {f}, "it was a good idea [after all|from behind]."')
