"""Applying merges: from the bytes of one piece to its tokens.

Before this file: `train`. After it: the reader knows that encoding replays the merges in the order in which they were
learned, and how a piece of a hundred thousand characters is encoded without reading it again for each merge.

Both functions do the same: of all neighbours that some merge joins, take those whose merge has the lowest rank, of
equal ones the leftmost, join them, and go on until nothing can be joined.
"""

from heapq import heappop, heappush


def apply_merges_textbook(ids, merges, skip=None):
    """Apply merges by rank to one piece, reading the whole piece for each: O(n^2) for n ids.

        i = argmin rank(id_i, id_i+1);   id_i, id_i+1 -> merged id

    >>> merges = {(1, 1): (0, 9), (1, 2): (1, 8), (9, 8): (2, 7)}              # a = 1, b = 2: aa, ab, aaab
    >>> apply_merges_textbook([1, 1, 1, 2, 4, 1, 1, 1, 2, 1, 3], merges)       # aaabdaaabac
    [7, 4, 7, 1, 3]

    ids      sequence of ids
    merges   dict, (left id, right id) -> (rank, merged id); lower ranks were learned earlier
    skip     None, or for BPE-dropout a function without arguments: asked before a merge, it says whether to pass it
             over for now and take the next best; `lambda: rng.random() < p` does so with probability p
    returns  list of ids
    Source: Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019 (GPT-2, `encoder.py`); Provilkov et al. 2020,
    arXiv:1910.13267, algorithm 1 (BPE-dropout).
    """
    ids = list(ids)
    while True:
        known = sorted((merges[pair][0], i, merges[pair][1])
                       for i, pair in enumerate(zip(ids, ids[1:])) if pair in merges)
        best = next((found for found in known if skip is None or not skip()), None)
        if best is None:
            return ids
        _, i, new = best
        ids[i:i + 2] = [new]


def apply_merges(ids, merges, skip=None):
    """Do what `apply_merges_textbook` does in O(n log n).

    The piece is a doubly linked list, so that a merge touches only its neighbours; a heap holds the places that can be
    joined. A place that a merge has changed since it was offered is recognised and passed over.

    ids      sequence of ids
    merges   dict, (left id, right id) -> (rank, merged id)
    skip     None, or a function as in `apply_merges_textbook`, which it is asked in the same order
    returns  list of ids
    Source: the definition in `apply_merges_textbook`; list and heap as in the tokenizers and sentencepiece libraries.
    """
    ids = list(ids)
    before, after = list(range(-1, len(ids) - 1)), [*range(1, len(ids)), -1]
    heap, skipped = [], []

    def offer(i):
        pair = (ids[i], ids[after[i]])
        if pair in merges:
            rank, new = merges[pair]
            heappush(heap, (rank, i, pair, new))

    for i in range(len(ids) - 1):
        offer(i)
    while heap:
        entry = heappop(heap)
        _, i, pair, new = entry
        j = after[i]
        if j < 0 or (ids[i], ids[j]) != pair:           # one of the two was joined with another since
            continue
        if skip is not None and skip():
            skipped.append(entry)
            continue
        ids[i], ids[j] = new, None
        after[i] = after[j]
        if after[i] >= 0:
            before[after[i]] = i
            offer(i)
        if before[i] >= 0:
            offer(before[i])
        while skipped:                                  # what was passed over may be joined next time
            heappush(heap, skipped.pop())
    return [token for token in ids if token is not None]
