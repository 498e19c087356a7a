"""Plain text to ids: pieces, and each distinct piece encoded once.

Before this file: `pretokenize`, `merge`, `together`. After it: the reader knows the two ways that text takes to its
ids, and that they meet: a short text piece by piece with a dict, as anyone would write it; a long text in blocks, where
pieces are cut, recognised and replaced by their ids without a step of Python for each of them.
"""

from itertools import islice
from threading import Lock

import numpy as np

from ...errors import TokenizerError
from ..ids import ID_DTYPE
from ..pretokenize.blocks import byte_pieces
from ..pretokenize.distinct import DistinctPieces
from ..pretokenize.patterns import piece_finder
from .merge import apply_merges
from .together import MergeTable, apply_merges_together

LONG_TEXT = 2_000           # characters from which on a text goes through blocks
BLOCKS = 16                 # blocks whose new pieces are encoded together
CACHED_PIECES = 1 << 18     # distinct pieces that are remembered between calls
CACHED_IDS = 1 << 21        # and their ids, all together: a piece may be long
CACHED_LENGTH = 64          # characters; longer pieces of a short text are rare, and too large to remember
TOGETHER_LENGTH = 256       # bytes; longer pieces need so many merges that the others would wait for them


class BPEEncoder:
    """Encode plain text by a pattern and ranked merges.

        ids(text) = ids(piece_1) + ids(piece_2) + ...,     ids(piece) = apply_merges(base ids of its bytes)

    pattern  str, a name or the caller's own regular expression
    base     list of 256 ids, one for each byte
    merges   dict, (left id, right id) -> (rank, merged id)
    whole    dict, bytes -> id: pieces that are taken whole, without merging (`ignore_merges`)
    Source: Radford et al. 2019 (GPT-2, `encoder.py`); `ignore_merges` as in the tokenizers library.
    """

    def __init__(self, pattern, base, merges, whole):
        self._find_pieces = piece_finder(pattern)
        self._pattern = pattern
        self._base, self._merges, self._whole = base, merges, whole
        self._base_ids = np.array(base)
        self._table = None                                  # the merges as arrays, when a long text comes
        self._lock = Lock()                                 # of what long texts remember
        self._cache = {}                                    # piece -> ids, for short texts
        self._forget()

    def __reduce__(self):
        """Copies and pickles hold what it is made of, not what it remembers."""
        return BPEEncoder, (self._pattern, self._base, self._merges, self._whole)

    def encode(self, texts):
        """Return the ids of each of a list of texts: lists if all are short, else int32 arrays."""
        if sum(map(len, texts)) >= LONG_TEXT:
            with self._lock:
                ids, ends = self.encode_blocks(texts)
            if max(map(len, texts)) < LONG_TEXT:
                ids = ids.tolist()                              # one list of all is made faster than one of each
            return [ids[start:end] for start, end in zip([0, *ends], ends)]
        return [[i for piece in self._find_pieces(text) for i in self._cache.get(piece) or self._remember(piece)]
                for text in texts]

    def encode_blocks(self, texts):
        """Return the ids of all texts as one int32 array, and the list of where each text ends in it.

        Pieces are numbered, and the ids of these numbers laid out, block by block.
        """
        ids, counts = [np.zeros(0, dtype=ID_DTYPE)], np.zeros(len(texts), dtype=np.int64)
        numbered = ((self._distinct.number(data, starts, ends), owners)
                    for data, starts, ends, owners in byte_pieces(texts, self._pattern))
        while several := list(islice(numbered, BLOCKS)):
            self._encode_new()
            for numbers, owners in several:
                first = self._ends[numbers]
                count = self._ends[numbers + 1] - first
                ids.append(self._ids[_ranges(first, count)])
                if len(owners):
                    those = slice(owners[0], owners[-1] + 1)
                    counts[those] += np.bincount(owners - owners[0], weights=count).astype(np.int64)
            if len(self._distinct.pieces) > CACHED_PIECES or len(self._ids) > CACHED_IDS:
                self._forget()
        return np.concatenate(ids), np.cumsum(counts).tolist()

    def encode_with_dropout(self, text, dropout, rng):
        """Return the ids of one text, each merge being passed over with probability dropout, as in `apply_merges`."""
        if isinstance(dropout, bool) or not isinstance(dropout, (int, float)) or not 0 <= dropout <= 1:
            raise TokenizerError(f"dropout must be a probability from 0 to 1; got {dropout!r}")
        if not isinstance(rng, np.random.Generator):
            raise TokenizerError("dropout needs rng, a numpy.random.Generator such as np.random.default_rng(0); "
                                 f"got {type(rng).__name__}")
        ids = []
        for piece in self._find_pieces(text):
            ids += apply_merges(self._bytes_to_ids(piece.encode("utf-8")), self._merges, lambda: rng.random() < dropout)
        return ids

    def _encode_piece(self, piece):
        if piece in self._whole:
            return [self._whole[piece]]
        return apply_merges(self._bytes_to_ids(piece), self._merges)

    def _bytes_to_ids(self, piece):
        return [self._base[byte] for byte in piece]

    def _remember(self, piece):
        ids = self._encode_piece(piece.encode("utf-8"))
        if len(piece) <= CACHED_LENGTH:
            if len(self._cache) >= CACHED_PIECES:
                self._cache.clear()
            self._cache[piece] = ids
        return ids

    def _forget(self):
        self._distinct = DistinctPieces()
        self._ids = np.zeros(0, dtype=ID_DTYPE)             # the ids of piece 0, of piece 1, ...
        self._ends = np.zeros(1, dtype=np.int64)            # piece n has those from ends[n] to ends[n + 1]

    def _encode_new(self):
        """Encode the pieces that came since the last time: most of them together, long ones by themselves."""
        new = self._distinct.pieces[len(self._ends) - 1:]
        if not new:
            return
        if self._table is None:
            self._table = MergeTable(self._merges)
        alone = {n: self._encode_piece(piece) for n, piece in enumerate(new)
                 if len(piece) > TOGETHER_LENGTH or piece in self._whole}
        rest = [n for n in range(len(new)) if n not in alone]
        data = np.frombuffer(b"".join([new[n] for n in rest]), dtype=np.uint8)
        ids, counts = apply_merges_together(self._base_ids[data], [len(new[n]) for n in rest], self._table)
        owner = np.repeat([*rest, *alone], [*counts, *map(len, alone.values())])
        ids = np.append(ids, np.array([i for each in alone.values() for i in each], dtype=np.int64))
        self._ids = np.append(self._ids, ids[np.argsort(owner, kind="stable")].astype(ID_DTYPE))
        self._ends = np.append(self._ends, self._ends[-1] + np.cumsum(np.bincount(owner, minlength=len(new))))


def _ranges(first, count):
    """The numbers first_p, first_p + 1, ..., first_p + count_p - 1 for each p, one after the other."""
    ends = np.cumsum(count)
    numbers = np.repeat(first - ends + count, count)
    numbers += np.arange(len(numbers))
    return numbers
