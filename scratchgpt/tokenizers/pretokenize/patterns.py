r"""Cut text into pieces that merges never cross.

Before this file: `ids`, regular expressions. After it: the reader knows why no token of GPT-2 reads `dog.`: words,
numbers, punctuation and spaces are cut apart first, and byte-pair encoding works inside each piece. The pieces joined
are the text again, character for character.

A pattern is a list of alternatives, tried in order at each place:
    's 't 're 've 'm 'll 'd     English contractions (cl100k: in any case)
    ` ?\p{L}+`                  letters, perhaps after one space (cl100k: after any one character that is neither a line
                                end nor a number)
    ` ?\p{N}+`                  numbers, likewise (cl100k: at most three, and no space)
    ` ?[^\s\p{L}\p{N}]+`        everything else that is not white space, likewise (cl100k: and the line ends after it)
    `\s*[\r\n]+`                (cl100k only:) white space up to the last line end in it
    `\s+(?!\S)`                 white space, but for the last character before something else, which may begin that
    `\s+`                       what white space is left

These patterns are the definition; `cut` finds the same pieces faster. There are two of cl100k: as it was published, and
Llama 3's files have it; and cl100k_base, as the tiktoken library has it today (0.14), which takes white space at the
end of a text as one piece even where a line end is in it. A pattern may also be the caller's own, or come from a file:
such a one is not trusted, and its time is bounded.
"""

import math

import regex

from ...errors import TokenizerError
from ..ids import check_text

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
_WHITE = r"|\s*[\r\n]+|\s+(?!\S)|\s+"

PATTERNS = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": _WORDS + _WHITE,
    "cl100k_base": _WORDS + r"|\s+(?![\s\S])" + _WHITE,
    "llama3": _WORDS + _WHITE,  # Llama 3 took cl100k's pattern; it has its own name because its files do
}
MAX_PATTERN = 10_000            # characters of a pattern of one's own
MAX_REPEATS = 100_000           # the product of all counts as in {1,3}
SECONDS, SECONDS_PER_CHARACTER = 2.0, 2e-6      # what such a pattern may take


def piece_finder(pattern):
    """Return the function that cuts a text into a list of pieces by a pattern.

    pattern  str  a key of PATTERNS, or a regular expression of one's own
    returns  callable, str -> list of str; what a pattern of one's own passes over is a piece too, as in the tokenizers
             library

    Raises TokenizerError for a name that is not known or an expression that is none; the function that it returns
    raises it where a pattern of one's own takes longer than 2 s, and 2 s more for each million characters.
    Source: Radford et al. 2019 (GPT-2, `encoder.py`); the tokenizers library's files of Llama 3.
    """
    if isinstance(pattern, str) and pattern in PATTERNS:
        return regex.compile(PATTERNS[pattern]).findall
    return _own_finder(pattern)


def split(text, pattern="gpt2"):
    r"""Cut text into pieces: "".join(split(text)) = text.

    >>> split("It's  the 1234th day.")
    ['It', "'s", ' ', ' the', ' 1234', 'th', ' day', '.']
    >>> split("It'S  the 1234th day.", "cl100k")
    ['It', "'S", ' ', ' the', ' ', '123', '4', 'th', ' day', '.']
    >>> split("2026-11-21", r"\d+")
    ['2026', '-', '11', '-', '21']

    text     str  counted in characters
    pattern  str  as in `piece_finder`
    returns  list of str, none empty

    Raises TokenizerError for text that is not a str, and as in `piece_finder`.
    Source: as for `piece_finder`.
    """
    return piece_finder(pattern)(check_text(text))


def _own_finder(pattern):
    compiled = _compile(pattern)

    def find(text):
        allowed = SECONDS + SECONDS_PER_CHARACTER * len(text)
        pieces, end = [], 0
        try:
            for match in compiled.finditer(text, timeout=allowed):
                pieces += [text[end:match.start()], match.group()]
                end = match.end()
        except (TimeoutError, MemoryError):
            raise TokenizerError(f"pattern must cut {len(text)} characters in {allowed:.1f} s; {pattern[:80]!r} takes "
                                 "longer, perhaps because it goes back and forth without end; simplify it") from None
        pieces.append(text[end:])
        if "".join(pieces) != text:
            raise TokenizerError(f"pattern must find its pieces from left to right; {pattern[:80]!r} does not")
        return [piece for piece in pieces if piece]
    return find


def _compile(pattern):
    """Compile a pattern of one's own, unless it is so made that the regex library would need all memory for it."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN or not pattern or pattern.replace("_", "a").isalnum():
        raise TokenizerError(f"pattern must be one of {', '.join(PATTERNS)}, or a regular expression of at most "
                             f"{MAX_PATTERN} characters; got {str(pattern)[:80]!r}")
    if regex.search(r"\(\?(R|[+-]?\d|&|P>)", pattern):
        raise TokenizerError(f"pattern must not call itself; {pattern[:80]!r} does")
    if math.prod(max(1, int(n[:9])) for n in regex.findall(r"(?<=[{,])\d+(?=[,}])", pattern)) > MAX_REPEATS:
        raise TokenizerError(f"pattern may repeat parts {MAX_REPEATS} times, all its {{...}} multiplied; "
                             f"{pattern[:80]!r} does more")
    try:
        return regex.compile(pattern)
    except (regex.error, ValueError, OverflowError, RecursionError, MemoryError) as problem:
        raise TokenizerError(f"pattern must be a regular expression; {pattern[:80]!r} is not ({problem})") from None
