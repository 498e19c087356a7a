"""The nonlinearities: what they are, what their slopes are, and how they end at both ends of the line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, frozen, leads, scales, seeds, sizes

pytestmark = pytest.mark.filterwarnings("error")

TWINS = {formulas.gelu: formulas.gelu_backward, formulas.gelu_tanh: formulas.gelu_tanh_backward,
         formulas.silu: formulas.silu_backward}
numbers = st.floats(-40, 40)


def after_its_output(dy, x):
    return formulas.sigmoid_backward(dy, frozen(formulas.sigmoid(x)))


@checks(formulas.relu, formulas.gelu, formulas.gelu_tanh, formulas.silu, formulas.sigmoid)
@pytest.mark.parametrize("name", ["relu", "gelu", "gelu_tanh", "silu", "sigmoid"])
@given(lead=leads, C=sizes, scale=scales, seed=seeds)
def test_activations_equal_their_definitions(name, lead, C, scale, seed):
    x = draw(seed, (*lead, C), scale=scale)
    assert_close(getattr(formulas, name)(x), getattr(oracles, name)(x))


@checks(formulas.gelu, formulas.gelu_backward, formulas.gelu_tanh, formulas.gelu_tanh_backward, formulas.silu,
        formulas.silu_backward)
@pytest.mark.parametrize("formula", TWINS, ids=lambda f: f.__name__)
@given(lead=leads, C=sizes, scale=scales, seed=seeds)
def test_slopes_of_the_smooth_activations(formula, lead, C, scale, seed):
    check_twin(formula, TWINS[formula], draw(seed, (*lead, C), scale=scale), seed=seed)


@checks(formulas.sigmoid, formulas.sigmoid_backward)
@given(lead=leads, C=sizes, scale=scales, seed=seeds)
def test_the_slope_of_the_sigmoid_follows_from_its_output(lead, C, scale, seed):
    check_twin(formulas.sigmoid, after_its_output, draw(seed, (*lead, C), scale=scale), seed=seed)


@checks(formulas.relu, formulas.relu_backward)
@given(lead=leads, C=sizes, scale=scales, seed=seeds)
def test_the_slope_of_relu_on_both_sides_of_its_corner(lead, C, scale, seed):
    x = draw(seed, (*lead, C), scale=scale)
    check_twin(formulas.relu, formulas.relu_backward, frozen(x + 1e-3 * np.sign(x)), seed=seed)


@checks(formulas.swiglu)
@given(lead=leads, C=sizes, scale=scales, seed=seeds)
def test_the_gated_value_equals_its_definition(lead, C, scale, seed):
    g, u = draw(seed, (*lead, C), (*lead, C), scale=scale)
    y = formulas.swiglu(g, u)
    assert_close(y, oracles.swiglu(g, u))
    np.testing.assert_allclose(y, formulas.silu(g) * u, rtol=1e-13, atol=1e-15)
    out = np.empty_like(g)
    assert formulas.swiglu(g, u, out=out) is out
    np.testing.assert_array_equal(out, y)


@checks(formulas.swiglu, formulas.swiglu_backward)
@given(lead=leads, C=sizes, scale=scales, seed=seeds)
def test_slopes_of_gate_and_value(lead, C, scale, seed):
    check_twin(formulas.swiglu, formulas.swiglu_backward, *draw(seed, (*lead, C), (*lead, C), scale=scale), seed=seed)


@checks(formulas.swiglu, formulas.swiglu_backward)
@pytest.mark.parametrize("dtype, far", [(np.float32, 1e12), (np.float64, 1e100)])
def test_a_gate_far_out_lets_everything_or_nothing_through(dtype, far):
    g, u = np.array([far, -far, 0], dtype), np.array([2, 3, 4], dtype)
    np.testing.assert_array_equal(formulas.swiglu(g, u), np.array([2 * far, 0, 0], dtype))
    dg, du = formulas.swiglu_backward(np.ones(3, dtype), g, u)
    np.testing.assert_array_equal(dg, np.array([2, 0, 2], dtype))
    np.testing.assert_array_equal(du, np.array([far, 0, 0], dtype))


@checks(formulas.relu_backward)
def test_relu_has_slope_zero_at_zero():
    slopes = formulas.relu_backward(np.ones(4), np.array([-1e-300, -0.0, 0.0, 1e-300]))
    np.testing.assert_array_equal(slopes, [0, 0, 0, 1])


@checks(formulas.gelu, formulas.gelu_tanh, formulas.silu)
@pytest.mark.parametrize("gate", [formulas.gelu, formulas.gelu_tanh, formulas.silu], ids=lambda f: f.__name__)
@given(numbers)
def test_a_gate_and_its_mirror_image_differ_by_x(gate, x):
    x = np.array([x])
    np.testing.assert_allclose(gate(x) - gate(-x), x, rtol=1e-14, atol=1e-300)


@checks(formulas.gelu, formulas.gelu_tanh)
def test_the_tanh_formula_is_within_5e_4_of_gelu_and_no_closer_than_4e_4():
    x = np.linspace(-10, 10, 10_001)
    assert 4e-4 < np.abs(formulas.gelu_tanh(x) - formulas.gelu(x)).max() < 5e-4


@checks(formulas.sigmoid)
@given(numbers)
def test_sigmoids_of_x_and_minus_x_sum_to_one(x):
    x = np.array([x])
    np.testing.assert_allclose(formulas.sigmoid(x) + formulas.sigmoid(-x), 1, rtol=1e-15)


@checks(formulas.relu, formulas.gelu, formulas.gelu_tanh, formulas.silu)
@pytest.mark.parametrize("name", ["relu", "gelu", "gelu_tanh", "silu"])
@pytest.mark.parametrize("dtype, far", [(np.float32, 1e12), (np.float64, 1e100)])
def test_far_out_every_gate_is_open_or_shut(name, dtype, far):
    x = np.array([far, -far, 0.0], dtype)
    np.testing.assert_array_equal(getattr(formulas, name)(x), np.array([far, 0, 0], dtype))
    slopes = getattr(formulas, f"{name}_backward")(np.ones(3, dtype), x)
    np.testing.assert_array_equal(slopes[:2], [1, 0])


@checks(formulas.sigmoid, formulas.sigmoid_backward)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_sigmoid_does_not_overflow(dtype):
    y = formulas.sigmoid(np.array([-np.inf, np.finfo(dtype).min, -1e4, 0, 1e4, np.finfo(dtype).max, np.inf], dtype))
    np.testing.assert_array_equal(y, np.array([0, 0, 0, 0.5, 1, 1, 1], dtype))
    np.testing.assert_array_equal(formulas.sigmoid_backward(np.ones(7, dtype), y), [0, 0, 0, 0.25, 0, 0, 0])
