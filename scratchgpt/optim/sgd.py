"""Stochastic gradient descent. Before: `optimizer`. After: the rule that all others refine."""

from ..errors import ConfigError
from .optimizer import Optimizer, decays_matrices


class SGD(Optimizer):
    """Follow the gradient, with momentum if asked for.

        g <- g + weight_decay w      b <- momentum b + g      w <- w - lr b        (Nesterov: w - lr (g + momentum b))

    momentum in [0, 1), dimensionless; 0 keeps no average. Weight decay here is the gradient of weight_decay/2 |w|^2.
    Source: Robbins & Monro 1951; Polyak 1964; Sutskever et al. 2013 for the form, which is PyTorch's.
    """

    averages = ("momentum",)

    def __init__(self, parameters, lr, momentum=0.0, nesterov=False, weight_decay=0.0, decays=decays_matrices):
        if not 0 <= momentum < 1 or (nesterov and momentum == 0):
            raise ConfigError(f"momentum must be in [0, 1), and above 0 for Nesterov; got {momentum}")
        self.momentum, self.nesterov = momentum, nesterov
        if momentum == 0:
            self.averages = ()
        super().__init__(parameters, lr, weight_decay, decays)

    def _update(self, w, g, b=None, *, weight_decay):
        if weight_decay:
            g = g + weight_decay * w
        if b is not None:
            b *= self.momentum
            b += g
            g = g + self.momentum * b if self.nesterov else b
        w -= self.lr * g
