"""The pre-tokeniser without a regular expression: the same pieces, found for all characters at once.

Before this file: `patterns`, which defines the pieces. After it: the reader knows that where a piece starts depends on
the classes of a character and its nearest neighbours only, but for three rare cases that are settled afterwards:
contractions, long numbers, and white space with line ends in it.

Each character has a class (letter, number, other, line end, space, other white space, or the end of a text). The
classes of a character, of one or two before it and of the one after it are the digits of a number, and a table says for
each such number whether a piece starts here. The table is a few lines of Python; the text is millions of characters in
NumPy.
"""

from functools import lru_cache, partial
from itertools import product

import numpy as np
import regex

LETTER, NUMBER, OTHER, LINE_END, SPACE, BLANK, BREAK = CLASSES = range(7)
WHITE = (LINE_END, SPACE, BLANK)


def piece_starts(text, pattern, breaks=()):
    """Return where the pieces of a known pattern start.

        start_i = table[..., class_i-1, class_i, class_i+1],  but for contractions, numbers and line ends

    >>> piece_starts("It's  1 day.", "gpt2").tolist()
    [0, 2, 4, 5, 7, 11]
    >>> piece_starts("It'S\\n  12345 days", "cl100k").tolist()
    [0, 2, 4, 5, 6, 7, 10, 12]

    text     str of N characters, N >= 1
    pattern  str, a key of STARTS
    breaks   indices of characters that belong to no text: one text ends before each, and another starts after it
    returns  increasing int array of indices, the first of them 0; a break is a piece too
    Source: `patterns.PATTERNS`, alternative by alternative.
    """
    classes, points = classify(text)
    if len(breaks):
        classes[breaks] = BREAK
    return np.flatnonzero(STARTS[pattern](classes, points))


def classify(text):
    """Return the class of each character, and the characters' code points.

    >>> classify("a1- \\n\\t")[0].tolist()
    [0, 1, 2, 4, 3, 5]

    text     str of N characters
    returns  (N,) uint8, (N,) uint8 or uint32
    Source: the classes \\p{L}, \\p{N} and \\s of the regex library, from which the table is made.
    """
    if text.isascii():
        points = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
        return _classes(0x80)[points], points
    points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    return _classes(0x110000)[points], points


def _starts_gpt2(classes, points):
    starts = _GPT2[_code(classes, 1)]
    _cut_contractions(starts, classes, points, _contractions("sdmt", ("ll", "ve", "re")))
    return starts


def _starts_cl100k(classes, points, whole_tail=False):
    code = _code(classes, 2)
    starts = _CL100K[code]
    _cut_numbers(starts, classes)
    _cut_after_line_ends(starts, classes, np.flatnonzero(_AFTER_LINE_END[code]), whole_tail)
    _cut_contractions(starts, classes, points, _contractions("sStTmMdD\u017f", ("ll", "ve", "re"), any_case=True))
    return starts


STARTS = {"gpt2": _starts_gpt2, "cl100k": _starts_cl100k, "llama3": _starts_cl100k,
          "cl100k_base": partial(_starts_cl100k, whole_tail=True)}


# tables ---------------------------------------------------------------------------------------------------------------

@lru_cache(maxsize=2)
def _classes(size):
    """The class of each code point below size. Surrogates are others, as for the regex."""
    characters = np.arange(size, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    table = np.full(size, OTHER, dtype=np.uint8)
    for kind, pattern in ((LETTER, r"\p{L}+"), (NUMBER, r"\p{N}+"), (BLANK, r"\s+"), (LINE_END, r"[\r\n]"),
                          (SPACE, " ")):
        for run in regex.finditer(pattern, characters):
            table[run.start():run.end()] = kind
    return table


def _gpt2_starts(before, here, after):
    if BREAK in (before, here):
        return True
    if here in WHITE:                               # the first of a run, and the last one before something else
        return before not in WHITE or after not in (*WHITE, BREAK)
    return before != here and before != SPACE


def _cl100k_starts(earlier, before, here, after):
    if BREAK in (before, here):
        return True
    if here == LINE_END:                            # it goes with white space, line ends and others before it
        return before in (LETTER, NUMBER)
    if here in WHITE:
        return before not in WHITE or after not in (*WHITE, BREAK)
    if here == LETTER and before == OTHER:          # a single other character goes with the letters after it,
        return earlier in (OTHER, SPACE)            # unless it has company
    if here == LETTER:
        return before in (NUMBER, LINE_END)
    return before != here and not (here == OTHER and before == SPACE)


_GPT2 = np.array([_gpt2_starts(*key) for key in product(CLASSES, repeat=3)])
_CL100K = np.array([_cl100k_starts(*key) for key in product(CLASSES, repeat=4)])
_AFTER_LINE_END = np.array([before == LINE_END and here in (SPACE, BLANK) and after in (*WHITE, BREAK)
                            for _, before, here, after in product(CLASSES, repeat=4)])


def _code(classes, n_before):
    """For each character the number whose digits are the classes from n_before steps back to one step ahead."""
    around = np.full(len(classes) + n_before + 1, BREAK, dtype=np.uint16)
    around[n_before:-1] = classes
    code = around[:len(classes)]
    for i in range(1, n_before + 2):
        code = code * len(CLASSES) + around[i:i + len(classes)]
    return code


# exceptions -----------------------------------------------------------------------------------------------------------

@lru_cache(maxsize=2)
def _contractions(singles, doubles, any_case=False):
    """The code points that may follow an apostrophe, as arrays: single ones, and pairs as one number each."""
    if any_case:
        doubles = {a + b for pair in doubles for a in (pair[0], pair[0].upper()) for b in (pair[1], pair[1].upper())}
    return np.array([*map(ord, singles)]), np.array([ord(a) << 21 | ord(b) for a, b in doubles])


def _cut_contractions(starts, classes, points, contractions):
    """An apostrophe that starts a piece takes one or two letters with it, and the rest of the word starts anew."""
    singles, doubles = contractions
    at = np.flatnonzero(starts & (points == ord("'")) & (classes == OTHER))
    at = at[at + 1 < len(points)]
    first, second = at + 1, np.minimum(at + 2, len(points) - 1)
    first = np.where(classes[first] == LETTER, points[first], 0).astype(np.int64)       # 0: no letter of this text
    second = np.where((classes[second] == LETTER) & (at + 2 < len(points)), points[second], 0)
    single, double = np.isin(first, singles), np.isin(first << 21 | second, doubles)
    starts[at[single | double] + 1] = False
    ends = np.concatenate([at[single] + 2, at[double] + 3])
    starts[ends[ends < len(starts)]] = True


def _cut_numbers(starts, classes):
    """A run of numbers is cut after each third one."""
    number = classes == NUMBER
    inside = np.flatnonzero(number[3:] & number[2:-1] & number[1:-2] & number[:-3]) + 3
    if inside.size:
        first = np.flatnonzero(number & starts)
        length = inside - first[np.searchsorted(first, inside, "right") - 1]
        starts[inside[length % 3 == 0]] = True


def _cut_after_line_ends(starts, classes, places, whole_tail):
    """White space after a line end starts a piece if that line end is the last one of its run of white space, or if it
    belongs to the punctuation before it. Elsewhere the piece goes on to the last line end of the run.

    places      indices of white space right after a line end, but not right before something else (see the table)
    whole_tail  whether the white space at the end of a text is one piece
    """
    if not places.size:
        return
    line_end, white = classes == LINE_END, (classes >= LINE_END) & (classes != BREAK)
    runs_end = np.append(np.flatnonzero(white[:-1] & ~white[1:]) + 1, len(classes))
    line_ends = np.append(np.flatnonzero(line_end), len(classes))
    end = runs_end[np.searchsorted(runs_end, places, "right")]
    is_last = line_ends[np.searchsorted(line_ends, places)] >= end
    if whole_tail:
        is_last &= np.append(classes, BREAK)[end] != BREAK
    first = np.flatnonzero(line_end & ~np.append(False, line_end[:-1]))         # of several line ends in a row
    first = first[np.searchsorted(first, places) - 1]
    follows_other = (first > 0) & (classes[first - 1] == OTHER)
    starts[places[is_last | follows_other]] = True
