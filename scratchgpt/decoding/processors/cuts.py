"""Cuts by rank, by mass and by distance: which tokens may be drawn at all.

Before this file: `rows`. After it: five answers to the question where the tail of a distribution begins. What is cut
off becomes -inf; the most likely token always stays.
"""

import math

import numpy as np

from ... import formulas
from ...errors import GenerationError
from ...inputs import check_whole
from .arguments import within
from .rows import crossing, highest, keep_highest, row_by_row

AMONG = 100                                                     # the tokens that top_h looks at


def top_k(k):
    """Keep the k highest scores, and all that tie with the k-th.

        s_v <- s_v if s_v >= k-th largest s else -inf

    k >= 1; at V or more nothing is dropped    returns a processor of scores (B, V)
    Raises GenerationError unless k is an integer >= 1.
    Source: Fan, Lewis & Dauphin 2018, arXiv:1805.04833, section 5.4.
    """
    check_whole("top_k", k, 1, GenerationError)

    @row_by_row
    def keep_top_k(s):
        return np.where(s < s[highest(s, k)[-1]], -np.inf, s)
    return lambda ids, scores: scores if k >= scores.shape[-1] else keep_top_k(ids, scores)


def top_p(p):
    """Keep the smallest set of most likely tokens whose probability reaches p: the nucleus.

        sorted from the most likely down, token i stays  <-  sum_(j < i) p_j < p

    p in (0, 1]    returns a processor of scores (B, V)
    The token that crosses the line stays, and one always stays; of equal scores the larger ids stay. From below it is
    the rule of transformers: drop while the cumulated probability is <= 1 - p.
    Raises GenerationError for p outside.
    Source: Holtzman et al. 2019, arXiv:1904.09751, section 3.1.
    """
    p = within("top_p", p, "(0, 1]")

    @row_by_row
    def keep_nucleus(s):
        d = s.max() - s
        count, last = crossing(d, np.exp(-d), p)
        return keep_highest(s, count, s[last])
    return lambda ids, scores: scores if p == 1 else keep_nucleus(ids, scores)


def min_p(share):
    """Keep what is at least a share as likely as the most likely token.

        s_v <- s_v if p_v >= share max(p) else -inf,  that is  s_v >= max(s) + ln share

    share in [0, 1], dimensionless; 0 drops nothing    returns a processor of scores (B, V)
    Source: Nguyen et al. 2024, arXiv:2407.01082.
    """
    share = within("min_p", share, "[0, 1]")
    distance = math.log(share) if share else -math.inf
    return lambda ids, scores: np.where(scores < scores.max(axis=-1, keepdims=True) + distance, -np.inf, scores)


def top_h(h):
    """Keep the most likely tokens that hold a share h of the entropy.

        count = max(1, #{i : sum_(j <= i) -p_j ln p_j <= h H}),  H = sum_j -p_j ln p_j

    h in (0, 1], dimensionless    returns a processor of scores (B, V)
    p is the distribution over the 100 most likely tokens, from the most likely down: others are dropped in any case.
    Of equal scores the larger ids stay.
    Source: Potraghloo et al. 2025, arXiv:2509.02510; the 100 is transformers'.
    """
    h = within("top_h", h, "(0, 1]")

    @row_by_row
    def keep_share(s):
        best = s[highest(s, AMONG)]
        l = formulas.log_softmax(best)
        l = l[l > -np.inf]                                      # 0 ln 0 = 0
        reached = np.cumsum(-np.exp(l) * l)
        count = max(1, int((reached <= h * reached[-1]).sum()))
        return keep_highest(s, count, best[count - 1])
    return keep_share


def top_n_sigma(n):
    """Keep scores within n standard deviations of the highest.

        s_v <- s_v if s_v >= max(s) - n std(s) else -inf

    n in (0, 1e6], dimensionless    returns a processor of scores (B, V)
    The deviation is that of the finite scores, divided by their number; of all, -inf included, it would be none.
    The set that stays is the same at every temperature.
    Source: Tang et al. 2024, arXiv:2411.07641.
    """
    n = within("top_n_sigma", n, "(0, 1e6]")

    @row_by_row
    def keep_informative(s):
        sigma = float(s[s > -np.inf].std())
        return np.where(s < s.max() - n * sigma, -np.inf, s)
    return keep_informative
