"""Cuts by surprise: what is neither too likely nor too unlikely, and what is too unlikely in absolute terms.

Before this file: `cuts`. After it: the entropy of a distribution says how likely a token may be expected to be.
"""

import math

import numpy as np

from ... import formulas
from .arguments import within
from .rows import crossing, entropy, row_by_row


def typical_p(mass):
    """Keep the tokens whose surprise is closest to the expected one, until they hold the mass.

        d_v = |-ln p_v - H|;  s_v <- s_v if d_v <= d_c else -inf,  c = the first in the order of d to reach the mass

    mass in (0, 1], a probability; 1 drops nothing    returns a processor of scores (B, V)
    All that tie with c stay. The most likely token may go: it can be less typical than others.
    Source: Meister et al. 2022, arXiv:2202.00666; ties as in transformers, llama.cpp leaves them to its sort.
    """
    mass = within("typical_p", mass, "(0, 1]")

    @row_by_row
    def keep_typical(s):
        l = formulas.log_softmax(s)
        d = np.abs(-l - entropy(l))
        _, last = crossing(d, np.exp(l), mass)
        return np.where(d > d[last], -np.inf, s)
    return lambda ids, scores: scores if mass == 1 else keep_typical(ids, scores)


def epsilon_cutoff(epsilon):
    """Keep what is likely enough.

        s_v <- s_v if p_v >= epsilon or s_v = max(s) else -inf

    epsilon in (0, 1), a probability    returns a processor of scores (B, V)
    Source: Hewitt, Manning & Liang 2022, arXiv:2210.15191, section 4.
    """
    epsilon = within("epsilon_cutoff", epsilon, "(0, 1)")
    return row_by_row(lambda s: _drop_below(s, formulas.log_softmax(s), epsilon))


def eta_cutoff(epsilon):
    """Keep what is likely enough, and ask for less where the model is unsure.

        s_v <- s_v if p_v >= eta or s_v = max(s) else -inf,   eta = min(epsilon, sqrt(epsilon) e^-H)

    epsilon in (0, 1), a probability    returns a processor of scores (B, V)
    Source: Hewitt, Manning & Liang 2022, arXiv:2210.15191, equation 4.
    """
    epsilon = within("eta_cutoff", epsilon, "(0, 1)")

    @row_by_row
    def keep_likely(s):
        l = formulas.log_softmax(s)
        return _drop_below(s, l, min(epsilon, math.sqrt(epsilon) * math.exp(-entropy(l))))
    return keep_likely


def _drop_below(s, l, probability):
    return np.where((np.exp(l) < probability) & (s < s.max()), -np.inf, s)
