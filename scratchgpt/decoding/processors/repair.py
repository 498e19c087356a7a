"""Scores that are no numbers, and scores that are no log-probabilities.

Before this file: `formulas.log_softmax`. After it: what to do with a model that overflows, and how to read the scores
that are left as probabilities.
"""

import numpy as np

from ... import formulas
from .rows import row_by_row


def remove_invalid():
    """Write a number for what is none: 0 for NaN, the ends of the number format for the infinities.

        s_v <- 0 if s_v is NaN,  largest if s_v = inf,  lowest if s_v = -inf

    returns a processor of scores (B, V)
    It takes -inf from tokens that were banned before; as the lowest of all they are still not drawn, unless all are.
    Source: transformers' `remove_invalid_values`.
    """
    return lambda ids, scores: np.nan_to_num(scores, nan=0.0)


def renormalize():
    """Scores that are the logarithms of probabilities.

        s_v <- s_v - ln sum_u exp(s_u)

    returns a processor of scores (B, V), nats
    Source: transformers' `renormalize_logits`.
    """
    return row_by_row(formulas.log_softmax)
