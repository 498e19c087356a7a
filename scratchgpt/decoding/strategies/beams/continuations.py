"""Which continuations a beam looks at: the best of all, or some drawn. Before this file: `sampling`. After: `beam`."""

import numpy as np

from ....errors import GenerationError
from ...processors.rows import highest
from ..sampling import sample


def best(scores, count):
    """The places of the highest scores, highest first; of equals, the first.

        y_1 = argmax_i s_i        y_2 = argmax_{i != y_1} s_i        ...

    scores (N,) in nats, -inf for what is impossible and never taken; not sorted as a whole, N being large
    returns (n,) places, n = min(count, possible ones)
    Raises GenerationError for NaN.
    Source: as `highest`.
    """
    _check(scores)
    if not scores.max(initial=-np.inf) > -np.inf:
        return np.zeros(0, np.int64)
    return highest(scores, count)


def drawn(scores, count, rng):
    """Places drawn one after the other, none twice, in the order in which they were drawn.

        P(y_1 .. y_n) = prod_i p(y_i) / (1 - p(y_1) - ... - p(y_{i-1}))        p = softmax(s)

    scores (N,) in nats, -inf for what is never drawn; rng numpy.random.Generator, asked once for each place
    returns (n,) places, n = min(count, possible ones)
    Source: Plackett 1975, The analysis of permutations; Kool et al. 2019, arXiv:1903.06059, section 3.
    """
    _check(scores)
    possible = np.flatnonzero(scores > -np.inf)
    left, order = scores[possible], []
    for _ in range(min(count, len(possible))):
        order.append(sample(left[None], rng)[0])
        left[order[-1]] = -np.inf
    return possible[np.array(order, np.int64)]


def _check(scores):
    if not scores.max(initial=-np.inf) < np.inf:
        raise GenerationError("scores must hold neither NaN nor infinity; got one from the model or from a processor")
