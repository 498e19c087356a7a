"""The linear layer. Before this file: `formulas.linear`, `module`. After it: the pattern that all layers follow."""

import numpy as np

from .. import formulas
from ..errors import ConfigError
from ..module import Module, Parameter, normal


class Linear(Module):
    """y = x W + b, with W (C_in, C_out) drawn from N(0, std^2) and b zero.

    A call keeps x for its backward pass: B T C_in elements. A frozen W or b skips its own gradient product.
    Source: as `formulas.linear`.
    """

    def __init__(self, C_in, C_out, *, rng, bias=True, std=0.02):
        if C_in < 1 or C_out < 1:
            raise ConfigError(f"a linear layer needs at least one channel on each side; got {C_in} -> {C_out}")
        self.weight = Parameter(normal((C_in, C_out), std, rng))
        self.bias = Parameter(np.zeros(C_out, np.float32)) if bias else None

    def forward(self, x):
        """x (..., C_in) -> y (..., C_out)."""
        if x.shape[-1] != self.weight.shape[0]:
            raise ConfigError(f"the last axis must be C_in={self.weight.shape[0]}; got x {x.shape}")

        def backward(dy):
            self.weight.add_grad_of(formulas.linear_weight_gradient, x, dy)
            if self.bias is not None:
                self.bias.add_grad_of(formulas.sum_rows, dy)
            return formulas.linear_input_gradient(dy, self.weight.data)
        return formulas.linear(x, self.weight.data, self.bias.data if self.bias is not None else None), backward
