"""The Transformer's block, in its two orders. Before: `attention`, `mlp`, `norm`. After: a GPT is a stack of these."""

from ..module import Module
from .dropout import Dropout


class _Residual(Module):
    """What both orders share: two norms, attention, MLP, and dropout on what enters the residual stream."""

    def __init__(self, norm1, attention, norm2, mlp, dropout=None):
        self.norm1, self.attention, self.norm2, self.mlp = norm1, attention, norm2, mlp
        self.dropout = dropout or Dropout(0)


class Block(_Residual):
    """Pre-LN: the residual stream is only ever added to, so gradients reach the first layer undiminished.

        h = x + Attention(Norm1(x))        y = h + MLP(Norm2(h))

    Keeps what its parts keep and nothing more: with LayerNorm, fused projections and one C throughout,
    B T (8 C + 2 F) + B H T^2 elements, or B H T in place of B H T^2 where the attention is only causal; dropout adds
    B H T^2 elements and 2 B T C bytes. `options` go to the attention: mask, causal, cache, maps.
    Source: Radford et al. 2019 (GPT-2); Xiong et al. 2020, arXiv:2002.04745.
    """

    def forward(self, x, rng=None, **options):
        """x (B, T, C) -> (B, T, C)."""
        n, norm1_back = self.norm1(x)
        a, attention_back = self.attention(n, rng=rng, **options)
        a, dropout1_back = self.dropout(a, rng)
        h = x + a                                                               # step 1
        m, norm2_back = self.norm2(h)
        f, mlp_back = self.mlp(m)
        f, dropout2_back = self.dropout(f, rng)

        def backward(dy):
            dh = dy + norm2_back(mlp_back(dropout2_back(dy)))                   # back through step 2
            return dh + norm1_back(attention_back(dropout1_back(dh)))           # back through step 1
        return h + f, backward                                                  # step 2


class PostNormBlock(_Residual):
    """Post-LN, the original order: every sum is normalised.

        h = Norm1(x + Attention(x))        y = Norm2(h + MLP(h))

    Keeps what its parts keep and nothing more, as much as `Block`, and takes the same options.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.1.
    """

    def forward(self, x, rng=None, **options):
        """x (B, T, C) -> (B, T, C)."""
        a, attention_back = self.attention(x, rng=rng, **options)
        a, dropout1_back = self.dropout(a, rng)
        h, norm1_back = self.norm1(x + a)                                       # step 1
        f, mlp_back = self.mlp(h)
        f, dropout2_back = self.dropout(f, rng)
        y, norm2_back = self.norm2(h + f)                                       # step 2

        def backward(dy):
            ds = norm2_back(dy)                                                 # back through step 2
            ds = norm1_back(ds + mlp_back(dropout2_back(ds)))                   # back through step 1
            return ds + attention_back(dropout1_back(ds))
        return y, backward
