"""Scene 2: the average of the past, three times: as a loop, as a matrix, as a softmax.

Before this file: `formulas.softmax`, `formulas.causal_mask`. After it: the reader knows that a masked softmax *is* an
average of the past, and has only to change its scores to be at attention. The three agree to the last digits; each
says more than the one before.
"""

import numpy as np

from ... import formulas


def average_by_loop(x):
    """The average of a token and all before it, one position after the other.

        y_t = 1/(t+1) sum_{s <= t} x_s        t = 0, 1, ...

    x (..., T, C)    returns (..., T, C)
    Plain, and slow: T small sums in Python.
    Source: Karpathy 2023, Let's build GPT, for the three ways.
    """
    y = np.empty_like(x)
    for t in range(x.shape[-2]):
        y[..., t, :] = x[..., :t + 1, :].mean(axis=-2)
    return y


def average_by_matrix(x):
    """The same as one product with a lower-triangular matrix whose rows sum to one.

        y = A x        A_ts = [s <= t] / (t+1)

    x (..., T, C)    returns (..., T, C)
    Now the weights are things of their own: row t says how much each of the past is worth to t.
    Source: as `average_by_loop`.
    """
    return counted_weights(x.shape[-2], like=x) @ x


def average_by_softmax(x):
    """The same once more: zeros as scores, -inf where nobody may look, and a softmax.

        y = p x        p = softmax(s)        s_ts = 0 if s <= t, else -inf

    x (..., T, C)    returns (..., T, C)
    Now the weights come from scores, of which any numbers will do: zero means no preference.
    Source: as `average_by_loop`; the mask, Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3.
    """
    return masked_softmax(np.zeros((x.shape[-2], x.shape[-2]), x.dtype, like=x)) @ x


def counted_weights(T, like):
    """The weights of `average_by_matrix`: a triangle of ones, every row divided by its sum.

        A_ts = [s <= t] / (t+1)

    T positions    like: array, for dtype and device    returns (T, T)
    Source: as `average_by_loop`.
    """
    ones = formulas.causal_mask(T, T, like).astype(like.dtype)
    return ones / ones.sum(axis=-1, keepdims=True)


def masked_softmax(s):
    """Weights from scores, the future being left out.

        p_ts = exp(s_ts) / sum_{r <= t} exp(s_tr)  for s <= t, else 0

    s (..., T, T), scores in nats    returns (..., T, T)
    exp(-inf) = 0: what is masked takes no part in the sum either.
    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.3.
    """
    mask = formulas.causal_mask(s.shape[-1], s.shape[-1], like=s)
    return formulas.softmax(np.where(mask, s, -np.inf).astype(s.dtype))


def tell(say):
    """Tell the scene through `say`, which takes a line of text.    Source: as `average_by_loop`."""
    x = np.array([[8.0], [2.0], [5.0], [1.0]])
    say(f"The simplest way to use the past is its average. Four tokens, one channel each: x = {_row(x[:, 0], '.0f')}.")
    say("")
    say("A loop:      y_t = 1/(t+1) sum_{s <= t} x_s")
    say("A matrix:    y = A x, A lower-triangular, its rows sum to one")
    say("A softmax:   y = softmax(s) x, s zero, or -inf in the future")
    say("")
    say("    A = softmax(s)                        loop   matrix  softmax")
    ways = [way(x)[:, 0] for way in (average_by_loop, average_by_matrix, average_by_softmax)]
    for t, weights in enumerate(masked_softmax(np.zeros((4, 4)))):
        say(f"    {_row(weights, '.3f'):<34}" + "".join(f"{y[t]:8.3f}" for y in ways))
    say("")
    s = np.log(np.array([[1.0, 1, 1, 1]] * 3 + [[4.0, 1, 2, 1]]))
    say("Of the three, only the softmax has a handle: other scores give other averages, still of the past only,")
    say("still with weights that sum to one. With scores s_3 = (ln 4, 0, ln 2, 0) the last token looks most at x_0:")
    say(f"    {_row(masked_softmax(s)[3], '.3f')} x = {(masked_softmax(s) @ x)[3, 0]:.3f}")


def _row(numbers, form):
    return "[" + "  ".join(f"{n:{form}}" for n in numbers) + "]"
