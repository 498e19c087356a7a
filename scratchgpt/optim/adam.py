"""Adam and AdamW. Before: `sgd`. After: steps of about lr in every coordinate, however large its gradient."""

import math

import numpy as np

from ..errors import ConfigError
from .optimizer import Optimizer, decays_matrices


class Adam(Optimizer):
    """Divide the mean of the gradient by the root of the mean of its square.

        m <- b1 m + (1 - b1) g      v <- b2 v + (1 - b2) g^2      w <- w - lr m' / (sqrt(v') + eps)
        m' = m / (1 - b1^t)         v' = v / (1 - b2^t)           t = 1, 2, ... the step

    betas (b1, b2) in [0, 1)    eps > 0, in units of g
    weight_decay is added to the gradient, g + weight_decay w, and so divided with it: AdamW decays otherwise.
    Source: Kingma & Ba 2014, arXiv:1412.6980, algorithm 1.
    """

    averages = ("m", "v")

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decays=decays_matrices):
        if not all(0 <= beta < 1 for beta in betas) or not eps > 0:
            raise ConfigError(f"betas must be in [0, 1) and eps > 0; got betas={tuple(betas)}, eps={eps}")
        self.betas, self.eps = tuple(betas), eps
        super().__init__(parameters, lr, weight_decay, decays)

    def _update(self, w, g, m, v, *, weight_decay):
        if weight_decay:
            g = g + weight_decay * w
        self._move(w, g, m, v)

    def _move(self, w, g, m, v):
        b1, b2 = self.betas
        d = np.subtract(g, m, out=np.empty_like(m))           # m = b1 m + (1 - b1) g; out= makes () an array as well
        d *= 1 - b1
        m += d
        np.multiply(g, g, out=d)                              # v = b2 v + (1 - b2) g^2
        d -= v
        d *= 1 - b2
        v += d
        # w -= lr * (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps), with both corrections moved out of the arrays:
        correction = math.sqrt(1 - b2 ** self.steps)
        np.sqrt(v, out=d)
        d += self.eps * correction
        np.divide(m, d, out=d)
        d *= self.lr * correction / (1 - b1 ** self.steps)
        w -= d


class AdamW(Adam):
    """Adam, with the decay decoupled from the gradient: w <- (1 - lr weight_decay) w, then Adam's step.

    Decays matrices only, unless `decays(parameter)` says otherwise.
    Source: Loshchilov & Hutter 2017, arXiv:1711.05101, algorithm 2.
    """

    def __init__(self, parameters, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01, decays=decays_matrices):
        super().__init__(parameters, lr, betas, eps, weight_decay, decays)

    def _update(self, w, g, m, v, *, weight_decay):
        if weight_decay:
            w *= 1 - self.lr * weight_decay
        self._move(w, g, m, v)
