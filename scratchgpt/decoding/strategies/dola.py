"""DoLa: what the last layers of a model have added to its first thoughts. Before this file: `reader`, and that a model
has a `head`. After it: a state halfway up is a prediction too, and where it changes most there is knowledge.
"""

import math

import numpy as np

from ... import backend, formulas
from ...errors import GenerationError
from ..reader import Reader

SHARE = 0.1                           # of the likeliest token's probability: what is less likely is not contrasted


def candidate_layers(layers, L, tied):
    """Which states are asked for a premature prediction; state 0 is what enters the first block.

        "low" = {start, start + 2, ..} below L / 2        "high" = {L // 2, L // 2 + 2, ..} below L

    layers  "low", "high", or a list of integers in [0, L)        L  number of layers
    tied    whether the embedding is the head: state 0 would predict the token that was read, so "low" starts at 2
            (at L // 2, if that is less)
    Of more than 40 layers, "low" and "high" are the first and the last 20.    returns (J,) layers, J >= 1
    Raises GenerationError for a layer that there is not, or a model without layers.
    Source: Chuang et al. 2023, arXiv:2309.03883, section 2; the numbers are those of transformers.
    """
    if L < 1:
        raise GenerationError("dola_layers contrasts the last layer with one before it; this model has none")
    if layers == "low":
        start = min(2, L // 2) if tied else 0
        return list(range(start, min(L // 2, 20), 2)) or [start]
    if layers == "high":
        return list(range(max(L // 2, L - 20), L, 2))
    outside = [layer for layer in layers if layer >= L]
    if outside:
        raise GenerationError(f"dola_layers must be in [0, {L}), {L} being the last layer's state; got {outside[0]}")
    return list(layers)


def jensen_shannon(p, q):
    """How far apart two distributions are.

        JSD(p, q) = 1/2 KL(p, m) + 1/2 KL(q, m)        m = (p + q) / 2        KL(p, m) = sum_v p_v ln(p_v / m_v)

    p, q (..., V) probabilities    returns (...) in nats, in [0, ln 2]
    Source: Lin 1991, Divergence measures based on the Shannon entropy.
    """
    m = (p + q) / 2

    def kl(a):
        return (a * np.log(np.where(a > 0, a / np.where(m > 0, m, 1), 1))).sum(axis=-1)
    return (kl(p) + kl(q)) / 2


def contrast_layers(mature, premature):
    """The last layer's scores, less those of the premature layer that differs most from it.

        s_v = ln p_v - ln q_v   if p_v >= 0.1 max p,  else -inf
        p = softmax(mature)        q = softmax(premature_j),  j = argmax_j JSD(p, softmax(premature_j))

    mature (..., V) logits in nats    premature (J, ..., V)    returns (..., V)
    Each position chooses its own layer, so that a row in a batch gives what it gives alone. (transformers takes one for
    the batch, by the mean over its rows; and it, like the authors' code, turns the arguments of both KL around.)
    Source: Chuang et al. 2023, arXiv:2309.03883, section 2.
    """
    l, q = formulas.log_softmax(mature), formulas.log_softmax(premature)
    chosen = jensen_shannon(np.exp(l), np.exp(q)).argmax(axis=0)                                    # (J, ...) -> (...)
    q = np.take_along_axis(q, chosen[None, ..., None], axis=0)[0]
    return np.where(l >= l.max(axis=-1, keepdims=True) + math.log(SHARE), l - q, -np.inf).astype(mature.dtype)


class DoLaReader(Reader):
    """A `Reader` whose scores are what the last layer says and an earlier one does not.

        s = contrast_layers(logits, head(h_j) for j in layers)

    model, ids (B, S), cache  as of a `Reader`        layers  which states h_j, (B, T, C), are asked: integers in [0, L)
    like                      an array where the model lives; None: on the current backend
    A state halfway up meets the head as it is, without the last norm, as in the paper's code and in transformers.
    Source: as `contrast_layers`.
    """

    def __init__(self, model, ids, cache=None, layers=(0,), like=None):
        super().__init__(model, ids, cache)
        self.layers, self.like = layers, like

    def scores(self, n=1, states=None):
        """What is expected after each of the last n tokens: (B, n, V) in nats, on the host; states as in `Reader`."""
        states = [] if states is None else states
        mature = super().scores(n, states)
        h = (backend.asarray(states[j][:, -n:], like=self.like) for j in self.layers)
        return contrast_layers(mature, np.stack([backend.to_host(self.model.head(one)) for one in h]))


def dola_reader(prompt, config, cache):
    """The `DoLaReader` that a request asks for.

        layers = candidate_layers(config.dola_layers, L, whether the head is the embedding)

    prompt `Prompt` of B rows, (B, S)    config GenerationConfig    cache  as of a `Reader`
    Raises GenerationError for layers that the model does not have. Source: as `contrast_layers`.
    """
    states, model = [], prompt.model
    model.next_logits(np.maximum(prompt.lines[:, -1:], 0), states=states)        # one token tells how many there are
    tied = getattr(model.config, "tie_word_embeddings", not hasattr(model, "lm_head"))
    layers = candidate_layers(config.dola_layers, len(states) - 1, tied)
    return DoLaReader(model, prompt.lines, cache, layers, like=states[0])
