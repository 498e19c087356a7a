"""Applying merges to many pieces at once, as every new text asks for.

Before this file: `merge`, which defines what comes out. After it: the reader knows that pieces which do not touch each
other can each take their next merge in the same step, so that tens of thousands of them need as many steps as the one
with the most merges, not as many as all of them together.
"""

import numpy as np

from .merge import apply_merges

NEVER = np.int64(1 << 31) - 1              # the rank of a pair that no merge joins
FEW = 32                                   # words from which on steps for all are worth their while
NO_ID = 1 << 40                            # what stands where there is no token, or no more


class MergeTable:
    """The merges as sorted arrays, so that many pairs are looked up at once.

    >>> merges = {(1, 1): (0, 9), (1, 2): (1, 8), (9, 8): (2, 7)}       # as in `apply_merges`
    >>> MergeTable(merges).look_up(np.array([1, 9, 2]), np.array([2, 8, 1]))
    (array([         1,          2, 2147483647]), array([8, 7, 0]))

    merges  dict, (left id, right id) -> (rank, merged id); only the order of the ranks counts
    Source: binary search.
    """

    def __init__(self, merges):
        self.merges = merges
        pairs = np.array(list(merges), dtype=np.int64).reshape(-1, 2)
        values = np.array(list(merges.values()), dtype=np.int64).reshape(-1, 2)
        self._base = 1 + int(max(pairs.max(initial=0), values[:, 1].max(initial=0)))
        keys = pairs[:, 0] * self._base + pairs[:, 1]
        order = np.argsort(keys)
        ranks = np.unique(values[:, 0], return_inverse=True)[1]
        # behind the last pair stands one that is never asked for
        self._keys, self._ranks, self._new = (np.append(column[order], last) for column, last in (
            (keys, np.iinfo(np.int64).max), (ranks, NEVER), (values[:, 1], 0)))

    def look_up(self, left, right):
        """Return for each pair of ids its rank and the merged id; NEVER and 0 where no merge joins it.

        left, right  (N,) int arrays     returns  (N,) int64 array, (N,) int64 array
        """
        keys = np.where(np.maximum(left, right) < self._base, left * self._base + right, -1)
        at = np.searchsorted(self._keys, keys)
        known = self._keys[at] == keys
        return np.where(known, self._ranks[at], NEVER), np.where(known, self._new[at], 0)


def apply_merges_together(ids, lengths, table):
    """Do for each of many words what `apply_merges` does.

    In each step every word that is not finished takes its merge of the lowest rank, of equal ones the leftmost:

        i = argmin_i (rank_i, i) in the word;   ids_i, ids_i+1 -> merged id

    >>> table = MergeTable({(1, 1): (0, 9), (1, 2): (1, 8), (9, 8): (2, 7)})
    >>> apply_merges_together(np.array([1, 1, 1, 2, 4, 1, 1, 1, 2, 1, 3]), [4, 1, 6], table)
    (array([7, 4, 7, 1, 3]), array([1, 1, 3]))

    ids      (N,) int array, the ids of all words, one word after the other
    lengths  (W,) how many each word has, at least 1
    table    MergeTable
    returns  the same two after merging
    Source: the definition in `apply_merges_textbook`.
    """
    ids, owner = np.array(ids, dtype=np.int64), np.repeat(np.arange(len(lengths)), np.array(lengths, dtype=np.int64))
    finished = [(owner[:0], ids[:0])]
    while ids.size:
        first = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
        if len(first) < FEW:
            for word in np.split(np.arange(len(ids)), first[1:]):
                merged = apply_merges(ids[word].tolist(), table.merges)
                finished.append((np.full(len(merged), owner[word[0]]), np.array(merged)))
            break
        chain = _Chain(ids, first, table)
        while 2 * np.count_nonzero(goes_on := chain.step()) > len(first):
            pass                                                            # until half of the words are finished
        there, goes_on = chain.ids[:-1] != NO_ID, np.repeat(goes_on, np.diff(np.append(first, len(ids))))
        ids, done, left = chain.ids[:-1], there & ~goes_on, there & goes_on
        finished.append((owner[done], ids[done]))
        ids, owner = ids[left], owner[left]
    owner, ids = (np.concatenate(column) for column in zip(*finished))
    return ids[np.argsort(owner, kind="stable")], np.bincount(owner, minlength=len(lengths))


class _Chain:
    """Words as one doubly linked list of ids, like the piece in `apply_merges`; place N stands for none."""

    def __init__(self, ids, first, table):
        N = len(ids)
        self.table, self.first = table, first
        self.ids = np.append(ids, NO_ID)
        self.before, self.after = np.append(np.arange(-1, N - 1), N), np.append(np.arange(1, N + 1), N)
        self.before[first], self.after[first[1:] - 1] = N, N
        self.best, self.new = np.empty(N + 1, dtype=np.int64), np.empty(N + 1, dtype=np.int64)
        self._look_up(np.arange(N + 1))

    def step(self):
        """Apply the next merge of each word that has one; return which words had one."""
        best = np.minimum.reduceat(self.best[:-1], self.first)              # the rank, and then the place
        goes_on = best < NEVER << 32
        i = best[goes_on] & NEVER
        j = self.after[i]
        h, k = self.before[i], self.after[j]
        self.ids[i], self.ids[j] = self.new[i], NO_ID
        self.after[i], self.before[k], self.best[j] = k, i, NEVER << 32
        self._look_up(i)
        self._look_up(h)
        return goes_on

    def _look_up(self, places):
        """Note the rank and the merged id of the pairs that begin at these places."""
        rank, self.new[places] = self.table.look_up(self.ids[places], self.ids[self.after[places]])
        self.best[places] = rank << 32 | places
