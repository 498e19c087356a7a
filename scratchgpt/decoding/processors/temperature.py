"""Temperature: how sharply scores are told apart.

Before this file: `formulas.softmax`, `rows`. After it: one number flattens or sharpens a distribution and drops
nothing; it may be chosen anew at each step.
"""

import math

import numpy as np

from ... import formulas
from ...errors import GenerationError
from .arguments import within
from .rows import entropy, row_by_row

LOWEST, HIGHEST = 1e-6, 1e6


def temperature(T):
    """Flatten (above 1) or sharpen (below 1) the distribution.

        s_v <- s_v / T

    T from 1e-6 to 1e6, dimensionless    returns a processor of scores (B, V)
    Raises GenerationError for others, with which float32 may overflow; T = 0 in the limit is `greedy`.
    Source: Ackley, Hinton & Sejnowski 1985.
    """
    try:
        T = within("temperature", T, f"[{LOWEST}, {HIGHEST}]")
    except GenerationError:
        raise GenerationError("temperature must be a finite number > 0, from 1e-6 to 1e6; "
                              f"got {T!r:.80}; for its limit 0 use greedy decoding") from None

    return row_by_row(lambda s: s / T)


def dynamic_temperature(T, spread, exponent=1.0):
    """A temperature for each step: low where the model is sure, high where it is not.

        s_v <- s_v / T_H,   T_H = T_min + (T_max - T_min) (H / ln n)^e,   T_min = max(T - r, 1e-6),  T_max = T + r

    T         from 1e-6 to 1e6, dimensionless, the middle    spread    r in [0, 1e6]
    exponent  e in (0, 1e6]                                  returns a processor of scores (B, V)
    H is the entropy of softmax(s), in nats, and n the number of tokens of finite score: ln n is the most H can be. With
    n = 1 it counts as 0. Where llama.cpp has T_min = 0, which leaves the best token alone, the lowest temperature does.
    Source: llama.cpp's `temp-ext`, after kalomaze 2023.
    """
    temperature(T)                                              # the same bounds, the same words
    r, e = within("dynatemp_range", spread, "[0, 1e6]"), within("dynatemp_exponent", exponent, "(0, 1e6]")
    coldest, hottest = max(float(T) - r, LOWEST), float(T) + r

    @row_by_row
    def divide(s):
        n = max(np.count_nonzero(s > -np.inf), 2)
        unsure = min(max(entropy(formulas.log_softmax(s)) / math.log(n), 0.0), 1.0)     # rounding may lead outside
        return s / (coldest + (hottest - coldest) * unsure ** e)
    return divide
