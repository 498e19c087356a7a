"""From scores to probabilities.

Before this file: nothing. After it: softmax, its logarithm, and why their gradients need only their outputs.
"""

import numpy as np

from ..pieces import by_rows


@by_rows(core=1)
def softmax(s):
    """Positive numbers that sum to one along the last axis, in the ratio of exp(s).

        p_i = exp(s_i) / sum_j exp(s_j)

    s (..., V) in nats    returns (..., V)
    The maximum is taken off first, which changes nothing but the range of exp. A row of nothing but -inf, which
    masks make, gives zeros.
    Source: Bridle 1990; zeros by convention, as Vaswani et al. 2017 leave it open.
    """
    m = s.max(axis=-1, keepdims=True)
    e = s - np.where(m.real > -np.inf, m, 0)
    np.exp(e, out=e)
    z = e.sum(axis=-1, keepdims=True)
    e *= 1 / np.where(z == 0, 1, z)
    return e


@by_rows(core=1)
def softmax_backward(dp, p):
    """Gradient of `softmax`, from its output alone.

        ds_i = p_i (dp_i - sum_j dp_j p_j)

    dp, p (..., V)    returns (..., V)
    dp_j/ds_i = p_j ([i = j] - p_i), summed against dp.
    Source: Bridle 1990.
    """
    return p * (dp - (dp * p).sum(axis=-1, keepdims=True))


@by_rows(core=1)
def log_softmax(s):
    """The logarithm of `softmax`, exact where the probability itself would be 0.

        l_i = s_i - log sum_j exp(s_j)

    s (..., V) in nats, at least one finite score in a row    returns (..., V), nats
    Source: Bridle 1990.
    """
    l = s - s.max(axis=-1, keepdims=True)
    l -= np.log(np.exp(l).sum(axis=-1, keepdims=True))
    return l


@by_rows(core=1)
def log_softmax_backward(dl, l):
    """Gradient of `log_softmax`, from its output alone.

        ds_i = dl_i - p_i sum_j dl_j      p = exp(l)

    dl, l (..., V)    returns (..., V)
    dl_j/ds_i = [i = j] - p_i, summed against dl.
    Source: Bridle 1990.
    """
    return dl - np.exp(l) * dl.sum(axis=-1, keepdims=True)
