"""The global norm, and clipping by it: all gradients are one vector, and only its length may change."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import ConfigError
from scratchgpt.module import Parameter
from scratchgpt.optim import clip_grad_norm, grad_norm
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import draw, seeds

pytestmark = pytest.mark.filterwarnings("error")
shapes = st.lists(st.lists(st.integers(1, 3), max_size=3).map(tuple), min_size=1, max_size=4)


def with_gradients(gradients):
    parameters = []
    for gradient in gradients:
        parameters.append(Parameter(np.zeros(np.shape(gradient))))
        parameters[-1].grad = np.array(gradient)
    return parameters


def draw_gradients(seed, shapes, scale=1.0):
    return [draw([seed, i], shape, scale=scale) for i, shape in enumerate(shapes)]


@checks(grad_norm, clip_grad_norm)
@given(shapes=shapes, scale=st.sampled_from([1e-3, 1.0, 1e3]), max_norm=st.sampled_from([0.01, 1.0, 100.0]), seed=seeds)
def test_clipping_equals_its_definition(shapes, scale, max_norm, seed):
    gradients = draw_gradients(seed, shapes, scale)
    parameters = with_gradients(gradients)
    clipped, norm = oracles.clip(gradients, max_norm)
    assert grad_norm(parameters) == pytest.approx(norm, rel=1e-12)
    returned = clip_grad_norm(parameters, max_norm)
    assert isinstance(returned, float) and returned == pytest.approx(norm, rel=1e-12)
    for p, expected in zip(parameters, clipped):
        np.testing.assert_allclose(p.grad, expected, rtol=1e-11)


@checks(clip_grad_norm)
@given(shapes=shapes, max_norm=st.floats(1e-3, 1e3), seed=seeds)
def test_afterwards_the_norm_is_at_most_max_norm_and_clipping_again_changes_nothing(shapes, max_norm, seed):
    parameters = with_gradients(draw_gradients(seed, shapes))
    before = clip_grad_norm(parameters, max_norm)
    after = grad_norm(parameters)
    assert after <= max_norm * (1 + 1e-14) and (before <= max_norm or after >= max_norm * (1 - 1e-2))
    once = [p.grad.copy() for p in parameters]
    clip_grad_norm(parameters, max_norm)
    for p, expected in zip(parameters, once):
        np.testing.assert_allclose(p.grad, expected, rtol=1e-14)


@checks(clip_grad_norm)
@given(shapes=shapes, seed=seeds)
def test_a_small_gradient_is_left_alone_to_the_bit(shapes, seed):
    gradients = draw_gradients(seed, shapes)
    parameters = with_gradients(gradients)
    clip_grad_norm(parameters, 1e6)
    for p, expected in zip(parameters, gradients):
        np.testing.assert_array_equal(p.grad, expected)


@checks(clip_grad_norm)
@given(shapes=shapes, seed=seeds)
def test_the_direction_of_the_whole_gradient_stays(shapes, seed):
    gradients = draw_gradients(seed, shapes)
    parameters = with_gradients(gradients)
    norm = clip_grad_norm(parameters, 1e-2)
    for p, before in zip(parameters, gradients):
        np.testing.assert_allclose(p.grad * (norm / grad_norm(parameters)), before, rtol=1e-10)


@checks(grad_norm, clip_grad_norm)
def test_3_and_4_make_5_across_parameters_and_missing_gradients_count_as_zeros():
    parameters = [*with_gradients([np.array([[3.0]]), np.array([0.0, -4.0])]), Parameter(np.ones(7))]
    assert grad_norm(parameters) == 5.0
    assert clip_grad_norm(iter(parameters), 1.0) == 5.0                          # a generator is read once
    assert parameters[2].grad is None and abs(grad_norm(parameters) - 1) < 1e-6
    assert grad_norm([]) == 0.0 and clip_grad_norm([Parameter(np.ones(2))], 1.0) == 0.0


@checks(grad_norm, clip_grad_norm)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_gradient_that_is_not_finite_shows_in_the_norm(bad):
    assert not math.isfinite(grad_norm(with_gradients([np.array([1.0, bad])])))
    assert math.isnan(clip_grad_norm(with_gradients([np.array([1.0, math.nan])]), 1.0))


@checks(clip_grad_norm)
def test_float32_gradients_stay_float32_and_the_same_array():
    parameters = with_gradients([np.full(4, 10, np.float32)])
    gradient = parameters[0].grad
    clip_grad_norm(parameters, 1.0)
    assert parameters[0].grad is gradient and gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, 0.5, rtol=1e-6)


@checks(clip_grad_norm)
@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan])
def test_a_norm_that_cannot_be_reached_is_refused(wrong):
    with pytest.raises(ConfigError, match="max_norm must be > 0"):
        clip_grad_norm(with_gradients([np.ones(2)]), wrong)
