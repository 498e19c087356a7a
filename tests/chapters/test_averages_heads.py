"""Scenes 2 and 3: three averages that are one, and heads that are attention."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.chapters.the_way_to_attention.averages import (average_by_loop, average_by_matrix, average_by_softmax,
                                                               counted_weights, masked_softmax)
from scratchgpt.chapters.the_way_to_attention.heads import many_heads, merge_heads, one_head, split_heads
from scratchgpt.layers import FusedProjections, Linear, MultiHeadAttention
from tests.checks import checks
from tests.formulas.twins import draw, leads, scales, seeds, sizes

WAYS = average_by_loop, average_by_matrix, average_by_softmax
lengths = st.integers(1, 12)


@checks(*WAYS)
@pytest.mark.parametrize("dtype, rtol", [(np.float32, 1e-5), (np.float64, 1e-12)])
@given(lead=leads, T=lengths, C=sizes, scale=scales, seed=seeds)
def test_the_three_averages_agree_with_each_other_and_with_the_definition(dtype, rtol, lead, T, C, scale, seed):
    x = draw(seed, (*lead, T, C), scale=scale).astype(dtype)
    expected = np.cumsum(x.astype(np.float64), axis=-2) / np.arange(1, T + 1)[:, None]
    for y in (way(x) for way in WAYS):
        assert y.dtype == dtype and y.shape == x.shape
        np.testing.assert_allclose(y, expected, rtol=rtol, atol=rtol * scale)


@checks(*WAYS)
@pytest.mark.parametrize("way", WAYS)
@given(T=st.integers(2, 12), seed=seeds)
def test_an_average_of_the_past_does_not_move_with_the_future(way, T, seed):
    x, later = draw(seed, (2, T, 3), (2, T, 3))
    cut = 1 + seed % (T - 1)
    moved = np.concatenate([x[:, :cut], later[:, cut:]], axis=1)
    np.testing.assert_array_equal(way(moved)[:, :cut], way(x)[:, :cut])
    np.testing.assert_array_equal(way(x)[:, 0], x[:, 0])


@checks(counted_weights, masked_softmax)
@given(T=lengths, seed=seeds)
def test_weights_are_probabilities_over_the_past_and_counted_ones_are_those_of_zero_scores(T, seed):
    s = draw(seed, (3, T, T), scale=3.0)
    for weights in (masked_softmax(s), counted_weights(T, like=s)):
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-14)
        assert not np.triu(weights, 1).any() and (np.tril(weights) + np.triu(np.ones((T, T)), 1) > 0).all()
    np.testing.assert_allclose(masked_softmax(0 * s)[0], counted_weights(T, like=s), rtol=1e-15)
    for t in range(T):
        np.testing.assert_allclose(masked_softmax(s)[:, t, :t + 1], formulas.softmax(s[:, t, :t + 1]), rtol=1e-13)


@checks(one_head, average_by_softmax)
@given(lead=leads, T=lengths, C=sizes, D=sizes, seed=seeds)
def test_a_head_that_asks_nothing_averages_the_past(lead, T, C, D, seed):
    x, W_k, W_v = draw(seed, (*lead, T, C), (C, D), (C, D))
    y, p = one_head(x, np.zeros((C, D)), W_k, W_v)
    np.testing.assert_allclose(y, average_by_softmax(x @ W_v), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(p, np.broadcast_to(counted_weights(T, like=x), p.shape), rtol=1e-14)
    y, _ = one_head(x, np.zeros((C, C)), np.eye(C), np.eye(C))
    np.testing.assert_allclose(y, average_by_loop(x), rtol=1e-12, atol=1e-13)


@checks(one_head)
@given(lead=leads, T=lengths, C=sizes, D=sizes, seed=seeds)
def test_one_head_is_the_formula_of_the_package(lead, T, C, D, seed):
    x, W_q, W_k, W_v = draw(seed, (*lead, T, C), *3 * [(C, D)])
    mask = formulas.causal_mask(T, T, like=x)
    for found, expected in zip(one_head(x, W_q, W_k, W_v), formulas.attention(x @ W_q, x @ W_k, x @ W_v, mask)):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@checks(many_heads, split_heads, merge_heads)
@given(B=sizes, T=lengths, C=sizes, H=sizes, D=sizes, seed=seeds)
def test_many_heads_are_heads_side_by_side(B, T, C, H, D, seed):
    x, *W = draw(seed, (B, T, C), *3 * [(C, H * D)])
    y, p = many_heads(x, *W, H)
    for h in range(H):
        own = slice(h * D, (h + 1) * D)
        alone, looks = one_head(x, *(w[:, own] for w in W))
        np.testing.assert_allclose(y[..., own], alone, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(p[:, h], looks, rtol=1e-12, atol=1e-15)


@checks(split_heads, merge_heads)
@given(B=sizes, T=lengths, H=sizes, D=sizes)
def test_splitting_and_merging_heads_undo_each_other_and_number_as_written(B, T, H, D):
    x = np.arange(B * T * H * D).reshape(B, T, H * D)
    y = split_heads(x, H)
    assert y.shape == (B, H, T, D) and np.shares_memory(x, y)
    np.testing.assert_array_equal(merge_heads(y), x)
    assert all(y[b, h, t, d] == x[b, t, h * D + d] for b, h, t, d in np.ndindex(y.shape))


@checks(many_heads)
@given(B=sizes, T=lengths, H=sizes, D=sizes, seed=seeds)
def test_many_heads_are_the_layer_without_its_output_projection(B, T, H, D, seed):
    C, rng = H * D, np.random.default_rng(seed)
    layer = MultiHeadAttention(FusedProjections(C, rng=rng, bias=False), Linear(C, C, rng=rng, bias=False), H)
    layer = layer.astype(np.float64)
    layer.out.weight.data = np.eye(C)
    x, *W = draw(seed, (B, T, C), *3 * [(C, C)])
    layer.project.qkv.weight.data = np.concatenate(W, axis=1)
    np.testing.assert_allclose(many_heads(x, *W, H)[0], layer(x, causal=True)[0], rtol=1e-11, atol=1e-12)
