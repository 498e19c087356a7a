"""The dates are what their script makes, each line is right, read back by another reader, and no date comes twice."""

import calendar
import hashlib
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
ONES = "_ one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
DAYS = ("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third "
        "twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first").split()
MONTHS = [name.lower() for name in calendar.month_name]
NO_MEANING = set("the of in year day and".split())


@pytest.fixture(scope="module")
def lines():
    return (DATA / "dates.tsv").read_bytes().decode("ascii").removesuffix("\n").split("\n")


def small(words):
    """The number below a hundred that words such as "eighty-four", "nineteen" or "oh four" say."""
    value = 0
    for word in re.split("[ -]", words):
        for scale, names in ((1, ONES), (10, TENS)):
            value += names.index(word) * scale if word in names else 0
        value += 10 + TEENS.index(word) if word in TEENS else 0
    return value


def read(words):
    """The date that words say; whatever they hold besides day, month and year must be known to mean nothing."""
    words = words.replace(",", "")
    weekday = re.match(r"(\w+day) the ", words)
    if weekday:
        words = words[weekday.end():]
    month, = (i for i, name in enumerate(MONTHS) if name and re.search(rf"\b{name}\b", words))
    words = words.replace(MONTHS[month], "", 1)
    last = re.search(r"\bthe (last day|end)\b", words)
    found = re.search(rf"\b(?<!-)({'|'.join(sorted(DAYS, key=len, reverse=True))})\b", words)
    assert (last is None) != (found is None), words
    words = words.replace((last or found)[0], "", 1)
    rest = " ".join(word for word in words.split() if word not in NO_MEANING)
    if rest.startswith("two thousand"):
        year = 2000 + small(rest.removeprefix("two thousand").strip())
    else:
        century, _, rest = rest.replace(" hundred", "").partition(" ")
        year = 100 * small(century) + small(rest)
    day = calendar.monthrange(year, month)[1] if last else 1 + DAYS.index(found[0])
    if weekday:
        assert calendar.day_name[date(year, month, day).weekday()].lower() == weekday[1]
    return date(year, month, day)


def test_every_line_is_right(lines):
    for line in lines:
        words, digits = line.split("\t")
        assert read(words).isoformat() == digits, line
        assert re.fullmatch(r"[a-z]+([ ,-]+[a-z]+)*", words), line


def test_the_reader_is_no_parrot():
    assert read("saturday the third of march nineteen eighty-four") == date(1984, 3, 3)
    assert read("twenty oh nine, may thirty-first") == date(2009, 5, 31)
    assert read("the last day of february in the year seventeen hundred and four") == date(1704, 2, 29)
    with pytest.raises(AssertionError):
        read("sunday the third of march nineteen eighty-four")                  # it was a saturday


def test_no_date_and_no_line_comes_twice(lines):
    assert len(lines) == len({line.split("\t")[0] for line in lines}) == len({line.split("\t")[1] for line in lines})


def test_every_day_month_decade_and_phrase_appears(lines):
    digits = [line.split("\t")[1] for line in lines]
    assert {day[5:7] for day in digits} == {f"{i:02}" for i in range(1, 13)}
    assert {day[8:] for day in digits} == {f"{i:02}" for i in range(1, 32)}
    assert {day[:3] for day in digits} == {str(i) for i in range(170, 210)}
    for phrase in (r"the \S+ of \w+ ", r"\w+ the \S+ ", r"\w+ \S+, ", r".*, \w+ \S+\t", r"\w+day the ",
                   "the .* day of .* in the", "the last day", "the end of", ".* oh ", ".* hundred and ",
                   ".* thousand and "):
        assert sum(re.match(phrase, line) is not None for line in lines) >= 20, phrase


def test_the_committed_file_is_what_the_script_makes(tmp_path):
    made = tmp_path / "dates.tsv"
    script = [sys.executable, str(DATA / "make_dates.py"), "--output", str(made)]
    assert subprocess.run(script).returncode == 0
    assert made.read_bytes() == (DATA / "dates.tsv").read_bytes()
    assert subprocess.run([*script, "--check", "--seed", "2"], capture_output=True).returncode == 1


def test_the_note_beside_the_file_tells_its_true_figures(lines):
    note, data = (DATA / "README.md").read_text(encoding="utf-8"), (DATA / "dates.tsv").read_bytes()
    longest = max(len(line.split("\t")[0]) for line in lines)
    for figure in (f"{len(data):,}", f"{len(lines):,}", str(longest), str(len(set(data.decode()))),
                   hashlib.sha256(data).hexdigest()):
        assert re.search(rf"(?<![\w,]){figure}(?![\w,]\w)", note), figure
