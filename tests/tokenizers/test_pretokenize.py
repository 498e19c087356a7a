"""Cutting text into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers.pretokenize import PATTERNS, piece_finder, split
from tests.checks import checks

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
@pytest.mark.parametrize("pattern", ["", "gpt3", None, 5, ["gpt2"], r"(a+)+$"])
def test_only_known_patterns_run(pattern):
    with pytest.raises(TokenizerError, match="pattern must be one of gpt2"):
        split("text", pattern)
