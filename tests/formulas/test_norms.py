"""Three norms: what they make of their input, what they cannot see, and so what their gradients never contain."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.errors import ConfigError
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, frozen, leads, scales, seeds

pytestmark = pytest.mark.filterwarnings("error")
channels = st.integers(1, 5)
several = st.integers(2, 5)
epsilons = st.sampled_from([1e-5, 1e-2, 1.0])


def draw_spread(seed, lead, C, scale):
    """x (*lead, C) of which no vector is nearly constant: 0, 1, 2, ... in random order, each moved by up to 0.3.

    Where values nearly agree their differences have few digits, and no float32 gradient is near the exact one.
    """
    rng = np.random.default_rng([seed, 4])
    order = rng.permuted(np.broadcast_to(np.arange(C), (*lead, C)), axis=-1)
    return frozen(scale * (order - (C - 1) / 2 + rng.uniform(-0.3, 0.3, (*lead, C))))


@checks(formulas.layer_norm, formulas.rms_norm, formulas.batch_norm)
@given(lead=leads, C=channels, scale=scales, eps=epsilons, seed=seeds)
def test_norms_equal_their_definitions(lead, C, scale, eps, seed):
    x, weight, bias = draw(seed, (*lead, C), (C,), (C,), scale=scale)
    assert_close(formulas.layer_norm(x, weight, bias, eps), oracles.layer_norm(x, weight, bias, eps))
    assert_close(formulas.rms_norm(x, weight, eps), oracles.rms_norm(x, weight, eps))
    for ours, theirs in zip(formulas.batch_norm(x, weight, bias, eps), oracles.batch_norm(x, weight, bias, eps)):
        assert_close(ours, theirs)


@checks(formulas.layer_norm, formulas.layer_norm_backward)
@given(lead=leads, C=channels, scale=scales, eps=epsilons, seed=seeds)
def test_gradients_of_layer_norm(lead, C, scale, eps, seed):
    check_twin(lambda x, weight, bias: formulas.layer_norm(x, weight, bias, eps),
               lambda dy, x, weight, bias: formulas.layer_norm_backward(dy, x, weight, eps),
               draw_spread(seed, lead, C, scale), *draw(seed, (C,), (C,)), seed=seed)


@checks(formulas.rms_norm, formulas.rms_norm_backward)
@given(lead=leads, C=channels, scale=scales, eps=epsilons, seed=seeds)
def test_gradients_of_rms_norm(lead, C, scale, eps, seed):
    check_twin(lambda x, weight: formulas.rms_norm(x, weight, eps),
               lambda dy, x, weight: formulas.rms_norm_backward(dy, x, weight, eps),
               draw_spread(seed, lead, C, scale), draw(seed, (C,)), seed=seed)


@checks(formulas.batch_norm, formulas.batch_norm_backward)
@given(lead=leads, C=channels, scale=scales, eps=epsilons, seed=seeds)
def test_gradients_of_batch_norm(lead, C, scale, eps, seed):
    spread = draw_spread(seed, (C,), math.prod(lead), scale)                # (C, N): the batch is what varies
    check_twin(lambda x, weight, bias: formulas.batch_norm(x, weight, bias, eps),
               lambda dy, x, weight, bias: formulas.batch_norm_backward(dy, x, weight, eps),
               frozen(spread.T.reshape(*lead, C)), *draw(seed, (C,), (C,)), seed=seed)


@checks(formulas.layer_norm)
@given(lead=leads, C=several, scale=scales, eps=epsilons, seed=seeds)
def test_layer_norm_gives_every_vector_mean_zero_and_variance_one_but_for_eps(lead, C, scale, eps, seed):
    x = draw(seed, (*lead, C), scale=scale)
    n = formulas.layer_norm(x, np.ones(C), np.zeros(C), eps)
    np.testing.assert_allclose(n.mean(axis=-1), 0, atol=1e-12)
    np.testing.assert_allclose(n.var(axis=-1), x.var(axis=-1) / (x.var(axis=-1) + eps), rtol=1e-9, atol=1e-12)


@checks(formulas.rms_norm)
@given(lead=leads, C=channels, scale=scales, eps=epsilons, seed=seeds)
def test_rms_norm_gives_every_vector_mean_square_one_but_for_eps(lead, C, scale, eps, seed):
    x = draw(seed, (*lead, C), scale=scale)
    n, square = formulas.rms_norm(x, np.ones(C), eps), (x * x).mean(axis=-1)
    np.testing.assert_allclose((n * n).mean(axis=-1), square / (square + eps), rtol=1e-12)


@checks(formulas.layer_norm)
@given(C=several, shift=st.floats(-100, 100), factor=st.floats(0.1, 10), seed=seeds)
def test_layer_norm_is_unchanged_by_shift_and_scale(C, shift, factor, seed):
    x, weight, bias = draw(seed, (3, C), (C,), (C,))
    moved = formulas.layer_norm(factor * x + shift, weight, bias, factor * factor * 1e-3)
    np.testing.assert_allclose(moved, formulas.layer_norm(x, weight, bias, 1e-3), rtol=1e-9, atol=1e-9)


@checks(formulas.rms_norm)
@given(C=several, factor=st.floats(0.1, 10), seed=seeds)
def test_rms_norm_is_unchanged_by_scale_but_not_by_shift(C, factor, seed):
    x, weight = draw(seed, (3, C), (C,))
    y = formulas.rms_norm(x, weight, 1e-3)
    np.testing.assert_allclose(formulas.rms_norm(factor * x, weight, factor * factor * 1e-3), y, rtol=1e-12)
    assert not np.allclose(formulas.rms_norm(x + 100, weight, 1e-3), y)


@checks(formulas.layer_norm, formulas.rms_norm)
@given(C=several, seed=seeds)
def test_layer_norm_is_rms_norm_of_the_deviations(C, seed):
    x, weight, bias = draw(seed, (3, C), (C,), (C,))
    deviations = x - x.mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(formulas.layer_norm(x, weight, bias, 1e-5),
                               formulas.rms_norm(deviations, weight, 1e-5) + bias, rtol=1e-12, atol=1e-13)


@checks(formulas.batch_norm, formulas.layer_norm)
@given(N=several, C=several, seed=seeds)
def test_batch_norm_is_layer_norm_of_the_transpose(N, C, seed):
    x = draw(seed, (N, C))
    y, mean, variance = formulas.batch_norm(x, np.ones(C), np.zeros(C), 1e-5)
    np.testing.assert_allclose(y.T, formulas.layer_norm(x.T, np.ones(N), np.zeros(N), 1e-5), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(variance, x.var(axis=0), rtol=1e-12)


@checks(formulas.layer_norm_backward)
@given(lead=leads, C=channels, scale=scales, eps=epsilons, seed=seeds)
def test_layer_norm_backward_is_orthogonal_to_ones(lead, C, scale, eps, seed):
    dy, x, weight = draw(seed, (*lead, C), (*lead, C), (C,), scale=scale)
    dx, _, _ = formulas.layer_norm_backward(dy, x, weight, eps)
    np.testing.assert_allclose(dx.sum(axis=-1), 0, atol=1e-12 * scale * scale / np.sqrt(eps))


@checks(formulas.layer_norm_backward, formulas.rms_norm_backward)
@given(C=st.integers(3, 6), seed=seeds)
def test_gradients_are_orthogonal_to_the_input_whose_length_the_norm_cannot_see(C, seed):
    dy, x, weight = draw(seed, (4, C), (4, C), (C,))
    for backward in (formulas.layer_norm_backward, formulas.rms_norm_backward):
        dx = backward(dy, x, weight, 1e-30)[0]
        np.testing.assert_allclose((dx * x).sum(axis=-1), 0, atol=1e-10 * (1 + np.abs(dx).max()))


@checks(formulas.batch_norm_backward)
@given(lead=leads, C=channels, eps=epsilons, seed=seeds)
def test_batch_norm_backward_sums_to_zero_over_the_batch(lead, C, eps, seed):
    dy, x, weight = draw(seed, (*lead, 2, C), (*lead, 2, C), (C,))
    dx, _, _ = formulas.batch_norm_backward(dy, x, weight, eps)
    np.testing.assert_allclose(dx.reshape(-1, C).sum(axis=0), 0, atol=1e-10)


@checks(formulas.layer_norm, formulas.rms_norm, formulas.layer_norm_backward, formulas.rms_norm_backward)
@given(C=several, seed=seeds)
def test_rows_know_nothing_of_each_other(C, seed):
    x, dy, weight, bias = draw(seed, (3, C), (3, C), (C,), (C,))
    for whole, one in [(formulas.layer_norm(x, weight, bias, 1e-5), formulas.layer_norm(x[1], weight, bias, 1e-5)),
                       (formulas.rms_norm(x, weight, 1e-5), formulas.rms_norm(x[1], weight, 1e-5)),
                       (formulas.layer_norm_backward(dy, x, weight, 1e-5)[0],
                        formulas.layer_norm_backward(dy[1], x[1], weight, 1e-5)[0]),
                       (formulas.rms_norm_backward(dy, x, weight, 1e-5)[0],
                        formulas.rms_norm_backward(dy[1], x[1], weight, 1e-5)[0])]:
        np.testing.assert_allclose(whole[1], one, rtol=1e-12, atol=1e-14)


@checks(formulas.layer_norm, formulas.rms_norm, formulas.batch_norm, formulas.layer_norm_backward,
        formulas.rms_norm_backward, formulas.batch_norm_backward)
@pytest.mark.parametrize("value", [0.0, 1e15, -1e15])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_input_has_no_direction_but_is_no_error(value, dtype):
    x, one, zero = np.full((4, 8), value, dtype), np.ones(8, dtype), np.zeros(8, dtype)
    assert not formulas.layer_norm(x, one, zero, 1e-5).any() and not formulas.batch_norm(x, one, zero, 1e-5)[0].any()
    np.testing.assert_allclose(formulas.rms_norm(x, one, 1e-5), np.sign(x), rtol=1e-6)
    for backward in (formulas.layer_norm_backward, formulas.rms_norm_backward, formulas.batch_norm_backward):
        assert all(np.isfinite(gradient).all() for gradient in backward(np.ones_like(x), x, one, 1e-5))


@checks(formulas.layer_norm, formulas.rms_norm, formulas.batch_norm)
def test_a_gain_or_bias_of_another_shape_is_refused_by_its_shape():
    x, right = np.ones((2, 3)), np.ones(3)
    for wrong in (np.ones(1), np.ones(4), np.ones((2, 3)), np.ones(())):
        message = rf"\(C,\).*got {str(wrong.shape).replace('(', '[(]').replace(')', '[)]')} for x"
        for formula, weights in [(formulas.layer_norm, (wrong, right)), (formulas.layer_norm, (right, wrong)),
                                 (formulas.batch_norm, (wrong, right)), (formulas.batch_norm, (right, wrong)),
                                 (formulas.rms_norm, (wrong,))]:
            with pytest.raises(ConfigError, match=message):
                formula(x, *weights, 1e-5)
