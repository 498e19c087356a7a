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


def causal_attention(q, k, v):
    """Attention in which each query sees itself and all before it; the T queries are the last of S positions.

        o_t = sum_{s <= t} p_ts v_s      p_ts = exp(q_t . k_s / sqrt(D) - l_t)      l_t = log sum_{s <= t} exp(...)

    q (B, H, T, D)    k, v (B, H, S, D), S >= T
    returns o (B, H, T, D), a view of (B, T, H, D), and the logarithms l (B, H, 1, T), in nats
    Source: Dao et al. 2022, arXiv:2205.14135, algorithm 1, with all keys of a tile at once; Dao 2023,
    arXiv:2307.08691, section 3.1, for keeping l.
    """
    B, H, T, D = q.shape
    o = np.empty_like(q, shape=(B, T, H, D), order="C").swapaxes(1, 2)
    l = np.empty_like(q, shape=(B, H, 1, T), order="C")
    for heads, rows, keys in _tiles(q, k):
        s = _scores(q[heads][..., rows, :], k[heads][..., keys, :])             # step 1: (..., keys, tile)
        m = s.max(axis=-2, keepdims=True)
        s -= m
        p = np.exp(s, out=s)
        z = p.sum(axis=-2, keepdims=True)
        p *= 1 / z
        o[heads][..., rows, :] = p.swapaxes(-1, -2) @ v[heads][..., keys, :]    # step 2: (..., tile, D)
        l[heads][..., rows] = m + np.log(z)
    return o, l


def causal_attention_backward(do, q, k, v, o, l):
    """Gradients of `causal_attention`.

        p_ts = exp(q_t . k_s / sqrt(D) - l_t)      dv_s = sum_t p_ts do_t      ds_ts = p_ts (do_t . v_s - do_t . o_t)
        dq_t = sum_s ds_ts k_s / sqrt(D)           dk_s = sum_t ds_ts q_t / sqrt(D)

    do, q, o (B, H, T, D)    k, v (B, H, S, D)    l (B, H, 1, T)
    returns dq (B, H, T, D), dk, dv (B, H, S, D), views of (B, T, H, D) and (B, S, H, D)
    As `attention_backward`; there sum_s dp_ts p_ts = sum_s (do_t . v_s) p_ts, which is do_t . o_t.
    Source: Dao et al. 2022, arXiv:2205.14135, appendix B.2.
    """
    dq, dk, dv = (np.empty_like(a, shape=a.swapaxes(1, 2).shape, order="C").swapaxes(1, 2) for a in (q, k, v))
    dk[...] = 0
    dv[...] = 0
    delta = np.einsum("bhtd,bhtd->bht", do, o)[:, :, None]
    scale = 1 / math.sqrt(q.shape[-1])
    for heads, rows, keys in _tiles(q, k):
        q_tile, do_tile = q[heads][..., rows, :], do[heads][..., rows, :]
        k_seen, v_seen = k[heads][..., keys, :], v[heads][..., keys, :]
        p = _scores(q_tile, k_seen)                                             # step 1 again
        p -= l[heads][..., rows]
        np.exp(p, out=p)
        dv[heads][..., keys, :] += p @ do_tile                                  # back through step 2
        ds = v_seen @ do_tile.swapaxes(-1, -2)
        ds -= delta[heads][..., rows]
        ds *= p
        ds *= scale
        dq[heads][..., rows, :] = ds.swapaxes(-1, -2) @ k_seen                  # back through step 1
        dk[heads][..., keys, :] += ds @ q_tile
    return dq, dk, dv


def _scores(q, k):
    """k q^T / sqrt(D), (..., keys, queries), -inf where a query may not look: below the last keys' diagonal."""
    s = k @ (q * (1 / math.sqrt(q.shape[-1]))).swapaxes(-1, -2)
    T = q.shape[-2]
    if T > 1:
        s[..., -T:, :] += np.tril(np.full_like(s, -np.inf, shape=(T, T), dtype=s.real.dtype), -1)
    return s


def _tiles(q, k):
    """(heads, rows, keys): slices of the (B, H) axes, of the queries, and of the keys that these may see.

    On a GPU, where a tile is a launch and caches are its own affair, one tile holds all.
    """
    (B, H, T, _), S = q.shape, k.shape[2]
    size = TILE if isinstance(q, np.ndarray) else T
    for start in range(0, T, size):
        rows = slice(start, min(start + size, T))
        keys = slice(0, S - T + rows.stop)
        together = CACHED // (size * keys.stop) if isinstance(q, np.ndarray) else B * H
        if together >= H:
            step = together // H
            for b in range(0, B, step):
                yield slice(b, b + step), rows, keys
        else:
            step = max(1, together)
            for b in range(B):
                for h in range(0, H, step):
                    yield (b, slice(h, h + step)), rows, keys
