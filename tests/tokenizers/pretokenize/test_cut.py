"""The pre-tokeniser in array operations cuts as the regular expressions do, which are the definition."""

import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchgpt.tokenizers.pretokenize.cut import BLANK, LETTER, LINE_END, NUMBER, OTHER, SPACE, STARTS, classify, piece_starts
from scratchgpt.tokenizers.pretokenize.patterns import PATTERNS, split
from tests.checks import checks
from tests.tokenizers.texts import SPICE, texts

patterns = st.sampled_from(sorted(PATTERNS))


def cut(text, pattern):
    starts = piece_starts(text, pattern).tolist()
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)])]


def test_there_is_a_rule_for_every_pattern():
    assert STARTS.keys() == PATTERNS.keys()


@checks(piece_starts)
@settings(max_examples=300)
@given(texts.filter(len), patterns)
@example("'", "gpt2")
@example("x'l", "cl100k")
@example("\n \n  x", "cl100k")
@example(".\n \n  \n", "cl100k")
@example("1234567 12345", "llama3")
def test_any_text_is_cut_as_by_the_regular_expression(text, pattern):
    assert cut(text, pattern) == split(text, pattern)


@checks(piece_starts)
def test_every_three_of_the_hard_cases_are_cut_as_by_the_regular_expression():
    """All neighbourhoods of three: whatever a rule looks at, it has seen."""
    pieces = ["a", "S", "l", "ve", "'", "1", "23", ".", "🙂", " ", "\t", "\n", "\r", "\u2003"]
    text = "\x00".join(a + b + c + d for a in pieces for b in pieces for c in pieces for d in pieces)
    for pattern in ("gpt2", "cl100k"):
        assert cut(text, pattern) == split(text, pattern)


@checks(piece_starts)
@given(st.lists(texts, min_size=1, max_size=5).filter(any), patterns, st.sampled_from("\n '1asl."))
@example(["", "S"], "cl100k", "'")
@example(["'", ""], "gpt2", "s")
@example(["'l", "l"], "gpt2", "l")
def test_between_texts_every_piece_ends_whatever_stands_there(several, pattern, separator):
    joined = separator.join(several)
    breaks = [sum(map(len, several[:i + 1])) + i for i in range(len(several) - 1)]
    expected = []
    for i, text in enumerate(several):
        expected += split(text, pattern) + [separator] * (i < len(breaks))
    starts = piece_starts(joined, pattern, breaks).tolist()
    assert [joined[start:end] for start, end in zip(starts, [*starts[1:], len(joined)])] == expected


@checks(classify)
@given(st.text(min_size=1) | st.sampled_from(SPICE))
def test_classes_are_those_of_the_regex_library(text):
    classes, points = classify(text)
    tests = {LETTER: r"\p{L}", NUMBER: r"\p{N}", LINE_END: r"[\r\n]", SPACE: " ", BLANK: r"[^\S\r\n ]",
             OTHER: r"[^\s\p{L}\p{N}]"}
    assert points.tolist() == [ord(character) for character in text]
    assert all(regex.fullmatch(tests[kind], character) for kind, character in zip(classes.tolist(), text))
