"""Where a token stands.

Before this file: `embedding` (learned positions are an embedding of 0, 1, 2, ...). After it: the fixed alternative,
waves of geometrically growing length.
"""

import math

import numpy as np

from ..errors import ConfigError


def sinusoidal_positions(T, C, like, offset=0):
    """A fixed vector for every position; those of pos + k are a rotation of those of pos, whatever pos is.

        PE[pos, 2i] = sin(pos / 10000^(2i/C))      PE[pos, 2i+1] = cos(pos / 10000^(2i/C))

    T positions, from `offset` on    C channels, even    like: array, for dtype and device    returns (T, C)
    Raises ConfigError if C is odd. A constant: nothing flows back.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """
    if C % 2:
        raise ConfigError(f"sinusoidal positions come in pairs of sine and cosine: C must be even; got C={C}")
    pos = np.arange(offset, offset + T, like=like)[:, None]
    frequency = np.exp(np.arange(0, C, 2, like=like) * (-math.log(10000) / C))
    table = np.empty((T, C), np.float64, like=like)
    table[:, 0::2] = np.sin(pos * frequency)
    table[:, 1::2] = np.cos(pos * frequency)
    return table.astype(like.real.dtype)
