"""The other half of a block, plain and gated. Before: `linear`, `activation`. After: where most parameters are."""

from .. import formulas
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


class GatedMLP(Module):
    """y = (silu(x W_gate) * (x W_up)) W_down, each token by itself: SwiGLU.

    W_gate, W_up (C, F), W_down (F, C), with biases b (F,), (F,), (C,) if asked for.
    Keeps x, both products and what the gate let through: B T (C + 3 F) elements.
    Source: Shazeer 2020, arXiv:2002.05202, equation 6.
    """

    def __init__(self, C, F, *, rng, bias=False, std=0.02):
        self.gate = Linear(C, F, rng=rng, bias=bias, std=std)
        self.up = Linear(C, F, rng=rng, bias=bias, std=std)
        self.down = Linear(F, C, rng=rng, bias=bias, std=std)

    def forward(self, x):
        """x (..., C) -> (..., C)."""
        (g, gate_back), (u, up_back) = self.gate(x), self.up(x)                 # (..., C) -> (..., F)
        y, down_back = self.down(formulas.swiglu(g, u))                         # (..., F) -> (..., C)

        def backward(dy):
            dg, du = formulas.swiglu_backward(down_back(dy), g, u)
            return gate_back(dg) + up_back(du)
        return y, backward
