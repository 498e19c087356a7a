"""The story corpus is what its script makes, and its sentences are right: sums, articles, quotes and spaces."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
SCRIPT = DATA / "make_stories.py"
NUMBERS = ("none one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
           "seventeen eighteen nineteen twenty").split()
NUMBER = "(" + "|".join(sorted(NUMBERS, key=len, reverse=True)) + ")"


@pytest.fixture(scope="module")
def text():
    return (DATA / "stories.txt").read_bytes().decode("ascii")         # raises on anything but plain ASCII


@pytest.fixture(scope="module")
def stories(text):
    return text.rstrip("\n").split("\n\n")


def run(*arguments):
    return subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], capture_output=True, text=True)


def test_the_committed_file_is_what_the_script_makes(tmp_path):
    made = tmp_path / "stories.txt"
    assert run("--output", made).returncode == 0
    assert made.read_bytes() == (DATA / "stories.txt").read_bytes()
    assert list(tmp_path.iterdir()) == [made]                           # no temporary file is left behind


def test_check_passes_on_the_same_bytes_and_fails_on_others(tmp_path):
    small = ("--output", tmp_path / "small.txt", "--bytes", 5000)
    assert run(*small, "--check").returncode == 1                       # no file yet
    run(*small)
    assert run(*small, "--check").returncode == 0
    assert run(*small, "--check", "--seed", 2).returncode == 1


def test_size_alphabet_and_shape(text, stories):
    assert 1_100_000 <= len(text) <= 1_300_000
    assert len(set(text)) <= 70 and set(text) <= set(map(chr, range(32, 127))) | {"\n"}
    for story in stories:
        title, *paragraphs = story.split("\n")
        assert paragraphs and title[0].isupper() and 80 <= len(story.split()) <= 250, story


def test_no_story_is_told_twice(stories):
    assert len(stories) > 1000 and len(set(stories)) == len(stories)


def test_the_characters_all_appear_and_so_do_many_titles(stories):
    heroes = {match[1] for match in re.finditer(r"\b([A-Z][a-z]+) the [a-z]+ lived\b", "\n".join(stories))}
    assert len(heroes) >= 16
    assert len({story.split("\n")[0] for story in stories}) >= 300


@pytest.mark.parametrize("pattern, right", [
    (rf"had {NUMBER} [a-z]+ and (?:got|earned|picked|found|caught|pulled up) {NUMBER} more, so now s?he had {NUMBER}",
     lambda a, b, c: a + b == c),
    (rf"had {NUMBER} [a-z]+ and (?:ate|paid|lost|dropped|gave \w+) {NUMBER}, so now s?he had {NUMBER}\b",
     lambda a, b, c: a - b == c),
    (rf"\b{NUMBER} and {NUMBER} make {NUMBER}\b", lambda a, b, c: a + b == c),
    (rf"\b{NUMBER} take away {NUMBER} leaves {NUMBER}\b", lambda a, b, c: a - b == c),
    (rf"\b{NUMBER} rows of {NUMBER} make {NUMBER}\b", lambda a, b, c: a * b == c),
    (rf"\bhalf of {NUMBER} [a-z]+ is {NUMBER}\b", lambda a, b: a == 2 * b),
    (rf"\b{NUMBER} [a-z]+ for {NUMBER} friends is {NUMBER} each\.", lambda a, b, c: a == b * c),
    (rf"\b{NUMBER} [a-z]+ for {NUMBER} friends is {NUMBER} each, with {NUMBER} left over",
     lambda a, b, c, rest: a == b * c + rest and 0 < rest < b),
], ids=["add", "subtract", "make", "take away", "rows", "half", "share", "share with rest"])
def test_every_sum_is_right(text, pattern, right):
    found = [match.groups() for match in re.finditer(pattern, text, re.IGNORECASE)]
    wrong = [words for words in found if not right(*(NUMBERS.index(word.lower()) for word in words))]
    assert len(found) >= 15 and not wrong, (len(found), wrong[:5])


def test_no_sum_escapes_the_patterns(text):
    """Every phrase that announces a sum is one that `test_every_sum_is_right` has read."""
    for sign, whole in (("so now", rf"(had {NUMBER} [a-z]+ and [\w ]+?|make {NUMBER}), so now s?he had {NUMBER}\b"),
                        (rf"\b{NUMBER} make\b", rf"({NUMBER} and|rows of) {NUMBER} make {NUMBER}\b"),
                        ("take away", rf"{NUMBER} take away {NUMBER} leaves {NUMBER}\b"),
                        (" each, with", rf"friends is {NUMBER} each, with {NUMBER} left over")):
        spoken = sum(1 for _ in re.finditer(whole, text, re.IGNORECASE))
        assert spoken == len(re.findall(sign, text, re.IGNORECASE)) > 0, sign


def test_a_comes_before_consonants_and_an_before_vowels(text):
    articles = re.findall(r"\b([Aa]n?) ([a-z]+)", text)
    assert len(articles) > 5000
    assert not {(a, word) for a, word in articles if (a.lower() == "an") != (word[0] in "aeiou" or word == "hour")}


def test_one_is_one_thing_and_more_are_many(text):
    wares = re.findall(rf"\b{NUMBER} (plum|pear|apple|cherr|berr|mushroom|nut|carrot|turnip|pepper|egg|bun|pie|"
                       r"shrimp|button|shell|coin)(y|ies|s)?\b", text, re.IGNORECASE)
    assert len(wares) > 1000
    assert not {ware for ware in wares if (ware[0].lower() == "one") != (ware[2] in ("", "y"))}


def test_spaces_and_stops_are_single_and_sentences_begin_with_capitals(text):
    assert "  " not in text and " \n" not in text and "\n\n\n" not in text and text.endswith("\n")
    assert not re.search(r"[.,!?;:]{2}| [.,!?;:]", text)
    assert not re.search(r"[.] [a-z]", text)
    assert not re.search(r"\b([a-z]+) \1\b", text), "a doubled word"
    assert not re.search(r"[{}\[\]|]", text), "a template that was not filled in"


def test_quotes_are_balanced_in_every_paragraph(text):
    quoted = [line for line in text.split("\n") if '"' in line]
    assert len(quoted) > 1000
    for line in quoted:
        outside, inside = line.split('"')[0::2], line.split('"')[1::2]
        assert len(outside) == len(inside) + 1, line
        assert all(speech and speech[0] != " " and speech[-1] in ".,!?" for speech in inside), line


def test_the_note_beside_the_file_tells_its_true_figures(text, stories):
    note = (DATA / "README.md").read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z']+", text.lower()))
    for figure in (f"{len(text):,}", f"{len(stories):,}", str(len(set(text))), f"{len(words):,}",
                   hashlib.sha256(text.encode()).hexdigest()):
        assert re.search(rf"(?<![\w,]){figure}(?![\w,]\w)", note), figure
