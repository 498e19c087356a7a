"""Scaled dot-product attention as a module.

Before this file: `formulas.attention`, `formulas.flash_attention`. After it: which of their forms runs when.
"""

import numpy as np

from .. import formulas
from ..module import Module
from .dropout import Dropout


class ScaledDotProductAttention(Module):
    """o = softmax(q k^T / sqrt(D)) v, q (B, H, T, D), k, v (B, K, S, D), with masks and dropout on the probabilities.

    Where there are fewer key/value heads than query heads, each serves G = H / K of these: their G T queries are the
    rows of one matrix. A call that is only causal takes the tiled form; a mask, dropout, or the wish to see the
    probabilities takes the textbook form, which has them in memory.
    Keeps q, k, v, and the probabilities (B, H, T, S), with dropout also their factors (B, H, T, S); or, if only causal,
    o and a number for each head and query.
    Source: as `formulas.attention` and `formulas.causal_attention`; K < H, Ainslie et al. 2023, arXiv:2305.13245.
    """

    def __init__(self, dropout=None):
        self.dropout = dropout or Dropout(0)

    def forward(self, q, k, v, mask=None, causal=False, window=None, rng=None, maps=None):
        """q (B, H, T, D), k, v (B, K, S, D) -> o (B, H, T, D); backward(do) returns dq, dk, dv.

        mask    booleans that broadcast to (B, H, T, S), True where a query may look; None: everywhere
        causal  True: besides, only at itself and what came before, the T queries being the last of S positions
        window  W >= 1, with causal: and only at the last W of these; None: at all
        rng     Generator for the dropout; None: none
        maps    a list that receives the probabilities (B, H, T, S)
        """
        (B, H, T, D), (_, K, S, _) = q.shape, k.shape
        dropped = self._dropped((B, H, T, S), rng, q)
        if causal and mask is None and dropped is None and maps is None:
            o, l = formulas.causal_attention(q, k, v, window)
            return o, lambda do: formulas.causal_attention_backward(do, q, k, v, o, l, window)
        if causal:
            past = formulas.causal_mask(T, S, like=q, window=window)
            mask = past if mask is None else mask & past
        mask = None if mask is None else np.broadcast_to(mask, (B, H, T, S))
        q, mask, dropped = (_by_group(a, K) for a in (q, mask, dropped))        # (B, H, T, D) -> (B, K, G T, D)
        o, p = formulas.attention(q, k, v, mask, dropped)
        if maps is not None:
            maps.append(p.reshape(B, H, T, S))

        def backward(do):
            dq, dk, dv = formulas.attention_backward(_by_group(do, K), q, k, v, p, dropped)
            return dq.reshape(B, H, T, D), dk, dv
        return o.reshape(B, H, T, D), backward

    def _dropped(self, shape, rng, like):
        """The factor keep / (1 - p) on each probability, or None."""
        keep = self.dropout.mask(shape, rng, like)
        return None if keep is None else keep.astype(like.dtype) * (1 / (1 - self.dropout.p))


def _by_group(a, K):
    """(B, H, T, N) -> (B, K, G T, N): the G query heads of a key/value head under each other. None stays None."""
    return None if a is None else a.reshape(a.shape[0], K, a.shape[1] // K * a.shape[2], a.shape[3])
