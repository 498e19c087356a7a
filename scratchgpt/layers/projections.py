"""From the stream to queries, keys and values: in one product, in three, and with every head's vectors normed.

Before this file: `linear`, `norm`. After it: what differs between the attentions of the field is mostly here, and the
attention itself need not know.
"""

import numpy as np

from ..errors import ConfigError
from ..module import Module
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

    C_kv  the channels of k and v, fewer than C_head where query heads share them; None: C_head
    Keeps x and the memory. Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2.
    """

    def __init__(self, C, C_head=None, *, rng, C_memory=None, C_kv=None, bias=True, std=0.02):
        C_head, C_memory = C_head or C, C_memory or C
        C_kv = C_kv or C_head
        self.q = Linear(C, C_head, rng=rng, bias=bias, std=std)
        self.k = Linear(C_memory, C_kv, rng=rng, bias=bias, std=std)
        self.v = Linear(C_memory, C_kv, rng=rng, bias=bias, std=std)

    def forward(self, x, memory=None):
        """x (B, T, C), memory (B, S, C_memory) or None -> q (B, T, C_head), k, v (B, S, C_kv).

        backward(dq, dk, dv) returns dx, and with a memory (dx, dmemory).
        """
        source = x if memory is None else memory
        (q, q_back), (k, k_back), (v, v_back) = self.q(x), self.k(source), self.v(source)

        def backward(dq, dk, dv):
            dx, dsource = q_back(dq), k_back(dk) + v_back(dv)
            return dx + dsource if memory is None else (dx, dsource)
        return (q, k, v), backward

    def queries(self, x):
        """q alone, for a memory whose k and v are there already: x (B, T, C) -> q (B, T, C_head)."""
        return self.q(x)


class NormedProjections(Module):
    """Projections whose queries and keys are normed head by head, so that no score can outgrow sqrt(D).

        q_h <- Norm_q(q_h)      k_j <- Norm_k(k_j)      v_j unchanged

    project         FusedProjections or SeparateProjections        q_norm, k_norm  norms over the D channels of a head
    Keeps what the projections keep, and q and k as they were; of fused projections v with them, as it is one array.
    Source: Henry et al. 2020, arXiv:2010.04245; as RMSNorm, Qwen Team 2025, arXiv:2505.09388, section 2.
    """

    def __init__(self, project, q_norm, k_norm):
        self.project, self.q_norm, self.k_norm = project, q_norm, k_norm

    def forward(self, x, memory=None):
        """As `project`: x (B, T, C) -> q (B, T, H D), k, v (B, S, K D)."""
        (q, k, v), project_back = self.project(x, memory)
        q, q_back = _by_heads(self.q_norm, q)
        k, k_back = _by_heads(self.k_norm, k)
        return (q, k, v), lambda dq, dk, dv: project_back(q_back(dq), k_back(dk), dv)

    def queries(self, x):
        """As `project`: x (B, T, C) -> q (B, T, H D)."""
        q, project_back = self.project.queries(x)
        q, q_back = _by_heads(self.q_norm, q)
        return q, lambda dq: project_back(q_back(dq))


def _by_heads(norm, x):
    """The norm of every D channels of x (B, T, H D)."""
    heads = (*x.shape[:-1], -1, norm.weight.shape[0])
    y, back = norm(x.reshape(heads))                                            # (B, T, H D) -> (B, T, H, D)
    return y.reshape(x.shape), lambda dy: back(dy.reshape(heads)).reshape(x.shape)
