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
    check_choice(scores)
    return np.argmax(scores, axis=-1)


def check_choice(scores):
    """Raise GenerationError unless there is something to choose from in every row.

        |max_v s_v| <= largest number

    scores (B, V) in nats. A NaN is its row's maximum, if there is one. Source: as `greedy`.
    """
    if not np.isfinite(scores.max(axis=-1)).all():
        raise GenerationError("scores must hold a finite value in every row, and neither NaN nor infinity; the model "
                              "or the processors left nothing to choose from")


def greedy_search(run):
    """The text that the likeliest token makes at every step, not the likeliest text.

        x_{t+1} = argmax_v s_v(x_1 .. x_t)

    run a Run of B rows    yields after each step of (B,) tokens
    Source: as `greedy`.
    """
    while run.going:
        run.say(greedy(run.next_scores()))
        yield
