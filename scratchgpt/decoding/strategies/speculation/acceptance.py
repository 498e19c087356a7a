"""Rules of acceptance: how much of a draft stays, and what is said in place of the rest.

Before this file: `greedy`, `sampling`. After it: a guess of the next token, however poor, leaves the distribution of
answers as it is; it only decides how much is known after one pass of the model. A rule looks at one token of each row;
`verification` walks along the draft for as long as tokens stay. A row without a draft (-1) is told its next token, so
the end of a draft is no special case.
"""

import numpy as np

from .... import formulas
from ..greedy import greedy
from ..sampling import draw, sample


def matching(scores, draft, q=None, rng=None):
    """The target chooses by itself; a draft that says the same stays.

        y = argmax_v s_v,  or  y ~ softmax(s) with an rng        stays = (x = y)

    scores  s (B, V) in nats, processed    draft  x (B,), -1 where there is none    q  is not used
    returns y (B,), which is said in any case, and whether the draft stays (B,)
    Exact, as the draft has no part in y. A row that is alone draws as often as without drafts: the same generator gives
    the same text. x stays with probability p(x) = softmax(s)_x; the best draft is the likeliest token.
    Source: Stern et al. 2018, arXiv:1811.03115, for greedy; transformers' assisted generation for sampling.
    """
    y = greedy(scores) if rng is None else sample(scores, rng)
    return y, y == draft


def speculative_sampling(scores, draft, q, rng):
    """A draft drawn from q is accepted or replaced so that what is said is distributed by p.

        x ~ q    r ~ U[0, 1)    stays = (r < p(x) / q(x))    else  x ~ norm(max(0, p - q))        p = softmax(s)

    scores  s (B, V) in nats, processed    draft  x (B,), -1 where there is none: q = 0 there, and x ~ p
    q (B, V) the probabilities that x was drawn from: these, not others, or the answer is biased
    returns the tokens (B,) that are said, and whether the draft stays (B,)
    Exact: P(v) = min(p, q)(v) + max(0, p - q)(v) sum_u max(0, q - p)(u) / sum_u max(0, p - q)(u) = p(v), since the sums
    are equal. x stays with probability sum_v min(p, q)(v). The published rule has r <= p / q, which for r = 0 lets an
    impossible token pass.
    Source: Leviathan et al. 2023, arXiv:2211.17192, algorithm 1; Chen et al. 2023, arXiv:2302.01318, algorithm 2.
    """
    p, rows, x = formulas.softmax(scores.astype(np.float64)), np.arange(len(scores)), np.maximum(draft, 0)
    q = np.where(draft[:, None] >= 0, q, 0.0)
    stays = (draft >= 0) & (rng.random(len(p)) * q[rows, x] < p[rows, x])
    rest = np.maximum(p - q, 0)
    rest = np.where(rest.sum(axis=-1, keepdims=True) > 0, rest, p)            # p = q but for rounding
    said = x.copy()
    said[~stays] = draw(rest[~stays], rng)
    return said, stays
