"""Scene 4: why scores are divided by sqrt(D).

Before this file: `formulas.softmax`, `heads`. After it: the reader knows what the scale is for. Without it the weights
of a fresh head are already all or nothing, and a softmax that is all or nothing lets no gradient through.
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import formulas


@dataclass(frozen=True)
class Spread:
    """What `measure` found: the variance of the scores, and of the probabilities the mean entropy (nats), the mean of
    the largest, and the mean sensitivity."""

    variance: float
    entropy: float
    largest: float
    sensitivity: float


def scores(q, k, scale=1.0):
    """How well each key answers each query.

        s_ij = scale sum_d q_id k_jd

    q (..., T, D)    k (..., S, D)    returns (..., T, S)
    With all q and k independent, of mean 0 and variance 1: var(s) = scale^2 sum_d E[q_d^2] E[k_d^2] = scale^2 D.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.1, footnote 4.
    """
    return scale * (q @ k.swapaxes(-1, -2))


def entropy(p):
    """In how many places a distribution is, on a logarithmic scale.

        H = -sum_i p_i log p_i        from 0, all in one place, to ln V, all equal

    p (..., V), probabilities    returns (...), nats; 0 log 0 = 0
    Source: Shannon 1948, section 6.
    """
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)


def sensitivity(p):
    """How much of a change in its scores a softmax lets through: the trace of its Jacobian.

        sum_i dp_i/ds_i = sum_i p_i (1 - p_i) = 1 - sum_i p_i^2

    p (..., V), probabilities    returns (...), dimensionless: 1 - 1/V where all are equal, 0 where one has all
    It bounds the gradient: no entry of the Jacobian, p_i ([i = j] - p_j), is larger in size than half of it.
    Source: Bridle 1990, for the Jacobian.
    """
    return 1 - (p * p).sum(axis=-1)


def measure(D, scale, rng, texts=64, T=16, S=64):
    """Scores of T random queries and S random keys in each of some texts, and what softmax makes of them.

        q, k ~ N(0, 1)        s = scale q k^T        p = softmax(s)

    D channels    scale: dimensionless    rng: numpy.random.Generator    returns Spread, entropy in nats
    Source: as `scores`.
    """
    s = scores(rng.standard_normal((texts, T, D)), rng.standard_normal((texts, S, D)), scale)
    p = formulas.softmax(s)
    return Spread(float(s.var()), float(entropy(p).mean()), float(p.max(axis=-1).mean()), float(sensitivity(p).mean()))


def tell(say):
    """Tell the scene through `say`, which takes a line of text.    Source: as `scores`."""
    say("q and k of unit variance: a score is a sum of D products, each of variance 1, so its variance is D.")
    say(f"Over 64 keys, a softmax that knows nothing has the entropy ln 64 = {math.log(64):.2f} nats.")
    for title, power in (("s = q k^T", 0), ("s = q k^T / sqrt(D)", -0.5)):
        say(f"\n    {title:22}variance   entropy of p   largest p   sensitivity 1 - sum p^2")
        for D in (1, 4, 16, 64, 256, 1024):
            m = measure(D, D ** power, np.random.default_rng(D))
            say(f"    D = {D:<14,}{m.variance:12.2f}{m.entropy:15.2f}{m.largest:12.2f}{m.sensitivity:14.2f}")
    say("")
    say("Unscaled, a wide head has made up its mind before it has learned anything, and hardly a gradient comes")
    say("through to change it. Divided by sqrt(D), heads of every width start alike.")
