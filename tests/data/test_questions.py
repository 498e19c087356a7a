"""The questions are what their script makes, every answer follows from its question, and no fact is asked about twice.

The reader below knows the world by other means than the script: it computes dates with `datetime`, and takes what is
heavier from the order in which things stand in a list.
"""

import hashlib
import re
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
LIGHT_TO_HEAVY = ("snowflake ant feather bee raisin paper-clip penny grape pencil mouse key egg banana apple teacup "
                  "book loaf hammer brick cat goose bicycle wolf sofa donkey piano horse car rhino elephant bus whale "
                  "ship hill mountain moon earth sun").split()
OPPOSITES = [{"older", "younger"}, {"taller", "smaller"}, {"faster", "slower"}, {"richer", "poorer"}]


def weighed(article, one, other, two):
    ranks = [LIGHT_TO_HEAVY.index(thing.replace(" ", "-")) for thing in (one, two)]
    for a, thing in ((article, one), (other, two)):
        assert a == ("the" if thing in ("moon", "earth", "sun") else "an" if thing[0] in "aeiou" else "a")
    return "yes" if ranks[0] > ranks[1] else "no"


def compared(one, said, two, asked):
    assert one != two and (said == asked or {said, asked} in OPPOSITES)
    return one if said == asked else two


def near(word, month, day):
    given = date.fromisoformat(f"2023-{MONTH_NUMBER[month]:02}-{int(day):02}")             # a year of 365 days
    there = given + timedelta(days=1 if word == "follows" else -1)
    return there.strftime("%B").lower() + f" {there.day}"


MONTH_NUMBER = {date(2023, i, 1).strftime("%B").lower(): i for i in range(1, 13)}
THING = r"(an?|the) ([a-z ]+)"
KINDS = {                                                       # what a question looks like -> what it must be answered
    r"which letter begins (\w+)\?": lambda word: word[0],
    r"which letter ends (\w+)\?": lambda word: word[-1],
    r"how long is (\w+)\?": lambda word: str(len(word)),
    r"what is (\w+) backwards\?": lambda word: "".join(reversed(word)),
    r"which letter is (first|last), (\w), (\w) or (\w)\?":
        lambda which, *letters: sorted(letters)[-(which == "last")],
    r"is (\d{3}) odd or even\?": lambda n: "odd" if n[-1] in "13579" else "even",
    r"which is (more|less), (\d\d) or (\d\d)\?": lambda which, a, b: str(sorted((int(a), int(b)))[which == "more"]),
    r"what is (\d\d) plus (\d)\?": lambda a, b: str(int(a) + int(b)),
    rf"is {THING} heavier than {THING}\?": weighed,
    r"(\w+) is (\w+) than (\w+)\. who is (\w+)\?": compared,
    r"which day (follows|precedes) (\w+) (\d+)\?": near,
}


def read(question):
    """(kind, words, answer) of a question, which must be of exactly one kind."""
    (kind, words), = ((kind, match.groups()) for kind in KINDS if (match := re.fullmatch(kind, question)))
    return kind, words, KINDS[kind](*words)


@pytest.fixture(scope="module")
def pairs():
    text = (DATA / "questions.tsv").read_bytes().decode("ascii")
    return [tuple(line.split("\t")) for line in text.removesuffix("\n").split("\n")]


def test_every_answer_is_right(pairs):
    for question, answer in pairs:
        assert read(question)[2] == answer, (question, answer)


def test_every_kind_is_asked_often_and_briefly(pairs):
    counts = Counter(read(question)[0] for question, _ in pairs)
    assert counts.keys() == KINDS.keys() and min(counts.values()) >= 200
    assert max(len(question) for question, _ in pairs) <= 60 and max(len(answer) for _, answer in pairs) <= 12


def test_no_fact_is_asked_about_twice(pairs):
    """Also not with its sides exchanged, or by the opposite word, where one answer would tell the other."""
    facts = set()
    for question, _ in pairs:
        kind, words, _ = read(question)
        if any(word in kind for word in ("heavier", "more", "first")):
            words = frozenset(words) - {"an", "the", "more", "less", "first", "last"}
            words -= {"a"} if "heavier" in kind else set()
        facts.add((kind, words))
    assert len(facts) == len(pairs)


def test_the_alphabet_is_small(pairs):
    letters = set("".join(question + answer for question, answer in pairs))
    assert letters <= {*"abcdefghijklmnopqrstuvwxyz0123456789 ,.?"}


def test_the_committed_file_is_what_the_script_makes(tmp_path):
    made = tmp_path / "questions.tsv"
    script = [sys.executable, str(DATA / "make_questions.py"), "--output", str(made)]
    assert subprocess.run(script).returncode == 0
    assert made.read_bytes() == (DATA / "questions.tsv").read_bytes()
    assert subprocess.run([*script, "--check", "--seed", "2"], capture_output=True).returncode == 1


def test_the_note_beside_the_file_tells_its_true_figures(pairs):
    note, data = (DATA / "README.md").read_text(encoding="utf-8"), (DATA / "questions.tsv").read_bytes()
    longest = max(len(question) for question, _ in pairs)
    for figure in (f"{len(data):,}", f"{len(pairs):,}", str(longest), str(len(set(data.decode()))),
                   hashlib.sha256(data).hexdigest()):
        assert re.search(rf"(?<![\w,]){figure}(?![\w,]\w)", note), figure
