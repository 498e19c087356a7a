"""Cutting text into pieces."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers.pretokenize.patterns import PATTERNS, piece_finder, split
from tests.checks import checks
from tests.tokenizers.texts import OWN_PATTERN, texts

patterns = st.sampled_from(sorted(PATTERNS))


@checks(split, piece_finder)
@given(st.text() | st.text(alphabet=" \t\r\n\u00a0a1é'sS!.\u0301", max_size=30), patterns)
def test_pieces_joined_are_the_text(text, pattern):
    pieces = split(text, pattern)
    assert "".join(pieces) == text and "" not in pieces
    assert piece_finder(pattern)(text) == pieces


@checks(split)
@pytest.mark.parametrize("text, gpt2, cl100k", [
    ("I'll", ["I", "'ll"], ["I", "'ll"]),
    ("I'LL", ["I", "'", "LL"], ["I", "'LL"]),
    ("12345", ["12345"], ["123", "45"]),
    (" 12345", [" 12345"], [" ", "123", "45"]),
    ("a\n\n  b", ["a", "\n\n ", " b"], ["a", "\n\n", " ", " b"]),
    ("end.\n\nNew", ["end", ".", "\n", "\n", "New"], ["end", ".\n\n", "New"]),
    ("(word)", ["(", "word", ")"], ["(word", ")"]),
    ("trailing  ", ["trailing", "  "], ["trailing", "  "]),
])
def test_known_cuts(text, gpt2, cl100k):
    assert split(text, "gpt2") == gpt2
    assert split(text, "cl100k") == split(text, "llama3") == cl100k


@checks(split, piece_finder)
@given(texts, st.sampled_from([OWN_PATTERN, r"\d+", r"(?=b)", r"\s|(?<=a)", r"(a)|(b)", "a\\Kb"]))
def test_a_pattern_of_ones_own_loses_nothing_of_the_text(text, pattern):
    pieces = split(text, pattern)
    assert "".join(pieces) == text and "" not in pieces


@checks(split)
def test_what_a_pattern_passes_over_is_a_piece_too():
    assert split("12, 3!", r"\d+") == ["12", ", ", "3", "!"]
    assert split("no digits", r"\d+") == ["no digits"] and split("", r"\d+") == []


@checks(split, piece_finder)
@pytest.mark.parametrize("pattern", ["", "gpt3", "o200k_base", None, 5, ["gpt2"], "a|" * 6_000])
def test_a_name_that_is_not_known_is_no_pattern(pattern):
    with pytest.raises(TokenizerError, match="pattern must be one of gpt2, .*, or a regular expression of at most"):
        split("text", pattern)


@checks(split, piece_finder)
@pytest.mark.parametrize("pattern", ["(", "[", "a{2,1}", "(?<n>", r"\p{Nonsense}", "(?P<a>.)(?P<", "*", "(?V0V1)a+", "(?au)x+"])
def test_an_expression_that_is_none_is_refused(pattern):
    with pytest.raises(TokenizerError, match="pattern must be a regular expression"):
        split("text", pattern)


@checks(split, piece_finder)
@pytest.mark.parametrize("pattern, text", [(r"(a|aa)+$", "a" * 60 + "b"), (r"(.*?,){20}P", "1," * 60)])
def test_a_pattern_that_goes_back_and_forth_without_end_is_stopped(pattern, text):
    start = time.perf_counter()
    with pytest.raises(TokenizerError, match="goes back and forth"):
        split(text, pattern)
    assert time.perf_counter() - start < 20                 # 2 s are allowed, on a machine that may be busy


@checks(split, piece_finder)
@pytest.mark.parametrize("pattern, message", [
    (r"(?:(?:(?:a{1000}){1000}){1000}){1000}", "may repeat parts"), ("a{0,9999999999999999999999}", "may repeat parts"),
    (r"(?R)?a", "must not call itself"), (r"(a)(?1)", "must not call itself"), (r"(?P<n>a)(?&n)", "must not call itself"),
    ("(?:" * 2_000 + "a" + ")" * 2_000, "must be a regular expression")])
def test_a_pattern_that_would_take_all_memory_is_refused(pattern, message):
    with pytest.raises(TokenizerError, match=message):
        split("a" * 100, pattern)


@checks(split)
def test_a_pattern_that_reads_backwards_is_refused():
    with pytest.raises(TokenizerError, match="from left to right"):
        split("ab ab", r"(?r)a|b")
