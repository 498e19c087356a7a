"""Cut text into pieces that merges never cross.

Before this file: regular expressions. After it: the reader knows why no token of GPT-2 reads `dog.`: words, numbers,
punctuation and spaces are cut apart first, and byte-pair encoding works inside each piece. The pieces joined are the
text again, character for character.

A pattern is a list of alternatives, tried in order at each place:
    's 't 're 've 'm 'll 'd     English contractions (cl100k: in any case)
    ` ?\\p{L}+`                  letters, with one space before them (cl100k: any one character that is no line end)
    ` ?\\p{N}+`                  digits, likewise (cl100k: at most three, and no space)
    ` ?[^\\s\\p{L}\\p{N}]+`        everything else that is not white space (cl100k: and the line ends after it)
    `\\s+(?!\\S)`                white space, but for the last character before a word, which goes with the word
"""

import regex

from ..errors import TokenizerError
from .ids import check_text

_CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")

PATTERNS = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": _CL100K,
    "llama3": _CL100K,          # Llama 3 took cl100k's pattern; it has its own name because its files do
}


def piece_finder(pattern):
    """Return the function that cuts a text into a list of pieces by the pattern of that name.

    pattern  str  a key of PATTERNS
    returns  callable, str -> list of str

    Raises TokenizerError for a name that is not known.
    Source: Radford et al. 2019 (GPT-2, `encoder.py`); the tiktoken library, `cl100k_base`.
    """
    if not isinstance(pattern, str) or pattern not in PATTERNS:
        raise TokenizerError(f"pattern must be one of {', '.join(PATTERNS)}; got {str(pattern)[:80]!r}")
    return regex.compile(PATTERNS[pattern]).findall


def split(text, pattern="gpt2"):
    """Cut text into pieces: "".join(split(text)) = text.

    >>> split("It's  the 1234th day.")
    ['It', "'s", ' ', ' the', ' 1234', 'th', ' day', '.']
    >>> split("It'S  the 1234th day.", "cl100k")
    ['It', "'S", ' ', ' the', ' ', '123', '4', 'th', ' day', '.']

    text     str  counted in characters
    pattern  str  a key of PATTERNS
    returns  list of str, none empty

    Raises TokenizerError for text that is not a str, or an unknown pattern.
    Source: Radford et al. 2019 (GPT-2, `encoder.py`); the tiktoken library, `cl100k_base`.
    """
    return piece_finder(pattern)(check_text(text))
