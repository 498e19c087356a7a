"""Rows of ids, rows of scores: what all processors do with them.

Before this file: `arguments`. After it: a rule for one row of scores is a processor; pads of -1 stay out of every
count; the best scores of a row are found without sorting all.
"""

import math

import numpy as np

from ...errors import GenerationError

BINS, FARTHEST = 8, 128                                             # bins for a nat; nats, beyond which is the last bin
REACHES = (*(2 * 1.5 ** n for n in range(9)), math.inf)             # 2, 3, 4.5, ... 51 nats: e^-51 is 1e-22


def row_lengths(ids):
    """The tokens of each row, pads not counted.

        n_b = sum_s [id_bs >= 0]

    ids (B, S)    returns (B,), in tokens
    Source: pads are -1 by the convention of `decoding`.
    """
    return (ids >= 0).sum(axis=-1)


def present(ids, V):
    """Where tokens stand: (row, token) of every token of every row, as often as it is there.

        pairs = {(b, id_bs) : 0 <= id_bs < V}

    ids (B, S)    returns (N,) rows, (N,) tokens: an index into scores (B, V)
    An id beyond the scores, such as an image's in a model that only writes text, cannot be chosen and is left out.
    Source: pads are -1 by the convention of `decoding`.
    """
    rows, at = np.nonzero((ids >= 0) & (ids < V))
    return rows, ids[rows, at]


def per_row(values, B):
    """What was said of each prompt, for each row of scores; several rows of one prompt, such as beams, stand together.

        y_b = x_(b // (B / N))

    values () or (N, ...), B a multiple of N    returns (B, ...)
    Raises GenerationError for another N.
    Source: the order of beams is that of transformers' `repeat_interleave`.
    """
    values = np.atleast_1d(values)
    if B % len(values):
        raise GenerationError(f"{len(values)} rows were announced, and {B} rows of scores are no multiple of them")
    return np.repeat(values, B // len(values), axis=0)


def row_by_row(rule):
    """A processor from a rule for one row.

        scores_b <- rule(scores_b)

    rule  (V,) -> (V,)    returns a processor of scores (B, V)
    A row with nothing to choose from, all -inf or with a NaN or +inf, is left to be refused by who chooses. What grows
    below the lowest number of its kind is -inf, without a warning.
    Source: so each row gets what it would get alone.
    """
    def apply(ids, scores):
        with np.errstate(over="ignore"):
            return np.stack([rule(row) if np.isfinite(row.max()) else row for row in scores])
    return apply


def near(s, enough):
    """The ids of the best scores: all within a reach of the highest, which is widened until there are enough.

        ids = {v : s_v > max(s) - r},  r = 2, 3, 4.5, ... 51, infinity nats

    s (V,) with a finite score    enough (N,) ids -> bool    returns (N,) ids, ascending, none of a score -inf
    A sort of 50,257 scores takes a millisecond, one of the few hundred that matter nothing. Equal scores are all in or
    all out, and where there are not enough, all finite scores are in.
    Source: bucket selection, with buckets laid out from the top.
    """
    highest = float(s.max())
    for reach in REACHES:
        ids = np.flatnonzero(s > highest - reach)
        if enough(ids):
            break
    return ids


def highest(s, k):
    """The ids of the k highest scores, highest first; of equals, the smaller id.

        y_1 = argmax_v s_v        y_2 = argmax_{v != y_1} s_v        ...

    s (V,) with a finite score and no NaN    k >= 1    returns (n,) ids, n = min(k, finite scores)
    Source: as `near`.
    """
    ids = near(s, lambda found: len(found) >= k)
    if len(ids) > 4 * k:                                            # flat scores: still too many to be sorted
        ids = ids[s[ids] >= np.partition(s[ids], -k)[-k]]
    return ids[np.argsort(-s[ids], kind="stable")[:k]]


def crossing(d, w, share):
    """Where, from the nearest on, weights have summed up to a share of all.

        n = min {n : w_1 + ... + w_n >= share sum_i w_i}        d_1 <= d_2 <= ...

    d (V,) distances >= 0, infinite only where the weight is 0    w (V,) weights    share in (0, 1], dimensionless
    returns n, and the id of the n-th. Of equal distances, the smaller id comes first.
    Only one bin of the distances is sorted, the one in which the sum is reached.
    Source: weighted selection by buckets; Knuth 1998, The art of computer programming, volume 3, section 5.2.5.
    """
    bins = np.minimum(d * BINS, BINS * FARTHEST).astype(np.intp)
    sums = np.cumsum(np.bincount(bins, w))
    at = int(np.searchsorted(sums, share * sums[-1]))
    ids = np.flatnonzero(bins == at)
    ids = ids[np.argsort(d[ids], kind="stable")]
    reached = (sums[at - 1] if at else 0.0) + np.cumsum(w[ids], dtype=np.float64)
    last = min(int((reached < share * sums[-1]).sum()), len(ids) - 1)
    return np.count_nonzero(bins < at) + last + 1, ids[last]


def keep_highest(s, count, lowest):
    """Drop all but the `count` highest scores; of equal ones the larger ids stay.

        s_v <- s_v if rank_v <= count else -inf

    s (V,)    lowest  the count-th highest score    returns (V,)
    Source: the order of a stable ascending sort, cut from below.
    """
    dropped = s < lowest
    ties = np.flatnonzero(s == lowest)
    dropped[ties[:np.count_nonzero(~dropped) - count]] = True
    return np.where(dropped, -np.inf, s)


def entropy(l):
    """The expected surprise of one draw.

        H = -sum_v p_v ln p_v,  p = exp(l)

    l (V,) log-probabilities, nats; 0 ln 0 = 0    returns float, in nats
    Source: Shannon 1948, section 6.
    """
    l = l[l > -np.inf]
    return -float((np.exp(l) * l).sum())
