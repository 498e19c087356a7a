"""Applying merges: from the bytes of one piece to its tokens.

Before this file: `train`. After it: the reader knows that encoding replays the merges in the order in which they were
learned, and how a piece of a hundred thousand characters is encoded without reading it again for each merge.

Both functions do the same: of all neighbours that some merge joins, take those whose merge was learned first, of
equal ones the leftmost, join them, and go on until nothing can be joined. The second is faster from 8 ids on.
"""

from heapq import heappop, heappush

_NEVER = (float("inf"), None)


def apply_merges_textbook(ids, merges):
    """Apply merges by rank to one piece, reading the whole piece for each: O(n^2) for n ids.

        i = argmin rank(id_i, id_i+1);   id_i, id_i+1 -> merged id

    >>> merges = {(1, 1): (0, 9), (1, 2): (1, 8), (9, 8): (2, 7)}       # worked example 1, with 1 = a, 2 = b
    >>> apply_merges_textbook([1, 1, 1, 2, 4, 1, 1, 1, 2, 1, 3], merges)       # aaabdaaabac
    [7, 4, 7, 1, 3]

    ids      sequence of ids
    merges   dict, (left id, right id) -> (rank, merged id); lower ranks were learned earlier
    returns  list of ids
    Source: Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019 (GPT-2, `encoder.py`).
    """
    ids = list(ids)
    while len(ids) > 1:
        known = [merges.get(pair, _NEVER) for pair in zip(ids, ids[1:])]
        best = min(known)
        if best is _NEVER:
            break
        at = known.index(best)
        ids[at:at + 2] = [best[1]]
    return ids


def apply_merges(ids, merges):
    """Do what `apply_merges_textbook` does in O(n log n).

    The piece is a doubly linked list, so that a merge touches only its neighbours; a heap holds the places that can be
    joined. A place that a merge has changed since it was offered is recognised and passed over.

    ids      sequence of ids
    merges   dict, (left id, right id) -> (rank, merged id)
    returns  list of ids
    Source: the definition in `apply_merges_textbook`; list and heap as in the tokenizers and sentencepiece libraries.
    """
    ids = list(ids)
    before, after = list(range(-1, len(ids) - 1)), [*range(1, len(ids)), -1]
    heap = []

    def offer(i):
        pair = (ids[i], ids[after[i]])
        if pair in merges:
            rank, new = merges[pair]
            heappush(heap, (rank, i, pair, new))

    for i in range(len(ids) - 1):
        offer(i)
    while heap:
        _, i, pair, new = heappop(heap)
        j = after[i]
        if j < 0 or (ids[i], ids[j]) != pair:           # one of the two was joined with another since
            continue
        ids[i], ids[j] = new, None
        after[i] = after[j]
        if after[i] >= 0:
            before[after[i]] = i
            offer(i)
        if before[i] >= 0:
            offer(before[i])
    return [token for token in ids if token is not None]
