"""Contrastive search: likely, but not what has been said. Before this file: `greedy`, and the hidden states of a model.
After it: a search may try its candidates on the model before it chooses.
"""

import numpy as np

from ... import formulas
from ..processors.rows import highest
from .greedy import greedy


def likeness(h, context, words):
    """How near each candidate's state comes to one in the context: the degeneration penalty.

        y_bi = max_j cos(h_bi, c_bj)        cos(a, c) = a . c / (|a| |c|)        over the words j of the context

    h (B, k, C)    context (B, S, C)    words (B, S) booleans, one True at least in each row
    returns (B, k) in [-1, 1]; a state of length 0 is like nothing: 0
    Source: Su et al. 2022, arXiv:2202.06417, equation 5.
    """
    def unit(x):
        length = np.sqrt((x * x).sum(axis=-1, keepdims=True))
        return x / np.where(length > 0, length, 1)
    cosines = unit(h) @ unit(context).swapaxes(1, 2)                                  # (B, k, C) -> (B, k, S)
    return np.where(words[:, None], cosines, -np.inf).max(axis=-1)


def contrastive_search(run):
    """The text that, at every step, takes the best of the k likeliest tokens: likely, and unlike what stands there.

        x_{t+1} = argmax_v (1 - alpha) p(v) - alpha max_j cos(h_v, h_j)        v among the k of the highest p

    p = softmax(s(x_1 .. x_t)), processed; h_v the last hidden state once v is read, h_j that of token j <= t, prompt
    included, pads not; options penalty_alpha, dimensionless, and top_k, in tokens
    run a Run of B rows    yields after each step of (B,) tokens
    Past n_positions h_j stays what it was when j was the last token read: of a window that ended there.
    Source: Su et al. 2022, arXiv:2202.06417, equation 5.
    """
    alpha, k, reader, states = run.config.penalty_alpha, run.config.top_k, run.reader, []
    logits = reader.scores(1, states)                                                                     # (B, 1, V)
    context = states[-1]                                                                                  # (B, S, C)
    while run.going:
        scores = run.process(reader.ids, logits[:, 0])
        run.begin_note(logits, states)                            # a step's scores come from the step before
        run.take_note(scores)
        tokens = np.stack([np.resize(highest(row, k), min(k, len(row))) for row in scores])               # (B, k)
        p = np.take_along_axis(formulas.softmax(scores), tokens, axis=-1)
        B, k = tokens.shape
        words, states = reader.ids >= 0, []
        reader.select(np.repeat(np.arange(B), k))
        reader.advance(tokens.reshape(-1, 1))
        logits = reader.scores(1, states)                                                                 # (B k, 1, V)
        h = states[-1][:, -1].reshape(B, k, -1)
        value = (1 - alpha) * p - alpha * likeness(h, context, words)
        best = greedy(np.where(np.take_along_axis(scores, tokens, axis=-1) > -np.inf, value, -np.inf))
        chosen = np.arange(B) * k + best
        reader.select(chosen)
        _, going = run.say(tokens[np.arange(B), best], drop=1)
        kept = chosen[going]
        logits, states = logits[kept], [state[kept, -1:] for state in states]
        context = np.concatenate([context[going], states[-1]], axis=1)[:, -reader.width:]
        yield
