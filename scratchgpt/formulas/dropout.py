"""Dropout: noise that keeps a network from leaning on single channels.

Before this file: nothing. After it: why the kept values are scaled up (so that the mean stays), and why the mask is
an argument: what is random is drawn once, outside, and both passes use the same draw.
"""

import numpy as np

from .. import backend


def dropout_mask(shape, p, rng, like):
    """Draw which values stay, each with probability 1 - p, independently.

        keep_i = [u_i >= p]      u_i uniform on [0, 1)

    shape of the values    p in [0, 1)    rng numpy.random.Generator, on the host    like: array, for the device
    returns booleans (shape)
    Source: Srivastava et al. 2014, Journal of Machine Learning Research 15.
    """
    return backend.asarray(rng.random(shape, dtype=np.float32) >= p, like=like)


def dropout(x, keep, p):
    """Zero what is not kept, and scale the rest so that the mean is unchanged ("inverted" dropout).

        y_i = keep_i x_i / (1 - p)

    x, keep (...)    p in [0, 1)    returns (...)
    Source: Srivastava et al. 2014, section 10, scaled in training instead of at test time.
    """
    return x * keep * (1 / (1 - p))


def dropout_backward(dy, keep, p):
    """dx_i = keep_i dy_i / (1 - p): the same linear map.

    dy, keep (...)    returns (...)
    Source: Srivastava et al. 2014.
    """
    return dy * keep * (1 / (1 - p))
