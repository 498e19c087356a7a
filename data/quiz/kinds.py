"""The kinds of questions: each draws a fact and returns (fact, question, answer).

Before this file: `world`. After it: the reader knows what a model must have understood to answer. The fact is what the
answer is about, however it is asked for; `make_questions.py` asks about each only once, so that no question of the
corpus gives away the answer to another one.
"""

from .world import FAR_APART, MONTHS, PEOPLE, WEIGHTS, story_words, with_article

WORDS = story_words()
SHORT = [word for word in WORDS if len(word) <= 5]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def first_letter(pick):
    word = pick(WORDS)
    return word, f"which letter begins {word}?", word[0]


def last_letter(pick):
    word = pick(WORDS)
    return word, f"which letter ends {word}?", word[-1]


def length(pick):
    word = pick(WORDS)
    return word, f"how long is {word}?", str(len(word))


def backwards(pick):
    word = pick(SHORT)
    return word, f"what is {word} backwards?", word[::-1]


def order(pick):
    """Three letters, of which one comes first in the alphabet, and one last."""
    question, choose = pick((("first", min), ("last", max)))
    letters = []
    while len(letters) < 3:
        letters = list(dict.fromkeys([*letters, pick(LETTERS)]))
    one, two, three = letters
    return frozenset(letters), f"which letter is {question}, {one}, {two} or {three}?", choose(letters)


def parity(pick):
    n = pick(range(100, 1000))
    return n, f"is {n} odd or even?", "odd" if n % 2 else "even"


def size(pick):
    """Two numbers, of which one is more."""
    question, choose = pick((("more", max), ("less", min)))
    a, b = two_of(range(10, 100), pick)
    return frozenset((a, b)), f"which is {question}, {a} or {b}?", str(choose(a, b))


def addition(pick):
    a, b = pick(range(10, 91)), pick(range(1, 10))
    return (a, b), f"what is {a} plus {b}?", str(a + b)


def weight(pick):
    """Two things of which one is far heavier."""
    things = tuple(WEIGHTS)
    one, two = two_of(things, pick)
    while max(WEIGHTS[one], WEIGHTS[two]) < FAR_APART * min(WEIGHTS[one], WEIGHTS[two]):
        one, two = two_of(things, pick)
    return (frozenset((one, two)), f"is {with_article(one)} heavier than {with_article(two)}?",
            "yes" if WEIGHTS[one] > WEIGHTS[two] else "no")


def people(pick):
    """Two people who are compared, and asked for by the same word or by its opposite."""
    words = pick((("older", "younger"), ("taller", "smaller"), ("faster", "slower"), ("richer", "poorer")))
    said, asked = pick(words), pick(words)
    one, two = two_of(PEOPLE, pick)
    question = f"{one} is {said} than {two}. who is {asked}?"
    return question, question, one if said == asked else two


def neighbour(pick):
    """The day after a date, or before it."""
    names = tuple(MONTHS)
    month = pick(names)
    day = pick(range(1, MONTHS[month] + 1))
    if pick((True, False)):
        follower = f"{month} {day + 1}" if day < MONTHS[month] else f"{names[(names.index(month) + 1) % 12]} 1"
        return (month, day, 1), f"which day follows {month} {day}?", follower
    before = names[names.index(month) - 1]
    return ((month, day, -1), f"which day precedes {month} {day}?",
            f"{month} {day - 1}" if day > 1 else f"{before} {MONTHS[before]}")


def two_of(items, pick):
    """Two different items."""
    one = two = pick(items)
    while one == two:
        two = pick(items)
    return one, two
