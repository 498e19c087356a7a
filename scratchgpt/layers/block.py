"""The Transformer's block, in its two orders, and the decoder's block, which also reads a source.

Before this file: `attention`, `mlp`, `norm`. After it: a GPT is a stack of the first, a translator one of each other.
"""

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


class DecoderBlock(Module):
    """The original decoder's block, post-LN: every token looks at what was said, then at the source.

        h = Norm1(x + Attention(x))      g = Norm2(h + Attention(h, memory))      y = Norm3(g + MLP(g))

    attention   MultiHeadAttention of x to itself      cross   MultiHeadAttention from h to the memory
    Keeps what its parts keep and nothing more: with LayerNorm, fused projections for the first attention and one C
    throughout, B T (12 C + 2 F) + 3 B S C + B H T (T + S) elements; dropout adds 3 B T C bytes, and on the
    probabilities B H T (T + S) elements.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.1.
    """

    def __init__(self, norm1, attention, norm2, cross, norm3, mlp, dropout=None):
        self.norm1, self.attention, self.norm2, self.cross, self.norm3 = norm1, attention, norm2, cross, norm3
        self.mlp, self.dropout = mlp, dropout or Dropout(0)

    def forward(self, x, memory, memory_mask=None, cache=None, rng=None, maps=None, **options):
        """x (B, T, C), memory (B, S, C_memory) -> y (B, T, C); backward(dy) returns dx and dmemory.

        memory_mask   booleans that broadcast to (B, H, T, S), True where a query may look; None: everywhere
        cache         a pair of LayerCaches: the first attention appends to one, the other holds the projected memory,
                      which is a constant from the second call on: then dmemory is None
        rng, maps     Generator for dropout; a pair of lists that receive the probabilities of either attention
        options       go to the first attention: mask, causal
        """
        (own_cache, cross_cache), (own_maps, cross_maps) = cache or (None, None), maps or (None, None)
        a, attention_back = self.attention(x, cache=own_cache, rng=rng, maps=own_maps, **options)
        a, dropout1_back = self.dropout(a, rng)
        h, norm1_back = self.norm1(x + a)                                       # step 1
        c, cross_back = self.cross(h, memory, mask=memory_mask, cache=cross_cache, rng=rng, maps=cross_maps)
        c, dropout2_back = self.dropout(c, rng)
        g, norm2_back = self.norm2(h + c)                                       # step 2
        f, mlp_back = self.mlp(g)
        f, dropout3_back = self.dropout(f, rng)
        y, norm3_back = self.norm3(g + f)                                       # step 3

        def backward(dy):
            ds = norm3_back(dy)                                                 # back through step 3
            ds = norm2_back(ds + mlp_back(dropout3_back(ds)))                   # back through step 2
            dh, dmemory = cross_back(dropout2_back(ds))
            ds = norm1_back(ds + dh)                                            # back through step 1
            return ds + attention_back(dropout1_back(ds)), dmemory
        return y, backward
