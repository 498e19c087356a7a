"""Multi-head attention: self and cross, with fused or separate projections, with or without a cache.

Before this file: `dot_product`, `linear`, `cache`. After it: heads are a reshape, a cache is an append, and
cross-attention is self-attention that takes its keys and values from elsewhere.
"""

import numpy as np

from ..errors import ConfigError
from ..module import Module
from .dot_product import ScaledDotProductAttention
from .linear import Linear


class FusedProjections(Module):
    """q, k, v = x W_qkv in one product, for self-attention. W_qkv (C, 3 C_head), C_head = heads x head dimension.

    Keeps x. Source: Radford et al. 2019, the GPT-2 code; Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(self, C, C_head=None, *, rng, bias=True, std=0.02):
        self.qkv = Linear(C, 3 * (C if C_head is None else C_head), rng=rng, bias=bias, std=std)

    def forward(self, x, memory=None):
        """x (B, T, C) -> q, k, v (B, T, C_head) each, views of one array; `memory` must be None."""
        if memory is not None:
            raise ConfigError("fused projections serve self-attention only; use SeparateProjections for a memory")
        qkv, qkv_back = self.qkv(x)
        C = qkv.shape[-1] // 3
        q, k, v = qkv[..., :C], qkv[..., C:2 * C], qkv[..., 2 * C:]
        return (q, k, v), lambda dq, dk, dv: qkv_back(np.concatenate((dq, dk, dv), axis=-1))


class SeparateProjections(Module):
    """q = x W_q, k = m W_k, v = m W_v, where m is the memory, or x itself.

    Keeps x and the memory. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2.
    """

    def __init__(self, C, C_head=None, *, rng, C_memory=None, bias=True, std=0.02):
        C_head, C_memory = C_head or C, C_memory or C
        self.q = Linear(C, C_head, rng=rng, bias=bias, std=std)
        self.k = Linear(C_memory, C_head, rng=rng, bias=bias, std=std)
        self.v = Linear(C_memory, C_head, rng=rng, bias=bias, std=std)

    def forward(self, x, memory=None):
        """x (B, T, C), memory (B, S, C_memory) or None -> q (B, T, C_head), k, v (B, S, C_head).

        backward(dq, dk, dv) returns dx, and with a memory (dx, dmemory).
        """
        source = x if memory is None else memory
        (q, q_back), (k, k_back), (v, v_back) = self.q(x), self.k(source), self.v(source)

        def backward(dq, dk, dv):
            dx, dsource = q_back(dq), k_back(dk) + v_back(dv)
            return dx + dsource if memory is None else (dx, dsource)
        return (q, k, v), backward


class MultiHeadAttention(Module):
    """H attentions side by side, each in its own D channels, mixed by an output projection.

        MultiHead(x) = Concat(head_1, ..., head_H) W_o        head_h = attention(q_h, k_h, v_h)

    project   FusedProjections or SeparateProjections, C -> H D       out  Linear, H D -> C
    n_head    H                                                       dropout  Dropout on the probabilities
    Keeps x, the memory if there is one, q, k, v, the merged heads (B, T, H D) and the probabilities (B, H, T, S), or, if
    only causal, one number for each head and query (B, H, T); with dropout also the factors on the probabilities
    (B, H, T, S). With a cache, k and v are the cache's whole buffers.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2.
    """

    def __init__(self, project, out, n_head, dropout=None):
        C_head = out.weight.shape[0]
        if n_head < 1 or C_head % n_head:
            raise ConfigError(f"the channels must be divisible by n_head; got {C_head} channels, n_head={n_head}")
        self.project, self.out, self.n_head = project, out, n_head
        self.attend = ScaledDotProductAttention(dropout)

    def forward(self, x, memory=None, mask=None, causal=False, cache=None, rng=None, maps=None):
        """Self-attention of x (B, T, C), or cross-attention from x to memory (B, S, C_memory).

        mask    booleans that broadcast to (B, H, T, S), True where a query may look; None: everywhere
        causal  True: besides, only at itself and what came before
        cache   LayerCache. Self-attention appends to it and attends to all it holds. Cross-attention fills it
                once and then reads it: the memory is projected only the first time.
        rng     Generator for the dropout; None: none
        maps    a list that receives the probabilities (B, H, T, S), for whoever wants to look
        returns y (B, T, C); backward(dy) returns dx, or (dx, dmemory). What a cache held before is a constant.
        """
        options = {"mask": mask, "causal": causal, "rng": rng, "maps": maps}
        if memory is not None and cache is not None and cache.length:
            return self._read_memory(x, cache, options)
        (q, k, v), project_back = self.project(x, memory)                       # step 1
        q, k, v = (self._split(a) for a in (q, k, v))
        T_new = k.shape[2]
        if cache is not None:
            k, v = cache.append(k, v)                                           # (B, H, T, D) -> (B, H, S, D)
        o, attend_back = self.attend(q, k, v, **options)                        # step 2
        y, out_back = self.out(_merge(o))                                       # step 3

        def backward(dy):
            dq, dk, dv = attend_back(self._split(out_back(dy)))                 # back through steps 3 and 2
            dk, dv = dk[:, :, -T_new:], dv[:, :, -T_new:]                       # (B, H, S, D) -> (B, H, T, D)
            return project_back(_merge(dq), _merge(dk), _merge(dv))             # back through step 1
        return y, backward

    def _read_memory(self, x, cache, options):
        q, q_back = self.project.q(x)
        o, attend_back = self.attend(self._split(q), *cache.kept(), **options)
        y, out_back = self.out(_merge(o))
        return y, lambda dy: (q_back(_merge(attend_back(self._split(out_back(dy)))[0])), None)

    def _split(self, x):
        """(B, T, H D) -> (B, H, T, D), a view."""
        B, T, C = x.shape
        return x.reshape(B, T, self.n_head, C // self.n_head).swapaxes(1, 2)


def _merge(x):
    """(B, H, T, D) -> (B, T, H D)."""
    B, H, T, D = x.shape
    return x.swapaxes(1, 2).reshape(B, T, H * D)
