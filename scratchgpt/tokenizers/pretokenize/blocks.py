"""Texts of any length, a block at a time, so that a corpus need not fit into memory.

Before this file: `patterns`, `cut`. After it: the reader knows where a text may be cut in two without changing its
pieces, and how strings and files become bytes with the edges of their pieces.
"""

import codecs
from os import PathLike

import numpy as np
import regex

from ...errors import TokenizerError
from ..ids import check_text
from .cut import STARTS, piece_starts
from .patterns import piece_finder

BLOCK = 1 << 18                     # characters cut at a time: all arrays of a block stay in the cache
READ = 1 << 22                      # bytes read from a file at a time
_WORD_END = regex.compile(r"(?r)(?<=[\p{L}\p{N}])[^\p{L}\p{N}]")        # searched from the right
_LINE_END = regex.compile(r"(?r)(?<=\n).")


def blocks(text, size=BLOCK):
    """Cut text into blocks of about `size` characters, at places where every known pattern starts a piece.

    That is after the last letter or number of a word: no piece goes on from there, and none looks back. A block grows
    as long as it has no such place, as in a long run of spaces.

    >>> list(blocks("one two  three", size=6))
    ['one', ' two', '  three']

    text     str, counted in characters
    returns  iterator of str, which joined are the text
    Source: `patterns.PATTERNS`, of which no alternative goes on from a letter or a number to anything else.
    """
    start = 0
    while start < len(text):
        cut, width = None, size
        while cut is None and start + width < len(text):
            cut = _WORD_END.search(text, start + 1, start + width)
            width *= 2
        end = len(text) if cut is None else cut.start()
        yield text[start:end]
        start = end


def read_blocks(path, pattern="gpt2", size=READ):
    """Read a file of UTF-8 text in blocks of about `size` bytes, whose pieces are those of the whole.

    For a pattern of one's own, of which nothing is known, the blocks are whole lines.

    path     file name
    returns  iterator of str, which joined are the text
    Raises TokenizerError naming the file, and the byte that is no UTF-8.
    Source: as for `blocks`; the tokenizers library trains on the lines of files.
    """
    end = _WORD_END if pattern in STARTS else _LINE_END
    decoder, held, done = codecs.getincrementaldecoder("utf-8")(), "", 0
    try:
        with open(path, "rb") as file:
            while data := file.read(size):
                held += decoder.decode(data)
                cut = end.search(held, 1) if len(held) > 1 else None
                done += len(data)
                if cut is None:
                    size *= 2                                   # else a file of one endless word is searched too often
                else:
                    yield held[:cut.start()]
                    held = held[cut.start():]
            held += decoder.decode(b"", final=True)
    except OSError as problem:
        raise TokenizerError(f"{path}: cannot be read ({problem.strerror})") from None
    except UnicodeDecodeError as problem:
        raise TokenizerError(f"{path}: must be UTF-8 text; near byte {done + problem.start} it is not: convert it, for "
                             "instance with iconv -t UTF-8") from None
    if held:
        yield held


def byte_pieces(texts, pattern):
    """Return the bytes of texts and where their pieces are in them, some texts or a part of one at a time.

    >>> [(data, *(a.tolist() for a in where)) for data, *where in byte_pieces(["né 12", " a"], "gpt2")]
    [(b'n\\xc3\\xa9 12\\n a', [0, 3, 7], [3, 6, 9], [0, 0, 1])]

    texts    iterable of str
    pattern  str, as in `piece_finder`
    returns  iterator of (bytes, (P,) int array, (P,) int array, (P,) int array): piece p is data[starts[p]:ends[p]] and
             comes from text number owners[p]; other bytes of data belong to no text
    Source: `split` is the definition, and gives the same pieces.
    """
    if pattern in STARTS:
        for owners, group in _groups(texts):
            text = "\n".join(group)
            breaks = np.cumsum([len(part) + 1 for part in group[:-1]], dtype=np.int64) - 1
            starts = piece_starts(text, pattern, breaks)
            ends = np.append(starts[1:], len(text))
            at = np.searchsorted(starts, breaks)
            owners = np.repeat(owners, np.diff(np.concatenate([[0], at, [len(starts)]])))
            yield _in_bytes(text, *(np.delete(column, at) if at.size else column for column in (starts, ends, owners)))
    else:
        find = piece_finder(pattern)
        for owner, text in enumerate(texts):
            ends = np.cumsum([len(piece) for piece in find(text)], dtype=np.int64)
            yield _in_bytes(text, np.append(0, ends)[:-1], ends, np.full(len(ends), owner))


def as_texts(texts, pattern="gpt2"):
    """Iterate over texts, of which a single `str` is one: "ab" -> "ab"; ["a", Path("b.txt")] -> "a", what is in b.txt.

    texts    a str, a path, or an iterable of both (a generator is read once). A str is text; `pathlib.Path(...)` names
             a file, which comes as the blocks of `read_blocks`
    pattern  str, as in `read_blocks`
    returns  iterator of str

    Raises TokenizerError where `check_text` and `read_blocks` do, and for what is neither.
    Source: the usual call `train(texts)`; iterating over a str itself would train on single characters.
    """
    if isinstance(texts, (str, bytes, PathLike)):
        texts = (texts,)
    try:
        items = iter(texts)
    except TypeError:
        raise TokenizerError("texts must be a str, a pathlib.Path, or an iterable of these; "
                             f"got {type(texts).__name__}") from None
    for text in items:
        if isinstance(text, str) or not isinstance(text, PathLike):
            yield check_text(text)
        else:
            yield from read_blocks(text, pattern)


def _groups(texts):
    """Lists of short texts, and of blocks of long ones, of together about BLOCK characters, and which text each is."""
    owners, group, size = [], [], 0
    for owner, text in enumerate(texts):
        for block in blocks(text) if len(text) > BLOCK else [text] if text else []:
            owners.append(owner)
            group.append(block)
            size += len(block)
            if size >= BLOCK:
                yield owners, group
                owners, group, size = [], [], 0
    if group:
        yield owners, group


def _in_bytes(text, starts, ends, owners):
    data = text.encode("utf-8")
    if len(data) > len(text):
        characters = np.flatnonzero((np.frombuffer(data, dtype=np.uint8) & 0xC0) != 0x80)     # where each one begins
        characters = np.append(characters, len(data))
        starts, ends = characters[starts], characters[ends]
    return data, starts, ends, owners
