"""Applying merges to many pieces at once, as every new text asks for.

Before this file: `merge`, which defines what comes out. After it: the reader knows that pieces which do not touch each
other can each take their next merge in the same step, so that ten thousands of them need as many steps as the one with
the most merges, not as many as all of them.
"""

import numpy as np

NEVER = np.int64(1 << 31) - 1              # the rank of a pair that no merge joins


class MergeTable:
    """The merges as sorted arrays, so that many pairs are looked up at once.

    >>> merges = {(1, 1): (0, 9), (1, 2): (1, 8), (9, 8): (2, 7)}       # as in `apply_merges`
    >>> MergeTable(merges).look_up(np.array([1, 9, 2]), np.array([2, 8, 1]))
    (array([         1,          2, 2147483647]), array([8, 7, 0]))

    merges  dict, (left id, right id) -> (rank, merged id); only the order of the ranks counts
    Source: binary search.
    """

    def __init__(self, merges):
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
        """Return for each pair of ids its rank, NEVER if no merge joins it, and the merged id, then 0.

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
    ids, word = np.array(ids, dtype=np.int64), np.repeat(np.arange(len(lengths)), np.array(lengths, dtype=np.int64))
    rank, new = np.full(len(ids), NEVER), np.zeros(len(ids), dtype=np.int64)
    _look_up_at(np.arange(len(ids)), ids, word, rank, new, table)
    finished = []
    while ids.size:
        first = np.flatnonzero(np.append(True, word[1:] != word[:-1]))
        best = np.minimum.reduceat(rank << 32 | np.arange(len(ids)), first)             # the rank, and then the place
        goes_on = best < NEVER << 32
        keep = np.repeat(goes_on, np.diff(np.append(first, len(ids))))
        finished.append((word[~keep], ids[~keep]))
        at = best[goes_on] & NEVER
        ids[at], keep[at + 1] = new[at], False
        at = (np.cumsum(keep) - 1)[at]
        ids, word, rank, new = (column[keep] for column in (ids, word, rank, new))
        _look_up_at(at, ids, word, rank, new, table)
        _look_up_at(at[at > 0] - 1, ids, word, rank, new, table)
    word, ids = (np.concatenate(column) for column in zip(*finished)) if finished else (word, ids)
    return ids[np.argsort(word, kind="stable")], np.bincount(word, minlength=len(lengths))


def _look_up_at(places, ids, word, rank, new, table):
    """Write the rank and the merged id of the pairs that begin at these places; the last id of a word begins none."""
    following = np.minimum(places + 1, len(ids) - 1)
    inside = (word[following] == word[places]) & (following > places)
    found, merged = table.look_up(ids[places], ids[following])
    rank[places], new[places] = np.where(inside, found, NEVER), merged
