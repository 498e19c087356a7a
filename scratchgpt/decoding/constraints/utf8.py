"""Characters as bytes: a range of code points is a few sequences of ranges of bytes.

Before this file: `expressions`, and UTF-8, in which a character takes one to four bytes. After it: an automaton over
characters becomes one over bytes, and so may stop and go on in the middle of a character, as tokens do.
"""

from .expressions import SURROGATES

LAST_OF_LENGTH = (0x7F, 0x7FF, 0xFFFF, 0x10FFFF)            # the last code point that takes 1, 2, 3, 4 bytes


def utf8_ranges(first, last):
    """Split a range of code points into products of byte ranges.

        {utf8(c): first <= c <= last} = the union of [lo_1, hi_1] x ... x [lo_n, hi_n], over what is yielded

    >>> list(utf8_ranges(0x41, 0xE9))
    [((65, 127),), ((194, 194), (128, 191)), ((195, 195), (128, 169))]

    first, last  code points, 0 <= first <= last <= 10FFFF; the surrogates among them are left out
    yields       tuples of 1 to 4 pairs (lo, hi) of bytes; no two of them share a sequence of bytes
    Source: RFC 3629, section 3; the splitting is that of RE2 (Cox 2010, "Regular expression matching in the wild").
    """
    for lowest, highest in ((0, SURROGATES[0] - 1), (SURROGATES[1] + 1, LAST_OF_LENGTH[-1])):
        for end in LAST_OF_LENGTH:
            lo, hi = max(first, lowest), min(last, highest, end)
            if lo <= hi:
                yield from _same_length(lo, hi)
            lowest = max(lowest, end + 1)


def _same_length(first, last):
    """As `utf8_ranges`, of code points that take equally many bytes: split until the bytes vary independently."""
    size = len(chr(first).encode())
    for tail in range(1, size):                             # the last `tail` bytes hold 6 bits each
        mask = (1 << 6 * tail) - 1
        if first & ~mask != last & ~mask:
            if first & mask:                                # does not begin at the first of these tails
                yield from _same_length(first, first | mask)
                yield from _same_length((first | mask) + 1, last)
                return
            if last & mask != mask:                         # does not end at the last of them
                yield from _same_length(first, (last & ~mask) - 1)
                yield from _same_length(last & ~mask, last)
                return
    yield tuple(zip(chr(first).encode(), chr(last).encode()))
