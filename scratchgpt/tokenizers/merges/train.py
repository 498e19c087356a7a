"""Learning merges: the whole of byte-pair encoding's training.

Before this file: `pretokenize.patterns`. After it: the reader knows the definition in ten lines, and how the same
merges are found without reading all the text again for each of them.

Again and again, the most frequent pair of neighbours becomes one new token. Take "older_" 3 times, "finest_" 9 times
and "lowest_" 4 times, where "_" marks the end of a word. How often each token stands in the text, after each merge:

    merge         count      e    s    t    _    f    i   es   t_  est_  fi
    (none)                  16   13   13   16    9    9
    e  + s           13      3    0   13   16    9    9   13
    t  + _           13      3    0    0    3    9    9   13   13
    es + t_          13      3    0    0    3    9    9    0    0   13
    f  + i            9      3    0    0    3    0    0    0    0   13    9

The first merge is a tie of (e, s), (s, t) and (t, _), the second one of (es, t) and (t, _). Ties need a rule, or two
programs learn different vocabularies: here the smallest pair of ids wins, and "es" has a larger id than any letter.
(The paper's program takes the pair that it saw first, and so goes by way of es + t and est + _ to the same est_.)
"""

import itertools
from array import array
from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush

import numpy as np


def merge_pair(word, pair, new):
    """Replace each occurrence of a pair by one id, from left to right: in (a, a, a) the first two are joined.

    >>> merge_pair((1, 2, 3, 1, 2), (1, 2), 9), merge_pair((1, 1, 1), (1, 1), 9)
    ((9, 3, 9), (9, 1))

    word     sequence of ids     pair  (left id, right id)     new  id
    returns  tuple of ids
    Source: Sennrich et al. 2016, arXiv:1508.07909, algorithm 1.
    """
    merged = []
    for token in word:
        if merged and (merged[-1], token) == pair:
            merged[-1] = new
        else:
            merged.append(token)
    return tuple(merged)


def train_merges_textbook(words, n_merges, first_id=256, min_frequency=1):
    """Learn merges by the definition; `train_merges` finds the same ones faster.

        pair_k = argmax count(pair), and of equal ones the smallest;   then pair_k is merged into the id first_id + k

    >>> words = [(b"older_", 3), (b"finest_", 9), (b"lowest_", 4)]
    >>> train_merges_textbook(words, 4) == [tuple(b"es"), tuple(b"t_"), (256, 257), tuple(b"fi")]
    True

    words          iterable of (sequence of ids, number of occurrences)
    n_merges       int  how many at most; fewer are returned when no pair is left
    first_id       int  above every id in words
    min_frequency  int  occurrences below which a pair is not merged
    returns        list of (left id, right id)
    Source: Sennrich et al. 2016, arXiv:1508.07909, algorithm 1; ties as in the tokenizers library.
    """
    words = [(tuple(word), n) for word, n in words]
    merges = []
    while len(merges) < n_merges:
        count = Counter()
        for word, n in words:
            for pair in zip(word, word[1:]):
                count[pair] += n
        best = min(count, key=lambda pair: (-count[pair], pair), default=None)
        if best is None or count[best] < max(1, min_frequency):
            break
        words = [(merge_pair(word, best, first_id + len(merges)), n) for word, n in words]
        merges.append(best)
    return merges


def train_merges(words, n_merges, first_id=256, min_frequency=1, on_progress=None):
    """Learn the merges of `train_merges_textbook` in O(N log N) for N ids in all distinct words.

    Pairs wait in buckets, one for each count, and the fullest count is taken first. When the count of a pair falls it
    stays where it is: it is put into the right bucket when its turn comes. (No count of a pair rises after it entered a
    bucket, since all its occurrences are made by the one merge that made its newer member.)

    words, n_merges, first_id, min_frequency   as in `train_merges_textbook`
    on_progress  called with (merges made, n_merges) after each merge, or None
    returns      list of (left id, right id)
    Source: Sennrich et al. 2016, arXiv:1508.07909, section 3.2 (index all pairs, update what a merge touches).
    """
    chain = _Chain(words, first_id + max(0, n_merges))
    waiting = _Buckets(chain.count, max(1, min_frequency))
    waiting.put(chain.count)
    merges = []
    while len(merges) < n_merges and (pair := waiting.pop()) is not None:
        waiting.put(chain.merge(pair, first_id + len(merges)))
        merges.append(divmod(pair, chain.base))
        if on_progress is not None:
            on_progress(len(merges), n_merges)
    return merges


class _Buckets:
    """Pairs by their counts; those of the highest count in order, as a heap."""

    def __init__(self, count, least):
        self.count, self.least = count, least                   # pairs rarer than `least` are not kept
        self.now, self.top = 0, []
        self.lower, self.counts = defaultdict(list), []         # count -> pairs; a heap of the counts, negated

    def put(self, pairs):
        """Let pairs wait, each in the bucket of its count."""
        for pair in pairs:
            n = self.count[pair]
            if n == self.now:
                heappush(self.top, pair)
            elif n >= self.least:
                if n not in self.lower:
                    heappush(self.counts, -n)
                self.lower[n].append(pair)

    def pop(self):
        """The smallest pair of the highest count, or None."""
        while self.top or self.counts:
            if not self.top:
                self.now = -heappop(self.counts)
                self.top = self.lower.pop(self.now)
                heapify(self.top)
            pair = heappop(self.top)
            if self.count[pair] == self.now:
                return pair
            self.put((pair,))
        return None


class _Chain:
    """All words in one doubly linked list of ids, with each pair's count and the places where it stands.

    A merge visits its own places only, and each visit removes one id for good; so all merges together cost O(N),
    however long a single word is. A pair (a, b) is written as the number a * base + b, which sorts as the pair does.
    """

    def __init__(self, words, base):
        words = [(word, n) for word, n in words if len(word)]
        lengths = np.array([len(word) for word, _ in words], dtype=np.int64)
        ids = np.fromiter(itertools.chain.from_iterable(word for word, _ in words), dtype=np.int64)
        weight = np.repeat(np.array([n for _, n in words], dtype=np.int64), lengths)
        ends = np.cumsum(lengths)
        before, after = np.arange(-1, len(ids) - 1), np.arange(1, len(ids) + 1)
        before[ends - lengths], after[ends - 1] = -1, -1                    # no place
        left = np.flatnonzero(after >= 0)
        pairs = ids[left] * base + ids[left + 1]
        order = np.argsort(pairs, kind="stable")
        distinct, first = np.unique(pairs[order], return_index=True)
        counts = np.diff(np.append(0, np.cumsum(weight[left][order]))[np.append(first, len(order))])
        self.base = base
        self.count = defaultdict(int, zip(distinct.tolist(), counts.tolist()))             # pair -> occurrences
        self.places = defaultdict(list, zip(distinct.tolist(), (                           # pair -> its left places
            places.tolist() for places in np.split(left[order], first[1:]))))
        self.ids, self.before, self.after, self.weight = (                                 # one entry for each place
            array("q", values.tobytes()) for values in (ids, before, after, weight))

    def merge(self, pair, new):
        """Join the pair wherever it stands, left to right; return the set of pairs that this made."""
        ids, before, after, base = self.ids, self.before, self.after, self.base
        a, b = divmod(pair, base)
        fresh = set()
        for i in sorted(self.places.pop(pair)):
            j = after[i]
            if j < 0 or ids[i] != a or ids[j] != b:         # an earlier merge took one of the two
                continue
            h, k = before[i], after[j]
            if h >= 0:
                left = ids[h] * base
                fresh.add(self._replace(left + a, left + new, h))
            if k >= 0:
                right = ids[k]
                fresh.add(self._replace(b * base + right, new * base + right, i))
                before[k] = i
            ids[i], ids[j], after[i] = new, -1, k
        del self.count[pair]
        return fresh

    def _replace(self, old, fresh, place):
        weight = self.weight[place]
        self.count[old] -= weight
        self.count[fresh] += weight
        self.places[fresh].append(place)
        return fresh
