"""Greedy: always the likeliest token. Before: nothing. After: a strategy chooses one token from the scores."""

import numpy as np

from .. import backend
from ..errors import GenerationError


def greedy(scores, rng=None):
    """The token of the highest score; of several, the first.

        x = argmax_v s_v

    scores (B, V)    returns ids (B,); deterministic, rng is not used
    Raises GenerationError for a row that holds NaN or nothing finite.
    Source: Radford et al. 2019, as the limit of sampling at temperature 0.
    """
    ids = np.argmax(scores, axis=-1)
    highest = backend.to_host(np.take_along_axis(scores, ids[:, None], axis=-1))       # NaN, if there is one
    if not (highest > -np.inf).all():
        raise GenerationError("scores must hold a finite value in every row and no NaN; the filters or the model "
                              "left nothing to choose from")
    return ids
