"""Causal attention without its (T, S) matrix: the same numbers as `attention`, less memory, and half the work.

Before this file: `attention`. After it: how FlashAttention works. Queries are taken a few at a time, so that their
scores stay in the core's cache; keys that a whole tile may not see are never touched; and instead of the
probabilities the forward pass keeps one number a query, from which the backward pass makes them again.

Scores are held as (keys, queries) here: maxima and sums over keys then run along whole rows of numbers, at several
times the speed that NumPy reaches within rows.
"""

import math

import numpy as np

TILE = 64                # queries in a tile
CACHED = 1 << 18         # scores that are worked on at once: 1 MB of float32


def causal_attention(q, k, v, window=None):
    """Attention in which each query sees itself and all before it; the T queries are the last of S positions.

        o_t = sum_s p_ts v_s      p_ts = exp(q_t . k_s / sqrt(D) - l_t)      l_t = log sum_s exp(q_t . k_s / sqrt(D))

    summed over s <= t, or t - W < s <= t
    q (B, H, T, D)    k, v (B, K, S, D), S >= T, H a multiple of K: query head h asks key/value head h K // H
    window  W >= 1; None: all of the past
    returns o (B, H, T, D), a view of (B, T, H, D), and the logarithms l (B, H, T), in nats
    Source: Dao et al. 2022, arXiv:2205.14135, algorithm 1, with all keys of a tile at once; Dao 2023,
    arXiv:2307.08691, section 3.1, for keeping l; Ainslie et al. 2023, arXiv:2305.13245, for K < H.
    """
    B, H, T, D = q.shape
    o = np.empty_like(q, shape=(B, T, H, D), order="C").swapaxes(1, 2)
    l = np.empty_like(q, shape=(B, H, T), order="C")
    q, o_groups, l_groups = (_groups(a, k.shape[1]) for a in (q, o, l))
    for heads, rows, keys in _tiles(q, k, window):
        s = _scores(q[heads][..., rows, :], k[heads][..., keys, :], window)     # step 1: (..., keys, G tile)
        m = s.max(axis=-2, keepdims=True)
        s -= m
        p = np.exp(s, out=s)
        z = p.sum(axis=-2, keepdims=True)
        p *= 1 / z
        m += np.log(z)
        tile = o_groups[heads][..., rows, :]
        tile[...] = (p.swapaxes(-1, -2) @ v[heads][..., keys, :]).reshape(tile.shape)      # step 2: (..., G, tile, D)
        l_groups[heads][..., rows] = m.reshape(tile.shape[:-1])
    return o, l


def causal_attention_backward(do, q, k, v, o, l, window=None):
    """Gradients of `causal_attention`.

        p_ts = exp(q_t . k_s / sqrt(D) - l_t)      dv_s = sum_t p_ts do_t      ds_ts = p_ts (do_t . v_s - do_t . o_t)
        dq_t = sum_s ds_ts k_s / sqrt(D)           dk_s = sum_t ds_ts q_t / sqrt(D)

    do, q, o (B, H, T, D)    k, v (B, K, S, D)    l (B, H, T)
    returns dq (B, H, T, D), dk, dv (B, K, S, D), views of (B, T, H, D) and (B, S, K, D)
    As `attention_backward`; there sum_s dp_ts p_ts = sum_s (do_t . v_s) p_ts, which is do_t . o_t. A key that several
    query heads share is one row of one product for all of them, so their gradients are summed by it.
    Source: Dao et al. 2022, arXiv:2205.14135, appendix B.2.
    """
    dq, dk, dv = (np.empty_like(a, shape=a.swapaxes(1, 2).shape, order="C").swapaxes(1, 2) for a in (q, k, v))
    dk[...] = 0
    dv[...] = 0
    scale = 1 / math.sqrt(q.shape[-1])
    delta = np.einsum("bhtd,bhtd->bht", do, o)
    q, do, dq_groups, delta, l = (_groups(a, k.shape[1]) for a in (q, do, dq, delta, l))
    for heads, rows, keys in _tiles(q, k, window):
        q_tile, do_tile = q[heads][..., rows, :], do[heads][..., rows, :]
        k_seen, v_seen = k[heads][..., keys, :], v[heads][..., keys, :]
        p = _scores(q_tile, k_seen, window)                                     # step 1 again
        p -= _columns(l[heads][..., rows])
        np.exp(p, out=p)
        dv[heads][..., keys, :] += p @ _side_by_side(do_tile)                   # back through step 2
        ds = v_seen @ _side_by_side(do_tile).swapaxes(-1, -2)
        ds -= _columns(delta[heads][..., rows])
        ds *= p
        ds *= scale
        dq_groups[heads][..., rows, :] = (ds.swapaxes(-1, -2) @ k_seen).reshape(q_tile.shape)     # back through step 1
        dk[heads][..., keys, :] += ds @ _side_by_side(q_tile)
    return dq, dk, dv


def _groups(a, K):
    """(B, H, ...) -> (B, K, G, ...), a view: the G = H / K query heads that share a key/value head stand together."""
    return a.reshape(a.shape[0], K, a.shape[1] // K, *a.shape[2:])


def _side_by_side(tile):
    """(..., G, tile, D) -> (..., G tile, D): a group's queries as rows of one matrix; a view where G = 1."""
    return tile.reshape(*tile.shape[:-3], tile.shape[-3] * tile.shape[-2], tile.shape[-1])


def _columns(values):
    """(..., G, tile) -> (..., 1, G tile): a number for each query, to be broadcast over keys."""
    return values.reshape(*values.shape[:-2], 1, values.shape[-2] * values.shape[-1])


def _scores(q, k, window):
    """k q^T / sqrt(D), (..., keys, G tile), -inf where a query may not look: ahead of itself, or out of its window.

    q (..., G, tile, D)    k (..., keys, D), the last of them the last query's own
    """
    (G, T, D), S = q.shape[-3:], k.shape[-2]
    s = k @ _side_by_side(q * (1 / math.sqrt(D))).swapaxes(-1, -2)
    hidden = s.reshape(*s.shape[:-1], G, T)
    if T > 1:                                                   # below the last keys' diagonal
        hidden[..., -T:, :, :] += np.tril(np.full_like(s, -np.inf, shape=(T, T), dtype=s.real.dtype), -1)[:, None]
    out = S - window if window is not None else 0               # keys that are out of the last query's window
    if out > 0:
        old = np.triu(np.full_like(s, -np.inf, shape=(out, T), dtype=s.real.dtype), T - out)
        hidden[..., :out, :, :] += old[:, None]
    return s


def _tiles(q, k, window):
    """(heads, rows, keys): slices of the (B, K) axes, of the queries, and of the keys that these may see.

    q (B, K, G, T, D)    k (B, K, S, D). On a GPU, where a tile is a launch and caches are its own affair, one tile
    holds all.
    """
    (B, K, G, T, _), S = q.shape, k.shape[2]
    size = min(TILE, T) if isinstance(q, np.ndarray) else T
    for start in range(0, T, size):
        rows = slice(start, min(start + size, T))
        keys = slice(0 if window is None else max(0, S - T + start - window + 1), S - T + rows.stop)
        together = CACHED // (G * size * (keys.stop - keys.start)) if isinstance(q, np.ndarray) else B * K
        if together >= K:
            step = together // K
            for b in range(0, B, step):
                yield slice(b, b + step), rows, keys
        else:
            step = max(1, together)
            for b in range(B):
                for h in range(0, K, step):
                    yield (b, slice(h, h + step)), rows, keys
