"""Clipping by the global norm. Before: `module`. After: why one bad batch need not throw a run off its course."""

import math

import numpy as np

from .. import backend
from ..errors import ConfigError
from ..pieces import for_pieces


def grad_norm(parameters):
    """The length of all gradients taken as one vector.

        |g| = sqrt(sum over parameters, sum over elements of g^2)

    returns a Python float, in units of loss per unit of weight; parameters without a gradient count as zeros
    Source: Pascanu, Mikolov & Bengio 2012, arXiv:1211.5063, section 3.2.
    """
    total = 0.0
    for p in parameters:
        if p.grad is not None:
            g = p.grad.ravel(order="K")                 # as it lies: a view
            total = total + g @ g
    return math.sqrt(float(backend.to_host(total)))


def clip_grad_norm(parameters, max_norm):
    """Scale all gradients alike, in place, so that their norm is at most `max_norm`.

        g <- g max_norm / (|g| + 1e-6)        if |g| > max_norm

    max_norm > 0, in the units of `grad_norm`    returns the norm before clipping, a Python float
    Clip after accumulation. The 1e-6 is PyTorch's.
    Raises ConfigError unless max_norm > 0.
    Source: Pascanu, Mikolov & Bengio 2012, arXiv:1211.5063, algorithm 1.
    """
    if not max_norm > 0:
        raise ConfigError(f"max_norm must be > 0; got {max_norm}")
    parameters = list(parameters)
    norm = grad_norm(parameters)
    if norm > max_norm:
        for p in parameters:
            if p.grad is not None:
                for_pieces(lambda g: np.multiply(g, max_norm / (norm + 1e-6), out=g), p.grad)
    return norm
