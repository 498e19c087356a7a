"""Sets of characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints.expressions import (Characters, Choice, Repeat, Rule, Sequence, code_point,
                                                         complement)
from scratchgpt.decoding.constraints.regex import _RegexReader
from scratchgpt.errors import GenerationError
from tests.checks import checks

POINTS = st.integers(0, 0x10FFFF)
RANGES = st.lists(st.tuples(POINTS, POINTS).map(lambda pair: (min(pair), max(pair))), max_size=4).map(tuple)


@checks(complement)
@given(RANGES, POINTS)
def test_a_character_is_in_a_set_or_in_its_complement_and_a_surrogate_in_neither_complement(ranges, point):
    def within(ranges):
        return any(first <= point <= last for first, last in ranges)
    assert within(complement(ranges)) == (not within(ranges) and not 0xD800 <= point <= 0xDFFF)
    assert within(complement(complement(ranges))) == (within(ranges) and not 0xD800 <= point <= 0xDFFF)


@checks(complement)
def test_the_complement_of_all_is_empty_and_that_of_nothing_is_all_characters():
    assert complement(((0, 0x10FFFF),)) == ()
    assert complement(()) == ((0, 0xD7FF), (0xE000, 0x10FFFF))


@checks(code_point)
def test_a_code_point_is_a_character_that_utf8_can_write():
    assert code_point(0x10FFFF, "a text") == 0x10FFFF
    for wrong in (0xD800, 0xDFFF, 0x110000):
        with pytest.raises(GenerationError, match=f"a text must hold characters .* {wrong:X}"):
            code_point(wrong, "a text")


@checks(Characters, Choice, Repeat, Rule, Sequence)
def test_a_pattern_is_a_tree_of_these():
    a, b = Characters(((97, 97),)), Characters(((98, 98),))
    assert _RegexReader("a|b{2,}a").choice() == Choice((a, Sequence((Repeat(b, 2, None), a))))
    assert Rule("x") == Rule("x") != Rule("y")
