"""Tables of vectors, for tokens and for positions. Before: `linear`. After: how ids become a (B, T, C) stream."""

import numpy as np

from .. import formulas
from ..errors import ConfigError
from ..module import Module, Parameter, normal


class Embedding(Module):
    """y = W[ids], with W (V, C) drawn from N(0, std^2).

    A call keeps the ids. The gradient of a table that is also used as a head (`unembed`) is the sum of both uses.
    Source: as `formulas.embedding`; the tied head, Press & Wolf 2016, arXiv:1608.05859.
    """

    def __init__(self, V, C, *, rng, std=0.02):
        if V < 1 or C < 1:
            raise ConfigError(f"an embedding needs at least one row and one channel; got {V} x {C}")
        self.weight = Parameter(normal((V, C), std, rng))

    def forward(self, ids):
        """ids (...) integers in [0, V) -> y (..., C); ids have no gradient, so backward returns None."""
        def backward(dy):
            if self.weight.trainable:
                formulas.add_rows(self.weight.open_grad(), ids, dy)
        return self.weight.rows(ids), backward

    def unembed(self, h):
        """The table as a head: logits = h W^T. Keeps h.    h (..., C) -> (..., V)"""
        def backward(dlogits):
            self.weight.add_grad_of(formulas.linear_weight_gradient, dlogits, h)
            return formulas.linear_input_gradient(dlogits, self.weight.data.T)
        return formulas.linear(h, self.weight.data.T), backward


class LearnedPositions(Module):
    """y_t = x_t + W[p_t], p_t the position of token t: a learned vector for every position.

    W (n_positions, C) from N(0, std^2). Keeps nothing but the positions, if they are given one by one.
    Source: Gehring et al. 2017, arXiv:1705.03122, section 3.1.
    """

    def __init__(self, n_positions, C, *, rng, std=0.02):
        self.weight = Parameter(normal((n_positions, C), std, rng))

    def forward(self, x, positions=0):
        """x (B, T, C) -> (B, T, C).

        positions  integers (B, T), the place of every token; or one integer, that of the first, the others following
        """
        T, n = x.shape[-2], self.weight.shape[0]
        following = isinstance(positions, int)
        if following and positions + T > n:
            raise ConfigError(f"positions must be below n_positions={n}; got {T} tokens from position {positions}")
        at = slice(positions, positions + T) if following else positions

        def backward(dy):
            if self.weight.trainable and following:
                self.weight.open_grad()[at] += dy.reshape(-1, *dy.shape[-2:]).sum(axis=0)
            elif self.weight.trainable:
                formulas.add_rows(self.weight.open_grad(), at, dy)
            return dy
        return x + self.weight.rows(at), backward


class SinusoidalPositions(Module):
    """y_t = x_t + PE[p_t], p_t the position of token t: fixed waves, nothing to learn, no longest text. Keeps nothing.

    Source: as `formulas.sinusoidal_positions`.
    """

    def forward(self, x, positions=0):
        """x (..., T, C), C even -> (..., T, C).    positions  as of LearnedPositions"""
        T, C = x.shape[-2:]
        if isinstance(positions, int):
            positions = np.arange(positions, positions + T, like=x)
        return x + formulas.sinusoidal_positions(positions, C, like=x), lambda dy: dy
