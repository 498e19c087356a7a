"""What the quiz knows: people, months, the words of the stories, and what is heavier than what.

Before this file: nothing. After it: `kinds` can ask, and its answers follow from these tables.
"""

import re
from pathlib import Path

MONTHS = {"january": 31, "february": 28, "march": 31, "april": 30, "may": 31, "june": 30, "july": 31, "august": 31,
          "september": 30, "october": 31, "november": 30, "december": 31}
PEOPLE = "ada ben cleo dan eva finn gus hana ivo jack kim leo mia ned olga pia ray sam tess uma".split()

# grams, roughly; only things that are far apart are compared
WEIGHTS = {
    "snowflake": 0.003, "ant": 0.01, "feather": 0.05, "bee": 0.12, "raisin": 0.6, "paper clip": 1.2, "penny": 3,
    "grape": 6, "pencil": 9, "mouse": 20, "key": 35, "egg": 60, "banana": 120, "apple": 180, "teacup": 300, "book": 500,
    "loaf": 850, "hammer": 1_300, "brick": 2_500, "cat": 4_500, "goose": 7_000, "bicycle": 14_000, "wolf": 40_000,
    "sofa": 70_000, "donkey": 180_000, "piano": 300_000, "horse": 500_000, "car": 1_200_000, "rhino": 2_200_000,
    "elephant": 5_000_000, "bus": 12_000_000, "whale": 100_000_000, "ship": 20_000_000_000, "hill": 1e13,
    "mountain": 1e15, "moon": 7e25, "earth": 6e27, "sun": 2e33,
}
FAR_APART = 1.3                         # the smallest ratio of two weights that are compared
ONLY_ONE = ("moon", "earth", "sun")


def with_article(thing):
    """with_article("ant") is "an ant", with_article("sun") "the sun"."""
    return f"{'the' if thing in ONLY_ONE else 'an' if thing[0] in 'aeiou' else 'a'} {thing}"


def story_words():
    """The words of three to eight small letters in stories.txt, sorted."""
    text = (Path(__file__).resolve().parents[1] / "stories.txt").read_text("ascii")
    return sorted({word for word in re.findall(r"[A-Za-z']+", text)
                   if re.fullmatch("[a-z]{3,8}", word) and re.search("[aeiou]", word)})
