"""Greedy: always the likeliest token. Before: `run`. After: a strategy is a loop that asks, chooses and says."""

import numpy as np

from ...errors import GenerationError


def greedy(scores, rng=None):
    """The token of the highest score; of several, the first.

        x = argmax_v s_v

    scores (B, V)    returns ids (B,); deterministic, rng is not used
    Raises GenerationError for a row that holds NaN or nothing finite.
    Source: Radford et al. 2019, as the limit of sampling at temperature 0.
    """
    ids = np.argmax(scores, axis=-1)
    if not (np.take_along_axis(scores, ids[:, None], axis=-1) > -np.inf).all():               # NaN, if there is one
        raise GenerationError("scores must hold a finite value in every row and no NaN; the processors or the model "
                              "left nothing to choose from")
    return ids


def greedy_search(run):
    """The text that the likeliest token makes at every step, not the likeliest text.

        x_{t+1} = argmax_v s_v(x_1 .. x_t)

    run a Run of B rows    yields after each step of (B,) tokens
    Source: as `greedy`.
    """
    while run.going:
        run.say(greedy(run.next_scores()))
        yield
