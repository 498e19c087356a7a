"""The norms as modules. Before: `formulas.norms`. After: the one layer with a memory of its own, BatchNorm."""

import numpy as np

from .. import formulas
from ..errors import ConfigError
from ..module import Module, Parameter


def _channels(C, eps):
    if C < 1 or not eps > 0:
        raise ConfigError(f"a norm needs C >= 1 channels and eps > 0; got C={C}, eps={eps}")
    return C


class LayerNorm(Module):
    """y = w (x - mean) / sqrt(var + eps) + b over the channels; w ones, b zeros. Keeps x.

    Source: as `formulas.layer_norm`.
    """

    def __init__(self, C, eps=1e-5):
        self.weight = Parameter(np.ones(_channels(C, eps), np.float32))
        self.bias = Parameter(np.zeros(C, np.float32))
        self.eps = eps

    def forward(self, x):
        """x (..., C) -> (..., C)."""
        def backward(dy):
            dx, dweight, dbias = formulas.layer_norm_backward(dy, x, self.weight.data, self.eps)
            self.weight.add_grad(dweight)
            self.bias.add_grad(dbias)
            return dx
        return formulas.layer_norm(x, self.weight.data, self.bias.data, self.eps), backward


class RMSNorm(Module):
    """y = w x / sqrt(mean(x^2) + eps) over the channels; w ones. Keeps x.

    Source: as `formulas.rms_norm`.
    """

    def __init__(self, C, eps=1e-6):
        self.weight = Parameter(np.ones(_channels(C, eps), np.float32))
        self.eps = eps

    def forward(self, x):
        """x (..., C) -> (..., C)."""
        def backward(dy):
            dx, dweight = formulas.rms_norm_backward(dy, x, self.weight.data, self.eps)
            self.weight.add_grad(dweight)
            return dx
        return formulas.rms_norm(x, self.weight.data, self.eps), backward


class BatchNorm(Module):
    """y = w (x - mean) / sqrt(var + eps) + b over the batch, one channel at a time; w ones, b zeros.

    `forward(x, training=True)` normalises by the batch and moves the running averages by `momentum` (the variance
    with Bessel's correction, as PyTorch does); `forward(x)` normalises by the running averages, which are constants.
    In training it keeps x; else the normalised x and sqrt(var + eps), (C,).
    Source: as `formulas.batch_norm`.
    """

    def __init__(self, C, eps=1e-5, momentum=0.1):
        self.weight = Parameter(np.ones(_channels(C, eps), np.float32))
        self.bias = Parameter(np.zeros(C, np.float32))
        self.running_mean = Parameter(np.zeros(C, np.float32), trainable=False)
        self.running_variance = Parameter(np.ones(C, np.float32), trainable=False)
        self.eps, self.momentum = eps, momentum

    def forward(self, x, training=False):
        """x (..., C), all leading axes being the batch -> (..., C)."""
        if not training:
            return self._by_running_averages(x)
        n = x.size // x.shape[-1]
        if n < 2:
            raise ConfigError(f"batch statistics need at least 2 rows; got x {x.shape}")
        y, mean, variance = formulas.batch_norm(x, self.weight.data, self.bias.data, self.eps)
        for running, now in ((self.running_mean, mean), (self.running_variance, variance * (n / (n - 1)))):
            running.data = running.data + self.momentum * (now - running.data)

        def backward(dy):
            dx, dweight, dbias = formulas.batch_norm_backward(dy, x, self.weight.data, self.eps)
            self.weight.add_grad(dweight)
            self.bias.add_grad(dbias)
            return dx
        return y, backward

    def _by_running_averages(self, x):
        s = np.sqrt(self.running_variance.data + self.eps)
        n = (x - self.running_mean.data) / s

        def backward(dy):
            self.weight.add_grad_of(formulas.sum_rows, dy * n)
            self.bias.add_grad_of(formulas.sum_rows, dy)
            return dy * (self.weight.data / s)
        return self.weight.data * n + self.bias.data, backward
