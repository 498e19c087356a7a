"""Softmax and its logarithm: the definition, the gradient, and the three things that are true of all probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, frozen, leads, scales, seeds, sizes

pytestmark = pytest.mark.filterwarnings("error")
both = pytest.mark.parametrize("formula", [formulas.softmax, formulas.log_softmax], ids=lambda f: f.__name__)


@checks(formulas.softmax, formulas.log_softmax)
@given(lead=leads, V=sizes, scale=scales, seed=seeds)
def test_softmax_and_its_logarithm_equal_their_definitions(lead, V, scale, seed):
    s = draw(seed, (*lead, V), scale=scale)
    assert_close(formulas.softmax(s), oracles.softmax(s))
    assert_close(formulas.log_softmax(s), oracles.log_softmax(s))


@checks(formulas.softmax, formulas.softmax_backward)
@given(lead=leads, V=sizes, scale=scales, seed=seeds)
def test_gradient_of_softmax_from_its_output_alone(lead, V, scale, seed):
    check_twin(formulas.softmax, lambda dp, s: formulas.softmax_backward(dp, frozen(formulas.softmax(s))),
               draw(seed, (*lead, V), scale=scale), seed=seed)


@checks(formulas.log_softmax, formulas.log_softmax_backward)
@given(lead=leads, V=sizes, scale=scales, seed=seeds)
def test_gradient_of_log_softmax_from_its_output_alone(lead, V, scale, seed):
    check_twin(formulas.log_softmax, lambda dl, s: formulas.log_softmax_backward(dl, frozen(formulas.log_softmax(s))),
               draw(seed, (*lead, V), scale=scale), seed=seed)


@checks(formulas.softmax, formulas.log_softmax)
@both
@given(V=sizes, constant=st.integers(-1_000, 1_000), seed=seeds)
def test_softmax_is_unchanged_by_a_constant(formula, V, constant, seed):
    s = np.round(draw(seed, (2, V), scale=10.0))
    np.testing.assert_array_equal(formula(s + constant), formula(s))


@checks(formulas.softmax)
@given(lead=leads, V=sizes, scale=scales, seed=seeds)
def test_probabilities_are_positive_and_sum_to_one(lead, V, scale, seed):
    p = formulas.softmax(draw(seed, (*lead, V), scale=scale))
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-14)


@checks(formulas.softmax, formulas.log_softmax)
@both
@given(V=sizes, seed=seeds)
def test_softmax_does_not_care_for_the_order_of_scores(formula, V, seed):
    s, order = draw(seed, (2, V)), np.random.default_rng(seed).permutation(V)
    np.testing.assert_allclose(formula(s[:, order]), formula(s)[:, order], rtol=1e-14)


@checks(formulas.softmax_backward, formulas.log_softmax_backward)
@given(lead=leads, V=sizes, scale=scales, seed=seeds)
def test_gradients_sum_to_zero_because_a_constant_changes_nothing(lead, V, scale, seed):
    s, d = draw(seed, (*lead, V), (*lead, V), scale=scale)
    for formula, backward in ((formulas.softmax, formulas.softmax_backward),
                              (formulas.log_softmax, formulas.log_softmax_backward)):
        ds = backward(d, formula(s))
        np.testing.assert_allclose(ds.sum(axis=-1), 0, atol=1e-13 * V * scale)


@checks(formulas.softmax, formulas.softmax_backward)
@given(V=sizes, masked=sizes, seed=seeds)
def test_a_score_of_minus_infinity_is_as_if_it_were_not_there(V, masked, seed):
    s, dp = draw(seed, (3, V), (3, V + masked))
    p = formulas.softmax(np.concatenate([s, np.full((3, masked), -np.inf)], axis=-1))
    np.testing.assert_allclose(p[:, :V], formulas.softmax(s), rtol=1e-15)
    assert not p[:, V:].any() and not formulas.softmax_backward(dp, p)[:, V:].any()


@checks(formulas.softmax, formulas.softmax_backward)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_row_of_minus_infinities_gives_zeros_and_leaves_the_others_alone(dtype):
    s = np.array([[-np.inf, -np.inf], [0.0, 0.0], [-np.inf, 7.0]], dtype)
    p = formulas.softmax(s)
    np.testing.assert_array_equal(p, np.array([[0, 0], [0.5, 0.5], [0, 1]], dtype))
    assert not formulas.softmax_backward(np.ones((3, 2), dtype), p)[0].any()


@checks(formulas.softmax, formulas.log_softmax)
@pytest.mark.parametrize("dtype, far", [(np.float32, 1e38), (np.float64, 1e307)])
def test_the_largest_scores_neither_overflow_nor_become_nan(dtype, far):
    s = np.array([[far, -far, 0], [far, far, far], [-far, -far, -far]], dtype)
    np.testing.assert_allclose(formulas.softmax(s), np.array([[1, 0, 0], [1 / 3] * 3, [1 / 3] * 3]), rtol=1e-6)
    l = formulas.log_softmax(s)
    assert np.isfinite(l).all() and (l[0] == np.array([0, -2 * far, -far], dtype)).all()


@checks(formulas.log_softmax)
def test_log_softmax_is_exact_where_the_probability_is_zero():
    s = np.array([0.0, -1000.0, -10_000.0])
    np.testing.assert_array_equal(formulas.log_softmax(s), s)
    np.testing.assert_array_equal(formulas.softmax(s), [1, 0, 0])
