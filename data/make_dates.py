"""Make dates.tsv: dates as people say them, a tab, and the same dates as a computer writes them.

    python data/make_dates.py                    write dates.tsv beside this file
    python data/make_dates.py --check            compare instead of writing; exit 1 if the file differs

Before this file: `corpus` beside it. After it: a parallel corpus of our own for an encoder-decoder. Words and digits
come in another order, three words may be one digit, and some words mean nothing, so a model must find what it needs.
"""

import random
from calendar import monthrange
from datetime import date

from corpus import main

MONTHS = ("january february march april may june july august september october november december").split()
WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
SMALL = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
         "seventeen eighteen nineteen").split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
            "twelve": "twelfth"}
LAST_DAYS_IN_100 = 8                    # how many of a hundred dates are moved to the end of their month
FIRST, LAST = date(1700, 1, 1).toordinal(), date(2099, 12, 31).toordinal()

PHRASES = (
    "the {day} of {month} {year}",
    "{month} the {day} {year}",
    "{month} {day}, {year}",
    "{year}, {month} {day}",
    "{weekday} the {day} of {month} {year}",
    "the {day} day of {month} in the year {year}",
)
LAST_DAYS = (                           # of the last day of a month, but of february, whose length is a sum, not a word
    "the last day of {month} {year}",
    "the end of {month}, {year}",
)


def number(n):
    """The words of 0 to 99: number(84) is "eighty-four"."""
    if n < 20:
        return SMALL[n]
    tens, ones = divmod(n, 10)
    return TENS[tens - 2] + ("-" + SMALL[ones] if ones else "")


def ordinal(n):
    """The words of a day: ordinal(21) is "twenty-first"."""
    head, dash, last = number(n).rpartition("-")
    last = ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return head + dash + last


def year_words(year, pick):
    """One of the ways to say a year from 1700 to 2099."""
    century, rest = divmod(year, 100)
    if year == 2000:
        return "two thousand"
    ways = [f"two thousand and {number(rest)}"] if century == 20 else [f"{number(century)} hundred and {number(rest)}"]
    if rest == 0:
        ways = [f"{number(century)} hundred"]
    elif rest < 10:
        ways.append(f"{number(century)} oh {number(rest)}")
    else:
        ways.append(f"{number(century)} {number(rest)}")
    return pick(ways)


def say(day, pick):
    """One of the ways to say a date."""
    phrases = LAST_DAYS if day.month != 2 and day.day == monthrange(day.year, day.month)[1] else PHRASES
    return pick(phrases).format(day=ordinal(day.day), month=MONTHS[day.month - 1], year=year_words(day.year, pick),
                                weekday=WEEKDAYS[day.weekday()])


def make_corpus(seed, lines):
    """Say `lines` dates, each once."""
    rng, said = random.Random(seed), {}                     # a dict keeps the order and shows a repetition

    def pick(items):
        return items[int(rng.random() * len(items))]
    while len(said) < lines:
        day = date.fromordinal(pick(range(FIRST, LAST + 1)))
        if pick(range(100)) < LAST_DAYS_IN_100:
            day = day.replace(day=monthrange(day.year, day.month)[1])
        if day not in said:
            said[day] = say(day, pick)
    return "".join(f"{words}\t{day.isoformat()}\n" for day, words in said.items())


if __name__ == "__main__":
    main(__doc__, "dates.tsv", make_corpus, ("--lines", 12_000, "how many dates"))
