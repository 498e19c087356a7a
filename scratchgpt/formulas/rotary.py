"""Rotary positions: queries and keys are turned by an angle that grows with their place, so that scores see distances.

Before this file: `attention`, `positions`. After it: why a turned query times a turned key depends on how far apart
they are and on nothing else; and the ways in which the field stretches the angles for texts longer than those of the
training.

Channels are turned in pairs. Here, as in the field's files, element i is paired with element i + D/2 (half-split);
Meta's own files pair 2i with 2i + 1.
"""

import math

import numpy as np

from .. import backend
from ..pieces import by_rows


def rotary_frequencies(D, theta):
    """The angle by which each pair of channels turns from one position to the next: fast pairs first, slow ones last.

        w_i = theta^(-2i/D)      i = 0 .. D/2 - 1

    D channels of a head, even    theta > 1, dimensionless    returns (D/2,), float64, in radians per position
    Source: Su et al. 2021, arXiv:2104.09864, section 3.2.2.
    """
    return np.exp(np.arange(0, D, 2) * (-math.log(theta) / D))


def linear_frequencies(w, factor):
    """Stretch every position alike: a text of `factor` times the length turns as far as the longest one seen.

        w'_i = w_i / factor

    w (D/2,) radians per position    factor >= 1, dimensionless    returns (D/2,)
    Source: Chen et al. 2023, arXiv:2306.15595 (position interpolation).
    """
    return w / factor


def dynamic_frequencies(D, theta, factor, lengths, trained):
    """Stretch the slow pairs, the more the longer the text, and nothing up to the length of the training.

        theta' = theta (factor max(length, trained) / trained - (factor - 1))^(D / (D-2))      w_i = theta'^(-2i/D)

    D even, > 2    factor >= 1    lengths (B, 1) of each row's text in tokens    trained  tokens    returns (B, 1, D/2)
    A text's angles depend on its length: what a cache keeps from a shorter text stays as it was turned then.
    Source: the NTK-aware scaling of bloc97 and emozilla 2023, as transformers has it.
    """
    stretch = factor * np.maximum(lengths, trained) / trained - (factor - 1)
    log_theta = math.log(theta) + np.log(stretch) * (D / (D - 2))
    return np.exp(-log_theta[..., None] * (np.arange(0, D, 2, like=lengths) / D))


def llama3_frequencies(w, factor, low_freq_factor, high_freq_factor, trained):
    """Stretch the pairs that turn slowly, leave those that turn fast, and blend between.

        w'_i = (1 - m_i) w_i / factor + m_i w_i      m_i = clip((trained / l_i - low) / (high - low), 0, 1)

    w (D/2,) radians per position    l_i = 2 pi / w_i, the positions in a full turn    returns (D/2,)
    Source: Llama Team 2024, arXiv:2407.21783, and its code.
    """
    turns = trained * w / (2 * math.pi)
    m = np.clip((turns - low_freq_factor) / (high_freq_factor - low_freq_factor), 0, 1)
    return (1 - m) * w / factor + m * w


def yarn_frequencies(w, theta, factor, trained, beta_fast=32.0, beta_slow=1.0, truncate=True):
    """Stretch pairs that make less than beta_slow turns in the training's length, leave those of more than beta_fast.

        w'_i = (1 - r_i) w_i + r_i w_i / factor      r_i = clip((i - low) / (high - low), 0, 1)
        low, high = the i at which a pair makes beta_fast, beta_slow turns: D log(trained / (2 pi beta)) / (2 log theta)

    w (D/2,) radians per position    truncate: low and high are rounded outwards    returns (D/2,)
    Source: Peng et al. 2023, arXiv:2309.00071, section 3.2; the ramp over i, not over turns, as its code has it.
    """
    D = 2 * len(w)
    low, high = (D * math.log(trained / (2 * math.pi * beta)) / (2 * math.log(theta))
                 for beta in (beta_fast, beta_slow))
    if truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, D - 1)
    r = np.clip((np.arange(D // 2) - low) / (high - low if high != low else 0.001), 0, 1)
    return (1 - r) * w + r * w / factor


def yarn_attention_factor(factor, mscale=None, mscale_all_dim=None):
    """By how much YaRN lengthens queries and keys, so that attention over a longer text stays as sharp.

        a = s(factor, 1), or s(factor, mscale) / s(factor, mscale_all_dim)
        s(f, m) = 0.1 m ln f + 1 for f > 1, else 1

    factor, mscale, mscale_all_dim are dimensionless; returns a float
    Source: Peng et al. 2023, arXiv:2309.00071, equation 22; the two scales, DeepSeek-AI 2024, arXiv:2405.04434.
    """
    def s(m):
        return 0.1 * m * math.log(factor) + 1 if factor > 1 else 1.0
    return s(mscale) / s(mscale_all_dim) if mscale and mscale_all_dim else s(1)


def rotation(positions, w, like, scale=1.0):
    """The cosine and sine of every pair's angle at every position.

        c_bti = scale cos(p_bt w_i)      s_bti = scale sin(p_bt w_i)

    positions (B, T) integers, or (1, T) for all rows    w (D/2,) or (B, 1, D/2) radians per position
    like      array (B, ...), for the number of rows, dtype and device    scale  dimensionless
    returns   cos, sin (B, T, 1, D/2), to be broadcast over heads
    Angles are taken in float64, as they can be large. Source: Su et al. 2021, arXiv:2104.09864, equation 34.
    """
    angles = positions[..., None] * backend.asarray(w, like=like)
    shape = (like.shape[0], angles.shape[1], 1, angles.shape[2])

    def table(values):
        return np.broadcast_to((scale * values)[:, :, None].astype(like.real.dtype), shape).copy()
    return table(np.cos(angles)), table(np.sin(angles))


@by_rows(core=2)
def rotate(x, cos, sin):
    """Turn every pair of channels by its angle.

        y_i = x_i cos_i - x_{i+D/2} sin_i      y_{i+D/2} = x_{i+D/2} cos_i + x_i sin_i      i = 0 .. D/2 - 1

    x (B, T, H, D)    cos, sin (B, T, 1, D/2)    returns (B, T, H, D)
    The scores of turned queries and keys depend on the difference of their positions alone.
    Source: Su et al. 2021, arXiv:2104.09864, equation 34; half-split pairs, as in GPT-NeoX.
    """
    a, b = x[..., :x.shape[-1] // 2], x[..., x.shape[-1] // 2:]
    return np.concatenate((a * cos - b * sin, b * cos + a * sin), axis=-1)


def rotate_backward(dy, cos, sin):
    """Gradient of `rotate`: turn back, as the transpose of a turn is the turn by the opposite angle.

        dx_i = dy_i cos_i + dy_{i+D/2} sin_i      dx_{i+D/2} = dy_{i+D/2} cos_i - dy_i sin_i

    dy (B, T, H, D)    cos, sin (B, T, 1, D/2)    returns (B, T, H, D)
    Source: Su et al. 2021, arXiv:2104.09864, equation 34.
    """
    return rotate(dy, cos, -sin)
