"""Penalties on words that have been said.

Before this file: `rows`. After it: the text so far, prompt included, pushes its own tokens down, or the source pulls
its tokens up. A pad is no token.
"""

import numpy as np

from .arguments import source_ids, within
from .rows import per_row, present

STRENGTH = "[-1e6, 1e6]"


def repetition_penalty(theta):
    """Make every token of the text less likely, once, however often it is there.

        s_v <- s_v theta if s_v < 0 else s_v / theta        for v in the text

    theta in [1e-6, 1e6], dimensionless: above 1 against, below 1 for repetition    returns a processor of scores (B, V)
    The paper divides only, which would reward tokens of negative score.
    Source: Keskar et al. 2019, arXiv:1909.05858, section 4.1; the two cases are transformers'.
    """
    theta = within("repetition_penalty", theta, "[1e-6, 1e6]")
    return lambda ids, scores: _scaled(scores, ids, theta)


def encoder_repetition_penalty(theta, source):
    """Make every token of the source more likely: a penalty on what the source does not say.

        s_v <- s_v / theta if s_v < 0 else s_v theta        for v in the source

    theta in [1e-6, 1e6], dimensionless: above 1 favours the source    source (B, S) ids, -1 for pads
    returns a processor of scores (B, V)
    Source: transformers, where it is also called the hallucination penalty; there pads count.
    """
    theta = within("encoder_repetition_penalty", theta, "[1e-6, 1e6]")
    source = source_ids("encoder_repetition_penalty", source)
    return lambda ids, scores: _scaled(scores, per_row(source, len(scores)), 1 / theta)


def _scaled(scores, ids, theta):
    out, said = scores.copy(), present(ids, scores.shape[-1])
    s = scores[said]
    with np.errstate(over="ignore"):                                # the lowest number of its kind may become -inf
        out[said] = np.where(s < 0, s * theta, s / theta)           # the same number for each time it was said
    return out


def presence_penalty(g):
    """Take the same off every token of the text.

        s_v <- s_v - g [count_v > 0]

    g in [-1e6, 1e6], nats    returns a processor of scores (B, V)
    The prompt counts, as in llama.cpp; hosted services count only what they wrote.
    Source: OpenAI's API reference.
    """
    g = within("presence_penalty", g, STRENGTH)

    def subtract(ids, scores):
        out, said = scores.copy(), present(ids, scores.shape[-1])
        out[said] = scores[said] - g
        return out
    return subtract


def frequency_penalty(f):
    """Take more off a token the more often it was said.

        s_v <- s_v - f count_v

    f in [-1e6, 1e6], nats for each time    returns a processor of scores (B, V)
    The prompt counts, as in llama.cpp; hosted services count only what they wrote.
    Source: OpenAI's API reference.
    """
    f = within("frequency_penalty", f, STRENGTH)

    def subtract(ids, scores):
        rows, tokens = present(ids, scores.shape[-1])
        count = np.bincount(rows * scores.shape[-1] + tokens, minlength=scores.size).reshape(scores.shape)
        return scores - f * count.astype(scores.dtype)
    return subtract
