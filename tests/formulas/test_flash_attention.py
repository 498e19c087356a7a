"""Causal attention in tiles: the same numbers as attention under a causal mask, however the tiles fall."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.formulas import flash_attention
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, frozen, scales, seeds, sizes

pytestmark = pytest.mark.filterwarnings("error")
tiles, caches = st.integers(1, 4), st.sampled_from([1, 8, 40, 1 << 18])
pasts, groups, windows = st.integers(0, 3), st.integers(1, 3), st.none() | st.integers(1, 5)


@contextmanager
def tiles_of(queries, cached=1 << 18):
    """Tiles so small that small arrays are cut along queries, heads and batch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flash_attention, "TILE", queries)
        patch.setattr(flash_attention, "CACHED", cached)
        yield


def draw_qkv(seed, B, H, T, S, D, scale=1.0, G=1):
    """Queries of H G heads, keys and values of H."""
    return draw(seed, (B, H * G, T, D), (B, H, S, D), (B, H, S, D), scale=scale)


@checks(formulas.causal_attention)
@given(B=sizes, H=sizes, G=groups, T=sizes, past=pasts, D=sizes, scale=scales, window=windows, seed=seeds, tile=tiles,
       cached=caches)
def test_causal_attention_equals_the_definition_under_a_causal_mask(B, H, G, T, past, D, scale, window, seed, tile,
                                                                    cached):
    q, k, v = draw_qkv(seed, B, H, T, past + T, D, scale, G)
    with tiles_of(tile, cached):
        o, _ = formulas.causal_attention(q, k, v, window)
    assert_close(o, oracles.grouped_attention(q, k, v, oracles.causal_mask(T, past + T, window))[0])


@checks(formulas.causal_attention, formulas.causal_attention_backward)
@given(B=st.integers(1, 2), H=st.integers(1, 2), G=groups, T=st.integers(1, 3), past=st.integers(0, 2),
       D=st.integers(1, 3), window=windows, seed=seeds, tile=tiles, cached=caches)
def test_gradients_of_causal_attention(B, H, G, T, past, D, window, seed, tile, cached):
    def forward(q, k, v):
        return formulas.causal_attention(q, k, v, window)

    def backward(do, q, k, v):
        return formulas.causal_attention_backward(do, q, k, v, *map(frozen, forward(q, k, v)), window)
    with tiles_of(tile, cached):
        check_twin(forward, backward, *draw_qkv(seed, B, H, T, past + T, D, G=G), seed=seed)


@checks(formulas.causal_attention, formulas.causal_attention_backward)
@given(B=sizes, H=sizes, G=groups, T=sizes, past=pasts, window=windows, seed=seeds, tile=tiles, cached=caches)
def test_tiles_change_nothing(B, H, G, T, past, window, seed, tile, cached):
    q, k, v, do = *draw_qkv(seed, B, H, T, past + T, 3, G=G), draw([seed, 1], (B, H * G, T, 3))
    results = []
    for size in ((tile, cached), (64, 1 << 18)):
        with tiles_of(*size):
            o, l = formulas.causal_attention(q, k, v, window)
            results.append((o, l, *formulas.causal_attention_backward(do, q, k, v, o, l, window)))
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@checks(formulas.causal_attention)
@given(G=groups, T=sizes, past=pasts, window=windows, seed=seeds, tile=tiles)
def test_what_is_kept_is_the_logarithm_of_each_querys_sum(G, T, past, window, seed, tile):
    q, k, v = draw_qkv(seed, 2, 2, T, past + T, 3, G=G)
    with tiles_of(tile):
        o, l = formulas.causal_attention(q, k, v, window)
    scores = q @ oracles.repeat_heads(k, G).swapaxes(-1, -2) / np.sqrt(3)
    scores = np.where(oracles.causal_mask(T, past + T, window), scores, -np.inf)
    assert l.shape == (2, 2 * G, T)
    assert o.swapaxes(1, 2).flags.c_contiguous             # heads side by side: merging them is a view
    np.testing.assert_allclose(l, np.log(np.exp(scores).sum(axis=-1)), rtol=1e-12, atol=1e-13)


@checks(formulas.causal_attention, formulas.causal_attention_backward)
@given(G=groups, window=windows, seed=seeds, tile=tiles)
def test_the_future_changes_nothing_and_receives_nothing_from_the_past(G, window, seed, tile):
    T = 5
    q, k, v, do = *draw_qkv(seed, 1, 2, T, T, 3, G=G), draw([seed, 1], (1, 2 * G, T, 3))
    with tiles_of(tile):
        o, l = formulas.causal_attention(q, k, v, window)
        for t in range(1, T):
            short = formulas.causal_attention(q[..., :t, :], k[..., :t, :], v[..., :t, :], window)[0]
            np.testing.assert_allclose(o[..., :t, :], short, rtol=1e-12, atol=1e-14)
            early = do.copy()
            early[..., t:, :] = 0
            _, dk, dv = formulas.causal_attention_backward(early, q, k, v, o, l, window)
            assert not dk[..., t:, :].any() and not dv[..., t:, :].any()


@checks(formulas.causal_attention, formulas.causal_attention_backward)
@given(G=groups, T=st.integers(1, 6), window=st.integers(1, 5), seed=seeds, tile=tiles)
def test_what_has_left_the_window_changes_nothing_and_receives_nothing(G, T, window, seed, tile):
    q, k, v, do = *draw_qkv(seed, 1, 2, T, T, 3, G=G), draw([seed, 1], (1, 2 * G, T, 3))
    with tiles_of(tile):
        o, l = formulas.causal_attention(q, k, v, window)
        for t in range(T):
            gone = max(0, t - window + 1)
            late = do.copy()
            late[..., :t, :] = 0
            _, dk, dv = formulas.causal_attention_backward(late, q, k, v, o, l, window)
            assert not dk[..., :gone, :].any() and not dv[..., :gone, :].any()
            assert dv[..., gone, :].any()
            seen = formulas.causal_attention(q[..., t:t + 1, :], k[..., gone:t + 1, :], v[..., gone:t + 1, :])[0]
            np.testing.assert_allclose(o[..., t:t + 1, :], seen, rtol=1e-12, atol=1e-14)
        whole = formulas.causal_attention(q, k, v)[0]
        np.testing.assert_allclose(formulas.causal_attention(q, k, v, T)[0], whole, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(formulas.causal_attention(q, k, v, 1)[0], oracles.repeat_heads(v, G), rtol=1e-12)


@checks(formulas.causal_attention, formulas.causal_attention_backward)
@pytest.mark.parametrize("T, S", [(64, 64), (65, 65), (150, 150), (3, 130), (1, 70), (1, 1)])
@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("K, window", [(6, None), (2, None), (1, 5), (3, 64), (6, 70)])
def test_at_its_own_tile_size_it_equals_attention_also_where_heads_are_views(T, S, split, K, window):
    rng = np.random.default_rng(0)

    def heads(n, H):
        x = rng.standard_normal((2, n, H, 8)).swapaxes(1, 2)
        return frozen(x if split else np.ascontiguousarray(x))
    q, k, v, do = heads(T, 6), heads(S, K), heads(S, K), heads(T, 6)
    o, l = formulas.causal_attention(q, k, v, window)
    copies = [a.repeat(6 // K, axis=1) for a in (k, v)]
    plain, p = formulas.attention(q, *copies, formulas.causal_mask(T, S, q, window))
    np.testing.assert_allclose(o, plain, rtol=1e-11, atol=1e-13)
    dq, dk, dv = formulas.attention_backward(do, q, *copies, p)
    expected = dq, *(d.reshape(2, K, 6 // K, S, 8).sum(axis=2) for d in (dk, dv))
    for ours, theirs in zip(formulas.causal_attention_backward(do, q, k, v, o, l, window), expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-11, atol=1e-12)


@checks(formulas.causal_attention, formulas.causal_attention_backward)
@pytest.mark.parametrize("dtype, far", [(np.float32, 1e18), (np.float64, 1e150)])
def test_the_largest_scores_neither_overflow_nor_become_nan(dtype, far):
    q, k = np.full((1, 1, 3, 1), far, dtype), np.array([far, -far, 0], dtype).reshape(1, 1, 3, 1)
    v = np.array([1, 2, 3], dtype).reshape(1, 1, 3, 1)
    o, l = formulas.causal_attention(q, k, v)
    np.testing.assert_array_equal(o.ravel(), [1, 1, 1])
    assert all(np.isfinite(d).all() for d in formulas.causal_attention_backward(np.ones_like(o), q, k, v, o, l))
