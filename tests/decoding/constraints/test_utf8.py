"""Ranges of characters as ranges of bytes."""

from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints.utf8 import utf8_ranges
from tests.checks import checks

POINTS = st.integers(0, 0x10FFFF)
EDGES = [point + d for point in (0x80, 0x800, 0xD800, 0xE000, 0x10000, 0x10FFFF) for d in (-1, 0) if point + d >= 0]


def within(data, ranges):
    """How many of the products hold these bytes."""
    return sum(len(product) == len(data) and all(lo <= byte <= hi for byte, (lo, hi) in zip(data, product))
               for product in ranges)


@checks(utf8_ranges)
@given(POINTS, POINTS, POINTS | st.sampled_from(EDGES))
@example(0, 0x10FFFF, 0xD800)
@example(0xD7FF, 0xE000, 0xD900)
def test_the_bytes_of_a_character_are_in_just_one_product_if_it_is_in_the_range_and_else_in_none(a, b, point):
    first, last = min(a, b), max(a, b)
    ranges = list(utf8_ranges(first, last))
    data = chr(point).encode("utf-8", "surrogatepass")
    assert within(data, ranges) == (first <= point <= last and not 0xD800 <= point <= 0xDFFF)


@checks(utf8_ranges)
@given(st.binary(min_size=1, max_size=4))
@example(b"\xed\xa0\x80")                                       # a surrogate
@example(b"\xc0\x80")                                           # longer than need be
def test_all_characters_together_are_the_bytes_that_python_decodes_to_one(data):
    decoded = data.decode("utf-8", "replace")
    assert within(data, utf8_ranges(0, 0x10FFFF)) == (len(decoded) == 1 and decoded.encode() == data)
