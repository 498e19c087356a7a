"""Dropout: which values stay is chance, and chance is an argument; what happens to them is linear."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, frozen, leads, scales, seeds, sizes

pytestmark = pytest.mark.filterwarnings("error")
probabilities = st.sampled_from([0.0, 0.1, 0.5, 0.9])


def draw_mask(seed, shape, p):
    return frozen(formulas.dropout_mask(shape, p, np.random.default_rng([seed, 2]), np.empty(0)))


@checks(formulas.dropout)
@given(lead=leads, C=sizes, p=probabilities, scale=scales, seed=seeds)
def test_dropout_zeroes_what_is_not_kept_and_scales_the_rest(lead, C, p, scale, seed):
    x, keep = draw(seed, (*lead, C), scale=scale), draw_mask(seed, (*lead, C), p)
    assert_close(formulas.dropout(x, keep, p), oracles.dropout(x, keep, p))


@checks(formulas.dropout, formulas.dropout_backward)
@given(lead=leads, C=sizes, p=probabilities, scale=scales, seed=seeds)
def test_gradient_of_dropout(lead, C, p, scale, seed):
    keep = draw_mask(seed, (*lead, C), p)
    check_twin(lambda x: formulas.dropout(x, keep, p), lambda dy, x: formulas.dropout_backward(dy, keep, p),
               draw(seed, (*lead, C), scale=scale), seed=seed)


@checks(formulas.dropout)
@given(p=probabilities, seed=seeds)
def test_dropout_keeps_the_mean(p, seed):
    n = 40_000
    kept = formulas.dropout(np.ones(n), draw_mask(seed, (n,), p), p)
    assert abs(kept.mean() - 1) <= 6 * math.sqrt(p / (1 - p) / n)           # six standard deviations of the mean


@checks(formulas.dropout_mask)
@given(p=probabilities, seed=seeds)
def test_each_value_stays_with_probability_one_minus_p(p, seed):
    n = 40_000
    keep = draw_mask(seed, (n // 4, 4), p)
    assert keep.dtype == bool and keep.shape == (n // 4, 4)
    assert abs(keep.mean() - (1 - p)) <= 6 * math.sqrt(p * (1 - p) / n)


@checks(formulas.dropout_mask, formulas.dropout)
@given(lead=leads, C=sizes, seed=seeds)
def test_without_probability_nothing_is_dropped(lead, C, seed):
    x, keep = draw(seed, (*lead, C)), draw_mask(seed, (*lead, C), 0.0)
    assert keep.all()
    np.testing.assert_array_equal(formulas.dropout(x, keep, 0.0), x)


@checks(formulas.dropout_mask)
@given(lead=leads, p=probabilities, seed=seeds)
def test_the_same_generator_draws_the_same_mask_and_then_another(lead, p, seed):
    one, other = np.random.default_rng(seed), np.random.default_rng(seed)
    shape = (*lead, 64)
    first, again = (formulas.dropout_mask(shape, p, rng, np.empty(0)) for rng in (one, other))
    np.testing.assert_array_equal(first, again)
    assert p == 0 or (formulas.dropout_mask(shape, p, one, np.empty(0)) != first).any()
