"""Normalisation: LayerNorm, RMSNorm, BatchNorm.

Before this file: `linear`. After it: three ways to keep activations at unit size. LayerNorm and RMSNorm look at one
token's channels; BatchNorm looks at one channel over all tokens, so that its rows depend on each other.
Backward passes recompute the normalised vectors from x: cheaper than to keep them.
"""

import numpy as np

from ..errors import ConfigError
from ..pieces import by_rows
from .linear import rows, sum_rows


def _check(x, *weights):
    for w in weights:
        if w.shape != x.shape[-1:]:
            raise ConfigError(f"a gain or bias must be (C,), as long as x's last axis; got {w.shape} for x {x.shape}")


def _mean(x):
    """mean_c x_c, (..., C) -> (..., 1)."""
    return x.sum(axis=-1, keepdims=True) * (1 / x.shape[-1])


def _mean_product(x, y):
    """mean_c x_c y_c, (..., C) -> (..., 1), without forming the products."""
    return np.einsum("...c,...c->...", x, y)[..., None] / x.shape[-1]


def _sum_product(x, y):
    """sum over all leading axes of x_c y_c, (..., C) -> (C,), without forming the products."""
    return np.einsum("nc,nc->c", rows(x), rows(y))


@by_rows(core=1)
def layer_norm(x, weight, bias, eps, *, out=None):
    """Shift every vector to mean 0 and scale it to variance 1, then apply gain and bias.

        y_c = w_c (x_c - mean_c x) / sqrt(var_c(x) + eps) + b_c

    x (..., C)    weight, bias (C,)    eps > 0, in units of x^2    returns (..., C)
    The variance is the mean square deviation, divided by C.
    Raises ConfigError if weight or bias is not (C,).
    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    """
    _check(x, weight, bias)
    n = np.subtract(x, _mean(x), out=out)
    n *= 1 / np.sqrt(_mean_product(n, n) + eps)
    n *= weight
    n += bias
    return n


@by_rows(core=1, sums=(1, 2))
def layer_norm_backward(dy, x, weight, eps):
    """Gradients of `layer_norm`, with n the normalised vector and s = sqrt(var(x) + eps).

        dn = dy w      dx = (dn - mean(dn) - n mean(dn n)) / s      dw = sum dy n      db = sum dy

    dy, x (..., C)    weight (C,)    returns dx (..., C), dweight (C,), dbias (C,)
    Mean and variance both move with x; their share is what points along 1 and along n, which is taken out.
    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    """
    n = x - _mean(x)
    s = np.sqrt(_mean_product(n, n) + eps)
    n *= 1 / s
    dn = dy * weight
    dweight, dbias = _sum_product(dy, n), sum_rows(dy)
    n *= _mean_product(dn, n)                        # dx = (dn - mean(dn) - n mean(dn n)) / s, in place
    dn -= _mean(dn)
    dn -= n
    dn *= 1 / s
    return dn, dweight, dbias


@by_rows(core=1)
def rms_norm(x, weight, eps, *, out=None):
    """Scale every vector to unit root mean square.

        y_c = w_c x_c / sqrt(mean_c(x_c^2) + eps)

    x (..., C)    weight (C,)    eps > 0, in units of x^2    returns (..., C)
    Raises ConfigError if weight is not (C,).
    Source: Zhang & Sennrich 2019, arXiv:1910.07467.
    """
    _check(x, weight)
    n = np.multiply(x, 1 / np.sqrt(_mean_product(x, x) + eps), out=out)
    n *= weight
    return n


@by_rows(core=1, sums=(1,))
def rms_norm_backward(dy, x, weight, eps):
    """Gradients of `rms_norm`, with n the normalised vector and s = sqrt(mean(x^2) + eps).

        dn = dy w      dx = (dn - n mean(dn n)) / s      dw = sum dy n

    dy, x (..., C)    weight (C,)    returns dx (..., C), dweight (C,)
    As in LayerNorm, without the mean: only what points along n is taken out.
    Source: Zhang & Sennrich 2019, arXiv:1910.07467.
    """
    s = np.sqrt(_mean_product(x, x) + eps)
    n = x * (1 / s)
    dn = dy * weight
    dx = dn - n * _mean_product(dn, n)
    dx *= 1 / s
    return dx, _sum_product(dy, n)


def batch_norm(x, weight, bias, eps):
    """Shift every channel to mean 0 and scale it to variance 1 over the batch, then apply gain and bias.

        y_nc = w_c (x_nc - mean_n x_nc) / sqrt(var_n(x_nc) + eps) + b_c

    x (..., C), all leading axes being the batch    weight, bias (C,)    eps > 0, in units of x^2
    returns y (..., C), and the batch's mean and variance, each (C,), for the running averages
    Raises ConfigError if weight or bias is not (C,).
    Source: Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1.
    """
    _check(x, weight, bias)
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axis=axes)
    n = x - mean
    variance = (n * n).mean(axis=axes)
    n /= np.sqrt(variance + eps)
    return weight * n + bias, mean, variance


def batch_norm_backward(dy, x, weight, eps):
    """Gradients of `batch_norm`: LayerNorm's, with the means taken over the batch.

        dn = dy w      dx = (dn - mean_n(dn) - n mean_n(dn n)) / s      dw = sum dy n      db = sum dy

    dy, x (..., C)    weight (C,)    returns dx (..., C), dweight (C,), dbias (C,)
    Every row moves every other through the batch's mean and variance.
    Source: Ioffe & Szegedy 2015, arXiv:1502.03167, section 3.
    """
    axes = tuple(range(x.ndim - 1))
    n = x - x.mean(axis=axes)
    s = np.sqrt((n * n).mean(axis=axes) + eps)
    n /= s
    dn = dy * weight
    dx = (dn - dn.mean(axis=axes) - n * (dn * n).mean(axis=axes)) / s
    return dx, _sum_product(dy, n), sum_rows(dy)

