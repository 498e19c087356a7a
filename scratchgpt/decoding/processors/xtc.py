"""XTC, exclude top choices: now and then, take the road less travelled.

Before this file: `rows`. After it: the one processor that needs chance.
"""

import numpy as np

from ... import formulas
from ...errors import GenerationError
from .arguments import within
from .rows import row_by_row


def xtc(probability, threshold, rng):
    """With some probability, drop all likely tokens but the least likely of them.

        L = {v : p_v >= threshold};  if u < probability:  s_v <- -inf for v in L, v != argmin_L p,   u ~ U(0, 1)

    probability  in [0, 1], for each row and step    threshold  in [0, 1]; above 1/2 no two tokens reach it: off
    rng          a numpy Generator                   returns a processor of scores (B, V)
    Where the least likely are equal, the one of the largest id stays. So a token of at least `threshold` always does.
    Raises GenerationError for others.
    Source: p-e-w 2024, text-generation-webui's pull request 6335; llama.cpp's `xtc`.
    """
    probability = within("xtc_probability", probability, "[0, 1]")
    threshold = within("xtc_threshold", threshold, "[0, 1]")
    if not isinstance(rng, np.random.Generator):
        raise GenerationError(f"xtc draws: rng must be a numpy.random.Generator; got {type(rng).__name__}: "
                              "hand in numpy.random.default_rng(seed)")

    @row_by_row
    def exclude(s):
        likely = np.flatnonzero(formulas.softmax(s) >= threshold)[::-1]          # the largest id first
        if rng.random() >= probability or len(likely) < 2:
            return s
        excluded = np.zeros(len(s), bool)
        excluded[np.delete(likely, np.argmin(s[likely]))] = True
        return np.where(excluded, -np.inf, s)
    return lambda ids, scores: scores if threshold > 0.5 else exclude(ids, scores)
