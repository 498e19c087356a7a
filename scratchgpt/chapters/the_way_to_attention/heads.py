"""Scene 3: from uniform weights to weights that depend on the data. One head, and many as a reshape.

Before this file: `averages`, `formulas.attention`. After it: the reader has put attention together from what was there
already: the masked softmax of scene 2, with scores that the tokens themselves give.
"""

import math

import numpy as np

from ... import formulas
from .averages import masked_softmax


def one_head(x, W_q, W_k, W_v):
    """Every token asks, every token of the past has a label and something to give.

        y = p v      p = masked softmax(q k^T / sqrt(D))      q = x W_q      k = x W_k      v = x W_v

    x (..., T, C)    W_q, W_k, W_v (C, D)    returns y (..., T, D), p (..., T, T)
    W_q = 0 asks nothing: all scores are 0, and this is `average_by_softmax` of v.
    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1.
    """
    q, k, v = x @ W_q, x @ W_k, x @ W_v                              # (..., T, C) -> (..., T, D)
    p = masked_softmax(q @ k.swapaxes(-1, -2) / math.sqrt(W_q.shape[1]))
    return p @ v, p


def many_heads(x, W_q, W_k, W_v, H):
    """H heads side by side, each in its own D of the channels; no head sees another's.

        y = Concat(head_1, ..., head_H)        head_h = one_head(x, W_q[:, h], W_k[:, h], W_v[:, h])

    x (B, T, C)    W_q, W_k, W_v (C, H D), head h owning the columns h D .. h D + D - 1
    returns y (B, T, H D), p (B, H, T, T)
    The heads cost a reshape and nothing else: one product makes all queries, and the axis H rides along with B.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.2.
    """
    q, k, v = (split_heads(x @ W, H) for W in (W_q, W_k, W_v))
    o, p = formulas.attention(q, k, v, formulas.causal_mask(x.shape[1], x.shape[1], like=x))
    return merge_heads(o), p


def split_heads(x, H):
    """x_bt,hd -> x_bhtd: the channels are cut into H stretches of D.

        y[b, h, t, d] = x[b, t, h D + d]

    x (B, T, H D)    returns (B, H, T, D), a view
    Source: as `many_heads`.
    """
    B, T, C = x.shape
    return x.reshape(B, T, H, C // H).swapaxes(1, 2)


def merge_heads(x):
    """The way back from `split_heads`.

        y[b, t, h D + d] = x[b, h, t, d]

    x (B, H, T, D)    returns (B, T, H D)
    Source: as `many_heads`.
    """
    B, H, T, D = x.shape
    return x.swapaxes(1, 2).reshape(B, T, H * D)


def tell(say):
    """Tell the scene through `say`, which takes a line of text.    Source: as `one_head`."""
    words = ("the", "cow", "behind", "the", "barn")
    traits = ("is a subject", "is a place", "says moo")
    x = np.array([[0.0, 0, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0], [0, 1, 0]])
    say("Let the tokens make the scores. Three channels: " + ", ".join(traits) + ".")
    W_q, W_k, W_v = np.array([[0.0], [4], [0]]), np.array([[1.0], [0], [0]]), np.array([[0.0], [0], [1]])
    say("    q = 4 place     what a token looks for: a place asks for a subject")
    say("    k = subject     what a token answers to")
    say("    v = moo         what a token gives")
    for name, W in (("asking nothing (W_q = 0)", 0 * W_q), ("asking", W_q)):
        y, p = one_head(x, W, W_k, W_v)
        say(f"\n    {name + ':':26}" + "".join(f"{word:>8}" for word in words) + "     moo")
        for t in (1, 4):
            say(f"    {words[t] + ' looks at':26}" + "".join(f"{w:8.3f}" for w in p[t]) + f"{y[t, 0]:8.3f}")
    say("")
    say('The barn finds the cow by what it is, not by where it stands: the "four back" of scene 1 is never counted.')
    say("")
    rng = np.random.default_rng(0)
    x, *W = rng.standard_normal((1, 5, 6)), *rng.standard_normal((3, 6, 6))
    together, p = many_heads(x, *W, H=3)
    alone = np.concatenate([one_head(x, *(w[:, 2 * h:2 * h + 2] for w in W))[0] for h in range(3)], axis=-1)
    say("One question is not enough for a sentence. Many heads are many heads side by side, and a reshape:")
    say(f"    (B, T, H D) -> (B, H, T, D)      {(1, 5, 6)} -> {p.shape[:3] + (2,)}")
    say(f"    three heads at once are the three one by one: {bool(np.allclose(together, alone, rtol=1e-12))}")
