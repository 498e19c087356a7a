"""Plots of the heart: a fear, a quarrel, a guest, a gift, a lesson.

Before this file: `scenes`. After it: a trait can be a cause. Whoever is afraid of something goes there for a friend;
whoever likes something is given it, and is glad for that reason.
"""

from .scenes import arrive, on_the_way
from .telling import NUMBERS, count

FEARS = {           # fear -> where a friend without these skills is in need, why it is hard, the trick, the truth
    "thunder": ("climb, fly", "sat in a tree in a storm and could not come down", "The thunder rolled over the hill",
                "sang so loudly that the thunder was only the drum", "thunder is just a big drum with no song"),
    "deep water": ("swim, fly", "sat on a stone in the river, and the boat was gone", "The river was deep and brown",
                   "looked only at {f} and never at the water", "deep water is just a lot of small water"),
    "bees": ("", "stood in the middle of the bees and dared not move", "The bees were all over the meadow",
             "walked slowly and said good day to each bee", "a bee is just a busy neighbour in a striped coat"),
    "high places": ("climb, fly", "was stuck on the top of the clock tower",
                    "There were ninety steps, and all of them went up",
                    "counted the steps and looked at each one only",
                    "a high place is just a low place with more air"),
    "the dark": ("dig, blow fire", "was lost in the cave without a light", "The cave was as black as a boot",
                 "held out one hand and told the dark a joke", "the dark is just the day with its eyes shut"),
}
SKILLS_TO_LEARN = ("dance", "whistle", "swim", "stand on one leg", "skate on a pan", "jump over a gate",
                   "walk on a rope", "ride on a broom")
PRIZES = ("the best seat under the old tree", "the last bun", "the sunny end of the bench", "a very good stone",
          "the top bunk of the hay", "the only shady spot")


def fear(story):
    """A friend is in need just where the hero dares not go."""
    skills, need, hard, trick, really = FEARS[story.hero.fear]
    story.enter("f", lambda who: who.fear != story.hero.fear and who.skill not in skills, other_pronoun=True)
    story.know(need=need, hard=hard, trick=trick, really=really)
    story.title = "[{h} and {h.fear}|{h} is afraid|What {h} did for {f}]"
    story.moral = "the brave are afraid too, but they go"
    story.paragraph("{h} was afraid of [one thing only: {h.fear}.|{h.fear}, but {h.he} never said so.] [Nobody knew "
                    "it but the pillow.|Even the word was too much.]")
    story.tell("One day {h} went for a walk.")
    on_the_way(story)
    story.paragraph('[All at once there was a shout.|Then {h} heard something.] {f.full} {need}. "Help!" called '
                    "{f}. [Nobody else was near.|Only {h} heard it.]",
                    "{hard}. {h} [shook like a leaf|took one step back|wanted to go home]. But {f} called again.")
    story.tell('"[I am afraid|My knees say no]," said {h}, "but I am coming."')
    story.paragraph("So {h} {trick}. [Step by step|Little by little] {h.he} came to {f}, and together they came "
                    "back.",
                    "{f} [held {h.his} hand|said thank you ten times|gave {h} a hug]. {f.says}",
                    '"Were you not afraid?" asked {f}. "[Yes|Very much]," said {h}, "but now I know: {really}."')


def quarrel(story):
    """Two friends want the same; silence; a third solves it in a silly way."""
    story.enter("f", other_pronoun=True)
    story.enter("o")
    story.know(prize=story.pick(PRIZES), days=NUMBERS[story.number(2, 6)])
    story.title = "[The quarrel|{h} and {f} do not speak|Who gets {prize}?]"
    story.moral = "no prize is worth a friend"
    story.paragraph("{h} and {f.full} were best friends. But one day both wanted {prize}.",
                    '"It is mine," said {h}. "[No, mine|I was here first]," said {f}. {f.adds}',
                    "They [shouted|argued] until [the moon came out|the birds flew away], and then they did not "
                    "speak at all for {days} days.")
    story.paragraph("[It was very quiet in the valley.|{h} had nobody to talk to but the soup.] [{h} saw a funny "
                    "cloud and had nobody to show it to.|{f} thought of a joke and had nobody to tell it to.]")
    on_the_way(story)
    story.paragraph("In the end {o.full} had enough. \"[Bring it to me|Come here, both of you],\" said {o}. {o.adds}",
                    "[{o} sat down on it, or in it, or under it, and would not move. {h} and {f} had to work "
                    'together to push.|"Whoever says a kind word about the other first can have it," said {o}. Both '
                    'of them spoke at the same time.|"I will keep it for myself," said {o}. "No!" cried both '
                    "friends with one voice.]",
                    "Then {h} looked at {f}, and {f} looked at {h}, and they laughed until it hurt.",
                    '"[You have it|Take it]," said {h}. "[No, you|After you]," said {f}. In the end [they shared '
                    "it|they gave it to {o}|a duck took it].")


def guest(story):
    """Give half in winter; get it back in another season."""
    story.enter("f", other_pronoun=True)
    food = story.hero.favourite if story.hero.favourite.eaten else story.ware(lambda ware: ware.eaten)
    half = story.number(2, 6)
    story.bag[story.hero, food] = half
    story.know(w=food, all=count(2 * half, food), half=count(half, food),
               gift=story.pick(("a warm pie", "a new chair", "a song with the name of {h} in it", "a red lantern",
                                "a door that did not let in the wind", "two hats, one for each ear")))
    story.title = "[The guest|A knock at the door|{h} has a guest]"
    story.moral = "half a meal with a friend is a whole one"
    story.paragraph("The wind was [wild|cold] that night. {h} sat by the fire with {all}, all that was left.",
                    "[Knock, knock!|There was a knock.] {f.full} stood at the door, [wet to the bone|as cold as a "
                    'stone|with snow on {f.his} nose]. "May I come in?" asked {f}. {f.adds}')
    story.paragraph('"[Come in|Sit by the fire]," said {h}. {f.known} But that night {f.he} was only hungry.',
                    "{h} gave {f} half of the {w}. Half of {all} is {half}. [They ate slowly and told stories.|They "
                    "talked until the fire was low.] In the morning {f} was gone, and the bed was made.")
    on_the_way(story)
    story.paragraph("[The winter went by.|The weeks went by.] Then one day {f} came back with {gift}.",
                    '"[You gave me half|I did not forget]," said {f}, "[and so I bring you a whole|and I do not '
                    'like to be late with thanks]."',
                    "{h} [could not say a word|laughed and put the pot on the fire].")


def gift(story):
    """A birthday: bring the favourite food, lose much of it on the way, and find it was enough."""
    friend = story.enter("f", story.away, other_pronoun=True)
    ware, hero, n = friend.favourite, story.hero, story.number(8, 12)
    story.know(w=ware, p=ware.place)
    story.title = "[A birthday for {f}|The birthday of {f}|{w} for {f}]"
    story.moral = "a gift is as big as the road it took"
    story.paragraph("It was the birthday of {f.full}. {f} loved {w}[ more than anything|, as everyone knew], so {h} "
                    "[wanted to bring|went to get] {f.him} a whole bag of them.")
    arrive(story)
    story.gain(hero, ware, n)
    on_the_way(story)
    story.paragraph("It was a long way to {f.place}.")
    mishaps = [("{o.full} was hungry and asked for some.", "gave away"), ("There was a hole in the bag.", "lost"),
               ("{h} tripped over a stone.", "dropped"), ("A duck looked at the bag with sad eyes.", "gave away")]
    while story.bag[hero, ware] > 4:
        what, verb = mishaps.pop(int(story.rng.random() * len(mishaps)))
        story.enter("o")
        story.tell(what)
        story.lose(hero, ware, min(story.number(2, 4), story.bag[hero, ware] - 1), verb)
    story.know(rest=count(story.bag[hero, ware], ware))
    story.paragraph('So {h} came to the party with only {rest} and [a red face|an empty bag|wet eyes]. "It was a '
                    'full bag when I left," said {h}. "I am sorry."',
                    'But {f} smiled. "[Nobody else brought me {w}|You came all this way for me|I have had hats and '
                    'socks all day]," said {f}. "[This is the best gift|I like this best of all]." {f.adds}')


def lesson(story):
    """Learn something, fail by numbers, and teach something back."""
    story.enter("f", other_pronoun=True)
    tries = story.number(5, 9)
    story.know(art=story.pick(SKILLS_TO_LEARN), tries=NUMBERS[tries])
    story.title = "[{h} learns to {art}|The lesson|{tries} times]"
    story.moral = "you fall first, and then you fly"
    story.paragraph("{h} could do many things, but {h.he} could not {art}. So {h.he} asked {f.full}, who was "
                    "{f.busy}.",
                    '"[Nothing is easier|I can teach a stone to do it]," said {f}. {f.adds} {f.known}')
    on_the_way(story)
    story.paragraph("The first day {h} [fell into a bush. The next day {h.he} fell into the same bush|fell on {f}. "
                    "The next day {h.he} fell on a duck|broke a chair. The next day {h.he} broke the other chair].",
                    '{h} tried {tries} times and fell {tries} times. "[I will never do it|This is not for me]," '
                    "said {h}.",
                    '"[Once more|Try it with a hat on|Try it with your eyes shut]," said {f}.')
    story.paragraph("And then, [all at once|when nobody was looking], {h} could {art}! {f} was so [proud|surprised] "
                    "that {f.he} fell over.",
                    '"[Now teach me something|Now it is my turn to learn]," said {f}. "How do you stay so '
                    '{h.trait}?" "[It takes time|I will show you]," said {h}.')
