"""Softmax as a module. Before: `formulas.softmax`. After: why its backward pass keeps the output, not the input."""

from .. import formulas
from ..module import Module


class Softmax(Module):
    """p = exp(s) / sum exp(s) along the last axis, s (..., V) in nats. Keeps p. Source: as `formulas.softmax`."""

    def forward(self, s):
        """s (..., V) -> p (..., V)."""
        p = formulas.softmax(s)
        return p, lambda dp: formulas.softmax_backward(dp, p)


class LogSoftmax(Module):
    """l = s - log sum exp(s) along the last axis, s (..., V) in nats. Keeps l. Source: as `formulas.log_softmax`."""

    def forward(self, s):
        """s (..., V) -> l (..., V), nats."""
        l = formulas.log_softmax(s)
        return l, lambda dl: formulas.log_softmax_backward(dl, l)
