"""Multi-head attention: self and cross, with keys of its own for every head or shared ones, with or without a cache.

Before this file: `projections`, `dot_product`, `cache`. After it: heads are a reshape, a cache is an append, rotary
positions are a turn between the two, and cross-attention is self-attention that takes its keys from elsewhere.
"""

from .. import formulas
from ..errors import ConfigError
from ..module import Module
from .dot_product import ScaledDotProductAttention


class MultiHeadAttention(Module):
    """H attentions side by side, each in its own D channels, mixed by an output projection.

        MultiHead(x) = Concat(head_1, ..., head_H) W_o        head_h = attention(q_h, k_j, v_j),  j = h K // H

    project   FusedProjections, SeparateProjections or what wraps them, C -> H D and, for keys and values, K D
    out       Linear, H D -> C                           dropout    Dropout on the probabilities
    n_head    H                                          n_kv_head  K, which divides H; None: H
    window    W: in causal calls a query sees itself and the W - 1 tokens before it; None: all of them
    Keeps x, the memory if there is one, q, k, v (turned, if there is a rotation, and the rotation), the merged heads
    (B, T, H D) and the probabilities (B, H, T, S), with dropout also the factors on these (B, H, T, S); or, if only
    causal, one number for each head and query (B, H, T). With a cache, k and v are the cache's whole buffers.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2; Ainslie et al. 2023, arXiv:2305.13245, for K < H.
    """

    def __init__(self, project, out, n_head, dropout=None, n_kv_head=None, window=None):
        C_head = out.weight.shape[0]
        if n_head < 1 or C_head % n_head:
            raise ConfigError(f"the channels must be divisible by n_head; got {C_head} channels, n_head={n_head}")
        n_kv_head = n_head if n_kv_head is None else n_kv_head
        if n_kv_head < 1 or n_head % n_kv_head:
            raise ConfigError(f"n_head must be divisible by n_kv_head; got n_head={n_head}, n_kv_head={n_kv_head}")
        if window is not None and window < 1:
            raise ConfigError(f"window must be at least 1, as a token sees itself; got {window}")
        self.project, self.out, self.n_head, self.n_kv_head, self.window = project, out, n_head, n_kv_head, window
        self.attend = ScaledDotProductAttention(dropout)

    def forward(self, x, memory=None, mask=None, causal=False, rotation=None, cache=None, rng=None, maps=None):
        """Self-attention of x (B, T, C), or cross-attention from x to memory (B, S, C_memory).

        mask      booleans that broadcast to (B, H, T, S), True where a query may look; None: everywhere
        causal    True: besides, only at itself and what came before
        rotation  (cos, sin) as `formulas.rotation` makes them, which turn q and k by their positions; None: no turn
        cache     LayerCache. Self-attention appends to it and attends to all it gives. Cross-attention fills it
                  once and then reads it: the memory is projected only the first time.
        rng       Generator for the dropout; None: none
        maps      a list that receives the probabilities (B, H, T, S), for whoever wants to look
        returns y (B, T, C); backward(dy) returns dx, or (dx, dmemory). What a cache held before is a constant.
        """
        if memory is not None and rotation is not None:
            raise ConfigError("a rotation turns by positions in one text; leave it out where a memory is given")
        options = {"causal": causal, "window": self.window if causal else None, "rng": rng, "maps": maps}
        if memory is not None and cache is not None and cache.length:
            return self._read_memory(x, cache, mask=mask, **options)
        (q, k, v), project_back = self.project(x, memory)                       # step 1: (B, T, C) -> (B, T, H D)
        q, k, v = _heads(q, self.n_head), _heads(k, self.n_kv_head), _heads(v, self.n_kv_head)
        if rotation is not None:
            q, k = formulas.rotate(q, *rotation), formulas.rotate(k, *rotation)             # step 2
        q, k, v = (a.swapaxes(1, 2) for a in (q, k, v))                         # (B, T, H, D) -> (B, H, T, D)
        T_new = k.shape[2]
        if cache is not None:
            k, v = cache.append(k, v)                                           # (B, K, T, D) -> (B, K, S, D)
            if mask is not None:
                mask = mask[..., -k.shape[2]:]                                  # a sliding cache gives the last keys
        o, attend_back = self.attend(q, k, v, mask, **options)                  # step 3
        y, out_back = self.out(_merge(o))                                       # step 4

        def backward(dy):
            do = _heads(out_back(dy), self.n_head).swapaxes(1, 2)               # back through step 4
            dq, dk, dv = attend_back(do)                                        # back through step 3
            dk, dv = dk[:, :, -T_new:], dv[:, :, -T_new:]                       # (B, K, S, D) -> (B, K, T, D)
            if rotation is not None:                                            # back through step 2
                dq, dk = (formulas.rotate_backward(d.swapaxes(1, 2), *rotation).swapaxes(1, 2) for d in (dq, dk))
            return project_back(_merge(dq), _merge(dk), _merge(dv))             # back through step 1
        return y, backward

    def _read_memory(self, x, cache, **options):
        """Cross-attention to a memory whose keys and values are in the cache."""
        q, q_back = self.project.queries(x)                                     # step 1, for queries only
        o, attend_back = self.attend(_heads(q, self.n_head).swapaxes(1, 2), *cache.kept(), **options)       # step 3
        y, out_back = self.out(_merge(o))                                       # step 4

        def backward(dy):
            dq, _, _ = attend_back(_heads(out_back(dy), self.n_head).swapaxes(1, 2))
            return q_back(_merge(dq)), None
        return y, backward


def _heads(x, H):
    """(B, T, H D) -> (B, T, H, D), a view."""
    B, T, C = x.shape
    return x.reshape(B, T, H, C // H)


def _merge(x):
    """(B, H, T, D) -> (B, T, H D)."""
    B, H, T, D = x.shape
    return x.swapaxes(1, 2).reshape(B, T, H * D)
