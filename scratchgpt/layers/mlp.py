"""The feed-forward half of a block. Before: `linear`, `activation`. After: where most of a GPT's parameters are."""

from ..module import Module
from .activation import GELUTanh
from .linear import Linear


class MLP(Module):
    """y = activation(x W_up + b_up) W_down + b_down, each token by itself.

    W_up (C, F), W_down (F, C), F = 4 C unless told otherwise; `down_std` as GPT-2 scales residual projections.
    Keeps x and both sides of the activation: B T (C + 2 F) elements.
    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 2.
    """

    def __init__(self, C, F=None, *, rng, activation=None, bias=True, std=0.02, down_std=None):
        F = 4 * C if F is None else F
        self.up = Linear(C, F, rng=rng, bias=bias, std=std)
        self.activation = activation or GELUTanh()
        self.down = Linear(F, C, rng=rng, bias=bias, std=std if down_std is None else down_std)

    def forward(self, x):
        """x (..., C) -> (..., C)."""
        u, up_back = self.up(x)                              # (..., C) -> (..., F)
        a, activation_back = self.activation(u)
        y, down_back = self.down(a)                          # (..., F) -> (..., C)
        return y, lambda dy: up_back(activation_back(down_back(dy)))
