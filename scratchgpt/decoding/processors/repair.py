"""Scores that are no numbers, and scores that are no log-probabilities.

Before this file: `formulas.log_softmax`. After it: what to do with a model that overflows, and how to read the scores
that are left as probabilities.
"""

import numpy as np

from ... import formulas
from .rows import row_by_row


def remove_invalid():
    """Write a number for what is none: 0 for NaN, the largest of the number format for infinity.

        s_v <- 0 if s_v is NaN,  largest if s_v = inf

    returns a processor of scores (B, V)
    What is -inf stays so: it is how tokens are banned. In transformers it becomes the lowest number, and a banned token
    may be chosen where all are.
    Source: transformers' `remove_invalid_values`.
    """
    return lambda ids, scores: np.nan_to_num(scores, nan=0.0, neginf=-np.inf)


def renormalize():
    """Scores that are the logarithms of probabilities.

        s_v <- s_v - ln sum_u exp(s_u)

    returns a processor of scores (B, V), nats
    Source: transformers' `renormalize_logits`.
    """
    return row_by_row(formulas.log_softmax)
