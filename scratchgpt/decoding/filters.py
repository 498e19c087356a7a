"""Filters: functions `(ids, scores) -> scores` that reshape the distribution before a token is chosen.

Before this file: `formulas.softmax`, `backend`. After it: a filter sees all tokens so far, ids (B, T), and the
scores of the next one, scores (B, V) in nats; what it drops becomes -inf. Filters are applied in the order given.
"""

import numpy as np

from .. import backend, formulas
from ..errors import GenerationError
from ..inputs import check_whole


def temperature(value):
    """Flatten (above 1) or sharpen (below 1) the distribution.

        s_v <- s_v / T

    value T from 1e-6 to 1e6, dimensionless    returns a filter on scores (B, V)
    Raises GenerationError for others, with which float32 may overflow; T = 0 in the limit is `greedy`.
    Source: Ackley, Hinton & Sejnowski 1985.
    """
    if not 1e-6 <= value <= 1e6:
        raise GenerationError("temperature must be a finite number > 0, from 1e-6 to 1e6; "
                              f"got {value}; for its limit 0 use greedy decoding")
    return lambda ids, scores: scores / value


def top_k(k):
    """Keep the k highest scores, and all that tie with the k-th.

        s_v <- s_v if s_v >= k-th largest s else -inf

    k >= 1; at V or more nothing is dropped    returns a filter on scores (B, V)
    Raises GenerationError unless k is an integer >= 1.
    Source: Fan, Lewis & Dauphin 2018, arXiv:1805.04833, section 5.4.
    """
    check_whole("top_k", k, 1, GenerationError)

    def keep_top_k(ids, scores):
        if k >= scores.shape[-1]:
            return scores
        return np.where(scores >= backend.kth_largest(scores, k), scores, -np.inf)
    return keep_top_k


def top_p(p):
    """Keep the smallest set of most likely tokens whose probability reaches p: the nucleus.

        sorted from the least likely up, drop while the cumulated probability is <= 1 - p

    p in (0, 1]; the token that crosses the line stays, and one always stays    returns a filter on scores (B, V)
    Raises GenerationError for p outside.
    Source: Holtzman et al. 2019, arXiv:1904.09751, section 3.1.
    """
    if not 0 < p <= 1:
        raise GenerationError(f"top_p must be in (0, 1]; got {p}")

    def keep_nucleus(ids, scores):
        if p == 1:
            return scores
        order = np.argsort(scores, axis=-1)
        ascending = formulas.softmax(np.take_along_axis(scores, order, axis=-1))
        dropped = np.cumsum(ascending, axis=-1) <= 1 - p
        dropped[..., -1] = False
        rank = np.argsort(order, axis=-1)                            # the inverse permutation
        return np.where(np.take_along_axis(dropped, rank, axis=-1), -np.inf, scores)
    return keep_nucleus
