"""The nonlinearities: ReLU, GELU in both of its forms, SiLU, and the error function that GELU needs.

Before this file: nothing. After it: the one place in a GPT where it is not linear in each token, and its slopes.
All are element-wise and keep the dtype; complex inputs are branched on their real part, for the gradient checks.
"""

import math

import numpy as np

from ..pieces import by_rows

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


# erfc(x) e^(x^2) (1 + 2x) for x >= 1, a polynomial in u, which runs from -1 at x = 1 to 1 at infinity.
# Chebyshev interpolation of degree 18 in 40-digit arithmetic; the error is 7e-16 of a value that erfc scales by 0.16.
ERFC = (1.1543123241573729e-09, 4.654923980722628e-10, -1.5065237551783244e-08, -2.43831928440934e-09,
        1.432787064041519e-07, -6.84072608230155e-08, -1.3073694372731518e-06, 2.358609659673858e-06,
        9.949688904516885e-06, -4.873101625549946e-05, 1.4613716080377556e-05, 0.0006022572305889851,
        -0.0030422185862719114, 0.008834602504164464, -0.017203840517649453, 0.019435097941597927,
        0.008036606418304983, -0.10601129557562183, 1.217751015063755)


def erf(x):
    """The error function, which NumPy lacks, to within 3e-16 of its value in float64.

        erf(x) = 2 / sqrt(pi) integral_0^x exp(-t^2) dt
               = 2 / sqrt(pi) sum_n (-1)^n x^(2n+1) / (n! (2n+1))            |x| < 1
               = sign(x) (1 - exp(-x^2) P(u) / (1 + 2 |x|))                  |x| >= 1

    with u = ((|x| - 3) / (|x| + 3) - 1/4) / (3/4) and P the polynomial ERFC: together a rational function of x.
    x (...) real; complex only near the real line, where it is the analytic continuation    returns (...)
    Source: the form of the tail, Shepherd & Laframboise 1981, Mathematics of Computation 36; own coefficients.
    """
    inside = (x.real < 1) & (x.real > -1)
    near = np.where(inside, x, 0)
    square = near * near
    series = _horner(square, ((-1) ** n / (math.factorial(n) * (2 * n + 1)) for n in range(18, -1, -1)))
    series *= near * (2 / math.sqrt(math.pi))

    sign = 1 - 2 * (x.real < 0).astype(x.real.dtype)
    far = np.where(inside, 3, np.minimum(sign * x, 27))      # exp(-27^2) = 0: from there on erf is 1, also at infinity
    u = ((far - 3) / (far + 3) - 0.25) / 0.75
    tail = _horner(u, ERFC) * np.exp(-far * far) / (1 + 2 * far)
    return np.where(inside, series, sign * (1 - tail))


def _horner(x, coefficients):
    """A polynomial, from its highest coefficient down."""
    y = 0 * x
    for c in coefficients:
        y *= x
        y += c
    return y


def erf_backward(dy, x):
    """dx = dy 2 / sqrt(pi) exp(-x^2): the integrand.

    dy, x (...)    returns (...)
    Source: the definition of `erf`.
    """
    return dy * (2 / math.sqrt(math.pi)) * np.exp(-x * x)
