"""Scenes 4 and 5: what the scale is for, and which norm knows its neighbours."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.chapters.the_way_to_attention.norms import along_batch, along_channels, moved_by_neighbours
from scratchgpt.chapters.the_way_to_attention.scale import Spread, entropy, measure, scores, sensitivity
from scratchgpt.layers import BatchNorm, LayerNorm
from tests.checks import checks
from tests.formulas.twins import draw, scales, seeds, sizes

widths = st.sampled_from([4, 16, 64])


@checks(scores)
@given(T=sizes, S=sizes, D=sizes, scale=scales, seed=seeds)
def test_a_score_is_a_scaled_sum_of_products(T, S, D, scale, seed):
    q, k = draw(seed, (2, T, D), (2, S, D))
    expected = [[[scale * math.fsum(a * b for a, b in zip(i, j)) for j in k[n]] for i in q[n]] for n in range(2)]
    np.testing.assert_allclose(scores(q, k, scale), expected, rtol=1e-12, atol=1e-13)


@checks(scores)
@given(D=st.integers(1, 6))
def test_the_variance_of_a_score_is_exactly_d_over_all_vectors_of_ones_and_minus_ones(D):
    every = np.array(np.meshgrid(*D * [[-1.0, 1.0]])).reshape(D, -1).T              # (2^D, D), of unit variance
    assert scores(every, every).var() == D and scores(every, every, 0.5).var() == D / 4


@checks(measure, Spread)
@given(D=st.sampled_from([1, 4, 16, 64, 256]), scale=st.sampled_from([0.25, 1.0, 2.0]), seed=seeds)
def test_the_variance_of_scores_is_d_times_the_squared_scale(D, scale, seed):
    assert measure(D, scale, np.random.default_rng(seed)).variance == pytest.approx(scale ** 2 * D, rel=0.4)


@checks(measure)
@given(D=widths, seed=seeds)
def test_unscaled_the_entropy_falls_with_d_and_less_comes_through(D, seed):
    narrow, wide = (measure(d, 1.0, np.random.default_rng(seed)) for d in (D, 4 * D))
    assert wide.entropy < 0.75 * narrow.entropy and wide.sensitivity < 0.75 * narrow.sensitivity
    assert wide.largest > narrow.largest


@checks(measure)
@given(D=widths, seed=seeds)
def test_scaled_heads_of_every_width_start_alike(D, seed):
    one, other = (measure(d, d ** -0.5, np.random.default_rng(seed)) for d in (D, 4 * D))
    assert abs(one.entropy - other.entropy) < 0.25 and abs(one.sensitivity - other.sensitivity) < 0.05
    assert one.entropy == pytest.approx(math.log(64) - 0.5, abs=0.25)               # of scores from N(0, 1), nearly


@checks(entropy, sensitivity)
@given(V=st.integers(1, 8), scale=scales, seed=seeds)
def test_entropy_and_sensitivity_by_their_definitions(V, scale, seed):
    p = formulas.softmax(draw(seed, (2, V), scale=scale))
    for row, H, through in zip(p, entropy(p), sensitivity(p)):
        assert H == pytest.approx(-math.fsum(x * math.log(x) for x in row), abs=1e-12)
        jacobian = formulas.softmax_backward(np.eye(V), row)
        assert through == pytest.approx(np.trace(jacobian), abs=1e-12)
        assert np.abs(jacobian).max() <= through / 2 + 1e-15                        # no gradient is larger than that
    assert (entropy(p) <= math.log(V) + 1e-12).all() and (sensitivity(p) <= 1 - 1 / V + 1e-12).all()


@checks(entropy, sensitivity)
@given(V=st.integers(1, 8))
def test_the_extremes_of_entropy_and_sensitivity(V):
    p = np.stack([np.full(V, 1 / V), np.eye(V)[0]])
    np.testing.assert_allclose(entropy(p), [math.log(V), 0], atol=1e-14)
    np.testing.assert_allclose(sensitivity(p), [1 - 1 / V, 0], atol=1e-15)


@checks(along_channels, along_batch)
@given(N=st.integers(2, 6), C=st.integers(2, 6), scale=scales, seed=seeds)
def test_each_norm_makes_its_own_sums_zero_and_they_are_each_others_transpose(N, C, scale, seed):
    x = draw(seed, (N, C), scale=scale)
    np.testing.assert_allclose(along_channels(x).sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(along_batch(x).sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(along_batch(x), along_channels(np.ascontiguousarray(x.T)).T, rtol=1e-10, atol=1e-12)


@checks(moved_by_neighbours, along_channels, along_batch)
@given(N=st.integers(3, 6), C=st.integers(2, 6), seed=seeds)                         # of 2 rows, all are 1 and -1
def test_a_row_of_layer_norm_stays_when_its_neighbours_change_and_one_of_batch_norm_does_not(N, C, seed):
    x, neighbours = draw(seed, (N, C), (N - 1, C))
    assert moved_by_neighbours(along_channels, x, neighbours) < 1e-13
    assert moved_by_neighbours(along_batch, x, neighbours * 4 + 3) > 1e-3
    assert moved_by_neighbours(along_batch, x, x[1:]) == 0


@checks(along_channels, along_batch)
@given(N=st.integers(2, 6), C=st.integers(2, 6), seed=seeds)
def test_they_are_the_layers_as_they_start(N, C, seed):
    x = draw(seed, (N, C))
    np.testing.assert_allclose(along_channels(x), LayerNorm(C).astype(np.float64)(x)[0], rtol=1e-12)
    np.testing.assert_allclose(along_batch(x), BatchNorm(C).astype(np.float64)(x, training=True)[0], rtol=1e-12)
