"""Sampling: each token as often as the model believes in it.

Before this file: `formulas.softmax`, `greedy`. After it: chance is an argument.
"""

import numpy as np

from ... import formulas
from ...errors import GenerationError
from .greedy import check_choice


def sample(scores, rng):
    """Draw from the distribution of the scores.

        P(x = v) = p_v = softmax(s)_v        x = the first v with p_1 + ... + p_v > u, u uniform on [0, 1)

    scores (B, V) in nats, -inf for what may not be drawn    rng numpy.random.Generator    returns ids (B,)
    Raises GenerationError for a row that holds NaN or nothing finite.
    Source: Devroye 1986, Non-uniform random variate generation, chapter III.2 (inversion).
    """
    check_choice(scores)
    return draw(formulas.softmax(scores).astype(np.float64), rng)


def draw(p, rng):
    """Draw from weights, which need not sum to 1.

        P(x = v) = p_v / sum_u p_u        x = the first v with p_1 + ... + p_v > u sum_u p_u, u uniform on [0, 1)

    p (B, V), none below 0    rng numpy.random.Generator    returns ids (B,)
    Raises GenerationError for a row that holds NaN or no weight.
    Source: as `sample`.
    """
    total = np.cumsum(p, axis=-1)
    if not (total[:, -1] > 0).all():
        raise GenerationError("weights must have a sum above 0 in every row, and no NaN; nothing is left to draw from")
    u = rng.random(len(p))[:, None] * total[:, -1:]
    return (total <= u).sum(axis=-1)


def sampling_search(run):
    """A text drawn from the model, token by token.

        x_{t+1} ~ softmax(s(x_1 .. x_t))

    run a Run of B rows, with a Generator    yields after each step of (B,) tokens
    Source: as `sample`.
    """
    while run.going:
        run.say(sample(run.next_scores(), run.rng))
        yield
