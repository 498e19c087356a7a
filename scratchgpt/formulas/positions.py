"""Where a token stands.

Before this file: `embedding` (learned positions are an embedding of 0, 1, 2, ...). After it: how places are counted
where rows are padded, and the fixed alternative to a table, waves of geometrically growing length.
"""

import math

import numpy as np

from ..errors import ConfigError


def token_positions(attention_mask):
    """The place of every token in its row: the number of tokens before it, pads not counted.

        pos_t = max(0, m_1 + .. + m_t - 1)

    attention_mask  m, (B, S) integers, 1 for tokens and 0 for pads    returns integers (B, S)
    What a pad gets is without meaning, but a position: never negative, and none that no token has.
    Source: as transformers counts them, Wolf et al. 2019, arXiv:1910.03771.
    """
    return np.maximum(np.cumsum(attention_mask, axis=-1) - 1, 0)


def sinusoidal_positions(positions, C, like):
    """A fixed vector for every position; those of pos + k are a rotation of those of pos, whatever pos is.

        PE[pos, 2i] = sin(pos / 10000^(2i/C))      PE[pos, 2i+1] = cos(pos / 10000^(2i/C))

    positions  pos, integers (...)    C channels, even    like: array, for dtype and device    returns (..., C)
    Raises ConfigError if C is odd. A constant: nothing flows back.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """
    if C % 2:
        raise ConfigError(f"sinusoidal positions come in pairs of sine and cosine: C must be even; got C={C}")
    frequency = np.exp(np.arange(0, C, 2, like=like) * (-math.log(10000) / C))
    angles = positions[..., None] * frequency                                  # (...) -> (..., C/2)
    table = np.empty((*positions.shape, C), np.float64, like=like)
    table[..., 0::2] = np.sin(angles)
    table[..., 1::2] = np.cos(angles)
    return table.astype(like.real.dtype)
