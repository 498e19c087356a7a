"""The cache of one layer, in memory that grows with the text.

Before this file: `rows`. After it: what decoding does to a cache, append, cut, choose rows, align rows, is copying.
"""

import copy

import numpy as np

from ..errors import GenerationError
from .rows import check_ends, check_rows


class LayerCache:
    """One layer's keys and values (B, K, S, D), in buffers that double when full.

    Appending S tokens one by one copies O(S) rows in all, not O(S^2). Other kinds of cache are subclasses, which hold
    other arrays (B, K, S, D) in the same way, or fewer columns of them, and append and return the same.
    """

    def __init__(self):
        self._held, self._arrays = 0, ()                     # the columns that are in use, of each buffer

    @property
    def length(self):
        """The number of tokens that are remembered."""
        return self._held

    @property
    def rows(self):
        """B, the number of rows; 0 before the first tokens came."""
        return self._arrays[0].shape[0] if self._arrays else 0

    def append(self, *new):
        """Add k, v (B, K, T, D) behind what is there; returns all keys and all values (B, K, S, D), S = past + T."""
        B, K, T, _ = new[0].shape
        if not self._arrays:
            self._arrays = tuple(np.empty_like(a, shape=(B, K, 0, a.shape[3])) for a in new)
        if B != self.rows:
            raise GenerationError(f"a cache keeps its batch size; it holds {self.rows} rows, got {B}")
        held = self._held + T
        if held > self._arrays[0].shape[2]:
            self._arrays = self._copies(range(B), self._room(held))
        for buffer, a in zip(self._arrays, new):
            buffer[:, :, self._held:held] = a
        self._held = held
        return self.kept()

    def kept(self):
        """All keys and values so far, (B, K, S, D) each. Raises GenerationError while there are none."""
        if not self._arrays:
            raise GenerationError("a cache can be read once something is in it; it holds 0 tokens, append(k, v) first")
        return tuple(a[:, :, :self._held] for a in self._arrays)

    def select(self, rows):
        """Row b becomes what row rows[b] was: beams change places, rows are repeated, ended ones dropped.

        rows   (B',) integers on the host. All rows in their order: nothing is done.
        """
        if not self._arrays:
            return
        rows = check_rows(rows, self.rows)
        if len(rows) != self.rows:
            self._arrays = self._copies(rows, self._arrays[0].shape[2])
            return
        changed = np.flatnonzero(rows != np.arange(self.rows)).tolist()
        for a in self._arrays:
            moved = [a[int(rows[b]), :, :self._held].copy() for b in changed]
            for b, row in zip(changed, moved):
                a[b, :, :self._held] = row

    def truncate(self, length):
        """Forget all but the first `length` tokens."""
        self.realign(np.full(self.rows, length), length)

    def realign(self, ends, length):
        """Cut every row at its own end, and move it so that all of them end at column `length`.

        ends     (B,) integers on the host: row b keeps what stands before column ends[b]
        length   the columns afterwards, at most as many as now. Columns ends[b] - length and earlier ones fall off the
                 front of a row: they must be pads. In front of a shorter row stand zeros: to be masked, as pads.
        """
        ends = self.check(ends, length)
        for a in self._arrays:
            self._align(a, ends, length)
        self._held = length

    def check(self, ends, length):
        """`ends` as an array. Raises GenerationError unless `realign(ends, length)` can be done."""
        return check_ends(ends, length, self.rows, self.length)

    def fork(self):
        """A cache with the same tokens and memory of its own: what happens to one does not happen to the other."""
        other = copy.copy(self)
        if self._arrays:
            other._arrays = self._copies(range(self.rows), self._arrays[0].shape[2])
        return other

    def _room(self, length):
        """The columns of a buffer that must hold `length` of them."""
        return max(64, 2 * length)

    def _copies(self, rows, room):
        """The given rows of every array, in new buffers of so many columns."""
        copies = tuple(np.empty_like(a, shape=(len(rows), a.shape[1], room, a.shape[3])) for a in self._arrays)
        for old, new in zip(self._arrays, copies):
            for b, row in enumerate(map(int, rows)):
                new[b, :, :self._held] = old[row, :, :self._held]
        return copies

    @staticmethod
    def _align(a, ends, length):
        """Move the columns before ends[b] of each row of a (B, K, S, D) to end at `length`, with zeros before them."""
        for b, end in enumerate(ends.tolist()):
            if end != length:
                kept = min(end, length)
                a[b, :, length - kept:length] = a[b, :, end - kept:end].copy()
                a[b, :, :length - kept] = 0
