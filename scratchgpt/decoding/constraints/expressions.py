"""What a pattern is made of: five kinds of expressions, and sets of characters.

Before this file: `errors`. After it: a regular expression and a grammar are the same trees, but that only a grammar may
name rules; a set of characters is a tuple of ranges of code points, (first, last), both ends in it.
"""

from dataclasses import dataclass

from ...errors import GenerationError

LAST = 0x10FFFF
SURROGATES = (0xD800, 0xDFFF)                       # halves of UTF-16 pairs: code points, but no characters


@dataclass(frozen=True)
class Characters:
    """One character out of a set: ranges = ((first, last), ...) of code points."""

    ranges: tuple


@dataclass(frozen=True)
class Sequence:
    """Its parts one after the other; without parts, the empty text."""

    parts: tuple


@dataclass(frozen=True)
class Choice:
    """Any one of its options."""

    options: tuple


@dataclass(frozen=True)
class Repeat:
    """Its part, `least` to `most` times; most None: without limit."""

    part: object
    least: int
    most: int | None


@dataclass(frozen=True)
class Rule:
    """What the rule of this name derives."""

    name: str


def complement(ranges):
    """The characters that are not in a set: {0..10FFFF} without it and without surrogates.

        c in complement(R)  <=>  not (first <= c <= last) for each (first, last) of R

    ranges   tuple of (first, last), in any order, in units of one code point; they may overlap
    returns  the same, sorted and disjoint, () if nothing is left
    Source: RFC 3629, section 3 (which code points are characters).
    """
    found, free = [], 0
    for first, last in sorted([*ranges, SURROGATES]):
        if first > free:
            found.append((free, first - 1))
        free = max(free, last + 1)
    return tuple([*found, (free, LAST)] if free <= LAST else found)


def code_point(number, where):
    """Return number if it is a character's: 0 <= number <= 10FFFF, and no surrogate.

    number  int       where  str, what the error says it is in
    Raises GenerationError for others; counted in units of one code point.
    Source: RFC 3629, section 3.
    """
    if number > LAST or SURROGATES[0] <= number <= SURROGATES[1]:
        raise GenerationError(f"{where} must hold characters that UTF-8 can write; got the code point {number:X}; "
                              "a character beyond FFFF is one \\U escape of eight digits, not two of four")
    return number
