"""Mirostat: as surprising as asked, from the first token to the last. Before this file: `sampling`. After it: a cut may
have a thermostat, and a search may remember more of a row than its text.
"""

import numpy as np

from ... import formulas
from .greedy import check_choice
from .sampling import sample


def surprise_cut(scores, mu):
    """Mirostat 2's cut: only what is no more surprising than mu.

        v stays if -log2 p_v <= mu_b, or p_v = max p        p = softmax(s_b)

    scores (B, V) in nats    mu (B,) in bits    returns (B, V), -inf for what is dropped
    Source: Basu et al. 2020, arXiv:2007.14966; in this form, version 2, llama.cpp.
    """
    bits = surprise(scores)
    return np.where(bits <= np.maximum(mu[:, None], bits.min(axis=-1, keepdims=True)), scores, -np.inf)


def zipf_exponent(scores, m=100):
    """How steeply probability falls with rank: the slope of a line through 0 in logarithms, by least squares.

        z = sum_i t_i b_i / sum_i t_i^2        t_i = ln((i + 1) / i),  b_i = ln(p_i / p_(i+1)),  i = 1 .. m - 1

    scores (B, V) in nats; p_1 >= p_2 >= .. > 0 are the m likeliest tokens, or as many as are possible
    returns z (B,) >= 0, dimensionless; inf where only one token is possible
    Source: Basu et al. 2020, arXiv:2007.14966, algorithm 1, there s_hat.
    """
    V = scores.shape[1]
    top = -np.sort(-np.partition(scores, max(V - m, 0), axis=-1)[:, -m:], axis=-1).astype(np.float64)
    possible = top[:, 1:] > -np.inf
    t = np.log(np.arange(2, top.shape[1] + 1) / np.arange(1, top.shape[1]))
    b = np.where(possible, top[:, :-1] - np.where(possible, top[:, 1:], 0), 0)
    squares = (possible * t * t).sum(axis=-1)
    return np.where(squares > 0, (t * b).sum(axis=-1) / np.where(squares > 0, squares, 1), np.inf)


def zipf_k(z, mu, V):
    """How many tokens make the surprise mu, if probability falls with rank as i^-z.

        k = ((z - 1) 2^mu / (1 - V^(1 - z)))^(1 / z)        its whole part, at least 1 and at most V

    z (B,) dimensionless, >= 0    mu (B,) in bits    V  size of the vocabulary, in tokens    returns (B,) integers
    At z = 1 the fraction is its limit, 2^mu / ln V; z = 0 and z = inf are limits too: 1 or V, and 1.
    Source: Basu et al. 2020, arXiv:2007.14966, algorithm 1.
    """
    e, ln_V = np.where(np.isinf(z), 0, z) - 1, np.log(max(V, 2))
    near = np.abs(e) < 1e-9
    fraction = np.where(near, 1 / ln_V, e / -np.expm1(-np.where(near, 1, e) * ln_V))      # (z - 1) / (1 - V^(1 - z))
    ln_k = (mu * np.log(2) + np.log(fraction)) / np.maximum(z, 1e-9)
    return np.clip(np.exp(np.clip(ln_k, -1, ln_V + 1)), 1, V).astype(np.int64)


def zipf_cut(scores, mu, m=100):
    """Mirostat 1's cut: the k likeliest tokens, and all that tie with the last of them.

        v stays if s_v >= k-th largest s_b        k = zipf_k(zipf_exponent(s_b, m), mu_b, V)

    scores (B, V) in nats    mu (B,) in bits    m >= 2, in tokens    returns (B, V), -inf for what is dropped
    Source: Basu et al. 2020, arXiv:2007.14966, algorithm 1; the whole part of k as in llama.cpp.
    """
    k = zipf_k(zipf_exponent(scores, m), mu, scores.shape[1])
    kth = np.stack([np.partition(row, len(row) - n)[len(row) - n] for row, n in zip(scores, k)])
    return np.where(scores >= kth[:, None], scores, -np.inf)


def surprise(scores):
    """How surprising each token would be.

        S(v) = -log2 softmax(s)_v

    scores (..., V) in nats    returns (..., V) in bits, float64, inf where a token is impossible
    Source: Shannon 1948, A mathematical theory of communication, section 6.
    """
    return -formulas.log_softmax(scores.astype(np.float64)) / np.log(2)


def next_mu(mu, bits, tau, eta):
    """What the next token may surprise with: less after a surprise that was above tau, more after one below.

        mu <- mu - eta (S - tau)

    mu, bits S, tau in bits    eta per step, dimensionless    mu, bits and the result are (B,)
    Source: Basu et al. 2020, arXiv:2007.14966, algorithm 1.
    """
    return mu - eta * (bits - tau)


def mirostat_search(run):
    """A sampled text whose surprise is held near tau: the cut gives way after dull tokens and closes after odd ones.

        x ~ softmax(cut(s, mu))        mu <- mu - eta (-log2 softmax(cut(s, mu))_x - tau)        mu = 2 tau at the start

    run a Run of B rows, with a Generator, each with a mu of its own; options mirostat (1 or 2), mirostat_tau (5 bits),
    mirostat_eta (0.1), mirostat_m (100 tokens, version 1)
    The surprise is that of the distribution that was drawn from, cut and normalised, as in llama.cpp; the authors' code
    takes the model's own probability. Lossy: what is said follows another distribution than the model's.
    Source: Basu et al. 2020, arXiv:2007.14966, algorithm 1.
    """
    tau, eta, m = (default if value is None else value for value, default in
                   ((run.config.mirostat_tau, 5.0), (run.config.mirostat_eta, 0.1), (run.config.mirostat_m, 100)))
    mu = np.full(len(run.rows), 2.0 * tau)
    while run.going:
        scores = run.next_scores()
        check_choice(scores)
        kept = surprise_cut(scores, mu) if run.config.mirostat == 2 else zipf_cut(scores, mu, m)
        tokens = sample(kept, run.rng)
        bits = np.take_along_axis(surprise(kept), tokens[:, None], axis=-1)[:, 0]
        _, going = run.say(tokens)
        mu = next_mu(mu, bits, tau, eta)[going]
        yield
