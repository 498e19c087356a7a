"""The nonlinearities: ReLU, GELU in both of its forms, SiLU, and the gate made of it.

Before this file: `error_function`. After it: the one place in a GPT where it is not linear in each token, and its
slopes. All are element-wise and keep the dtype; complex inputs are branched on their real part, for gradient checks.
"""

import math

import numpy as np

from ..pieces import by_rows
from .error_function import erf

SQRT_2 = math.sqrt(2)
SQRT_2_PI = math.sqrt(2 * math.pi)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)


def relu(x):
    """Keep what is positive.

        y = max(x, 0)

    x (...)    returns (...)
    Source: Nair & Hinton 2010.
    """
    return np.maximum(x, 0)


def relu_backward(dy, x):
    """dx = dy [x > 0]; at x = 0, where no derivative exists, zero, as the field has it.

    dy, x (...)    returns (...)
    Source: Nair & Hinton 2010.
    """
    return dy * (x.real > 0)


@by_rows(core=0)
def gelu(x):
    """GELU by its definition, with the error function; `gelu_tanh` is the approximation that GPT-2 uses.

        y = x Phi(x) = x (1 + erf(x / sqrt 2)) / 2

    x (...)    returns (...)
    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2.
    """
    return 0.5 * x * (1 + erf(x / SQRT_2))


@by_rows(core=0)
def gelu_backward(dy, x):
    """dx = dy (Phi(x) + x phi(x)), by the product rule, with phi = Phi' the normal density.

    dy, x (...)    returns (...)
    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2.
    """
    density = np.exp(-0.5 * x * x) / SQRT_2_PI
    return dy * (0.5 * (1 + erf(x / SQRT_2)) + x * density)


@by_rows(core=0)
def gelu_tanh(x, *, out=None):
    """GELU by the tanh formula ("gelu_new"), as GPT-2 has it; within 5e-4 of `gelu`.

        y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2

    x (...)    returns (...)
    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2.
    """
    # y = 0.5 * x * (1 + np.tanh(SQRT_2_OVER_PI * (x + 0.044715 * x**3))), in place:
    t = np.multiply(x, x, out=out)
    t *= SQRT_2_OVER_PI * 0.044715
    t += SQRT_2_OVER_PI
    t *= x
    np.tanh(t, out=t)
    t += 1
    t *= x
    t *= 0.5
    return t


@by_rows(core=0)
def gelu_tanh_backward(dy, x, *, out=None):
    """Gradient of `gelu_tanh`, with t = tanh(u) and u = sqrt(2 / pi) (x + 0.044715 x^3).

        dx = dy ((1 + t) + x (1 - t^2) u') / 2      u' = sqrt(2 / pi) (1 + 3 * 0.044715 x^2)

    dy, x (...)    returns (...)
    The product rule on x (1 + t) / 2, and tanh' = 1 - tanh^2.
    Source: Hendrycks & Gimpel 2016, arXiv:1606.08415, section 2.
    """
    a = np.multiply(x, x, out=out)
    a *= SQRT_2_OVER_PI * 0.044715
    t = a + SQRT_2_OVER_PI
    t *= x
    np.tanh(t, out=t)
    a *= 3
    a += SQRT_2_OVER_PI                                   # u'
    a *= x
    s = t * t
    np.subtract(1, s, out=s)
    a *= s
    a += t
    a += 1
    a *= dy
    a *= 0.5
    return a


@by_rows(core=0)
def silu(x):
    """Weigh x by its own sigmoid; also called swish.

        y = x sigma(x) = x / (1 + exp(-x))

    x (...)    returns (...)
    Source: Elfwing, Uchibe & Doya 2017, arXiv:1702.03118.
    """
    return x * sigmoid(x)


@by_rows(core=0)
def silu_backward(dy, x):
    """dx = dy sigma (1 + x (1 - sigma)), by the product rule and sigma' = sigma (1 - sigma).

    dy, x (...)    returns (...)
    Source: Elfwing, Uchibe & Doya 2017, arXiv:1702.03118.
    """
    sigma = sigmoid(x)
    return dy * sigma * (1 + x * (1 - sigma))


@by_rows(core=0)
def swiglu(g, u, *, out=None):
    """A value let through by a gate.

        y = silu(g) u = g sigma(g) u

    g, u (...)    returns (...)
    Source: Shazeer 2020, arXiv:2002.05202, equation 6.
    """
    # y = g * sigmoid(g) * u, in place:
    y = np.multiply(g, 0.5, out=out)
    np.tanh(y, out=y)
    y += 1
    y *= 0.5
    y *= g
    y *= u
    return y


@by_rows(core=0)
def swiglu_backward(dy, g, u):
    """Gradients of `swiglu`, by the product rule and silu' = sigma (1 + g (1 - sigma)).

        dg = dy u sigma (1 + g (1 - sigma))      du = dy g sigma

    dy, g, u (...)    returns dg, du (...)
    Source: Shazeer 2020, arXiv:2002.05202, equation 6.
    """
    sigma = sigmoid(g)
    a = g * sigma                                         # silu(g)
    dg = 1 - sigma
    dg *= a
    dg += sigma                                           # g sigma (1 - sigma) + sigma: nothing large is subtracted
    dg *= u
    dg *= dy
    a *= dy
    return dg, a


def sigmoid(x):
    """The logistic function, in the form that cannot overflow.

        sigma(x) = 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2

    x (...)    returns (...)
    Source: Bridle 1990, Probabilistic interpretation of feedforward classification network outputs.
    """
    return 0.5 * (1 + np.tanh(0.5 * x))


def sigmoid_backward(dy, y):
    """dx = dy y (1 - y), from the output y alone.

    dy, y (...)    returns (...)
    Source: Bridle 1990.
    """
    return dy * y * (1 - y)
