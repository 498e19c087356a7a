"""Regular expressions against Python's own."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints import regex
from scratchgpt.decoding.constraints.recogniser import DEAD
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.constraints.languages import completion, texts

ATOMS = ["a", "b", "é", ".", "[ab]", "[^a]", "[^é]", "[a-cé]", r"\d", r"\W", r"\S", r"\x61", r"\u00e9", r"[\d\-é]",
         "[]a]", "[a-]", r"\.", "", "]", "}", "🙂"]
PATTERNS = st.recursive(st.sampled_from(ATOMS), lambda inner: st.one_of(
    st.lists(inner, min_size=1, max_size=3).map("".join),
    st.tuples(inner, inner).map("({0[0]}|{0[1]})".format),
    st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "*?"])).map(
        "(?:{0[0]}){0[1]}".format),
), max_leaves=6)
LETTERS = st.text("abcé1.]-\n🙂", max_size=6)


@checks(regex)
@given(PATTERNS, st.lists(LETTERS, min_size=10, max_size=10))
@example(r"[^\W\d]+", ["ab", "a1", "_"])
def test_it_matches_what_python_matches(pattern, lines):
    recogniser, python = regex(pattern), re.compile(pattern, re.ASCII)
    for text in lines:
        assert recogniser.matches(text.encode()) == bool(python.fullmatch(text)), text


@checks(regex)
@given(PATTERNS)
def test_a_beginning_is_alive_if_some_text_completes_it_and_only_then(pattern):
    recogniser, python = regex(pattern), re.compile(pattern, re.ASCII)
    every = texts("ab", 5)
    matching = [text for text in every if python.fullmatch(text)]
    for text in texts("ab", 3):
        state = recogniser.read(text.encode())
        if state == DEAD:
            assert not any(match.startswith(text) for match in matching)
        else:
            assert python.fullmatch((text.encode() + completion(recogniser, state)).decode())


@checks(regex)
@given(st.binary(max_size=5) | st.text(max_size=3).map(str.encode))
@example("é".encode()[:1])
@example(b"\xed\xa0\x80")
def test_bytes_that_are_no_utf8_match_nothing(data):
    try:
        data.decode()
        fine = True
    except UnicodeDecodeError:
        fine = False
    assert regex(r"[\s\S]*").matches(data) == fine


@checks(regex)
@pytest.mark.parametrize("pattern, says", [
    (r"(a)\1", "backreferences are not supported, at position 3"),
    ("a(?=b)", "lookahead is not supported, at position 1"),
    ("(?!b)", "lookahead is not supported, at position 0"),
    ("(?<=b)", "lookbehind is not supported"),
    ("(?<!b)", "lookbehind is not supported"),
    ("(?P<x>b)", "named groups are not supported"),
    ("(?P=x)", "backreferences are not supported"),
    ("(?i)b", "groups of this kind are not supported"),
    ("^a", r"the match is of the whole text: remove \^, .* at position 0"),
    ("a$", r"the match is of the whole text: remove \$, .* at position 1"),
    (r"a\b", r"the escape \\b is not supported"),
    ("*a", r"nothing stands before \* that it could repeat, at position 0"),
    ("a)", "a group is closed that was never opened, at position 1"),
    ("a*+", "a quantifier follows a quantifier"),
    (r"[^\s\S]", "must derive a text of finite length"),
    ("(a{1000}){1000}", "unfolds into more than 50,000 states"),
    ("(){999999}", "unfolds into more than 50,000 states"),
    ("(){,999999}", "unfolds into more than 50,000 states"),
])
def test_what_is_not_supported_is_refused_by_name(pattern, says):
    with pytest.raises(GenerationError, match=says):
        regex(pattern)
