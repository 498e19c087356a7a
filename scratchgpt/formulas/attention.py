"""Scaled dot-product attention: every token asks, all tokens it may see answer.

Before this file: `softmax`. After it: the formula the architecture is named for, its masks and its gradient.
"""

import math

import numpy as np

from ..pieces import by_rows
from .softmax import softmax, softmax_backward


def causal_mask(T, S, like, window=None):
    """Which keys each query may see: itself and all before it; the T queries are the last of S positions.

        mask_ts = [s <= t + S - T]      with a window W, besides:  [s > t + S - T - W]

    T queries, S >= T keys (the first S - T are the cached past)    like: array, for the device
    window  W >= 1: each query sees itself and the W - 1 keys before it; None: all
    returns booleans (T, S)
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3; the window, Beltagy et al. 2020, arXiv:2004.05150.
    """
    s, t = np.arange(S, like=like), np.arange(S - T, S, like=like)[:, None]
    return s <= t if window is None else (s <= t) & (s > t - window)


def padding_mask(attention_mask):
    """Which keys are words and not padding, in the form that `attention` takes.

        mask_bhts = [attention_mask_bs != 0]

    attention_mask (B, S) of 0 and 1, or booleans    returns booleans (B, 1, 1, S)
    Combine masks with `&`. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3.
    """
    return (attention_mask != 0)[:, None, None, :]


@by_rows(core=3)
def attention(q, k, v, mask=None, dropped=None):
    """Average the values, weighted by how well each key answers the query.

        o = p v      p = softmax(q k^T / sqrt(D))

    q        (..., T, D)  queries          k, v  (..., S, D)  keys and values
    mask     booleans that broadcast to (..., T, S): True where a query may look; None: everywhere.
             A query that may look nowhere gets zeros.
    dropped  (..., T, S), the factor keep / (1 - p_drop) on each probability; None: no dropout
    returns o (..., T, D), and p (..., T, S), which the backward pass needs
    The 1/sqrt(D) keeps the scores of unit-variance q and k at unit variance, whatever D is.
    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1.
    """
    s = (q / math.sqrt(q.shape[-1])) @ k.swapaxes(-1, -2)       # step 1: (..., T, D) -> (..., T, S)
    if mask is not None:
        s = np.where(mask, s, -np.inf)
    p = softmax(s)                                              # step 2
    return (p if dropped is None else p * dropped) @ v, p       # step 3: (..., T, S) -> (..., T, D)


@by_rows(core=3)
def attention_backward(do, q, k, v, p, dropped=None):
    """Gradients of `attention`.

        dv = p^T do      dp = do v^T      ds = p (dp - sum_s dp p)      dq = ds k / sqrt(D)      dk = ds^T q / sqrt(D)

    do, q (..., T, D)    k, v (..., S, D)    p (..., T, S)    dropped as in the forward pass
    returns dq (..., T, D), dk (..., S, D), dv (..., S, D)
    Two matrix products with a softmax between, taken back one by one; a masked score has p = 0, so ds = 0.
    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1.
    """
    seen = p if dropped is None else p * dropped
    dv = seen.swapaxes(-1, -2) @ do                             # back through step 3
    dp = do @ v.swapaxes(-1, -2)
    if dropped is not None:
        dp *= dropped
    ds = softmax_backward(dp, p)                                # back through step 2
    ds *= 1 / math.sqrt(q.shape[-1])
    return ds @ k, ds.swapaxes(-1, -2) @ q, dv                  # back through step 1
