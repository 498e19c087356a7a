"""Greedy: always the likeliest token. Before: nothing. After: a strategy chooses one token from the scores."""

import numpy as np


def greedy(scores, rng=None):
    """The token of the highest score; of several, the first.

        x = argmax_v s_v

    scores (B, V)    returns ids (B,); deterministic, rng is not used
    Source: Radford et al. 2019, as the limit of sampling at temperature 0.
    """
    return np.argmax(scores, axis=-1)
