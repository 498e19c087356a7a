"""The error function: to the last bit but one, from the smallest number to infinity."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt import formulas
from tests.checks import checks
from tests.formulas.twins import check_twin, draw, leads, scales, seeds, sizes

pytestmark = pytest.mark.filterwarnings("error")
numbers = st.floats(-40, 40)


@checks(formulas.erf, formulas.erf_backward)
@given(lead=leads, C=sizes, scale=scales, seed=seeds)
def test_the_slope_of_erf_is_its_integrand(lead, C, scale, seed):
    check_twin(formulas.erf, formulas.erf_backward, draw(seed, (*lead, C), scale=scale), seed=seed)


@checks(formulas.erf)
@given(numbers)
@example(0.9079)
@example(1.0)
@example(math.nextafter(1.0, 0))
@example(5e-324)
def test_erf_is_within_3e_16(x):
    ours = formulas.erf(np.array(x))
    assert abs(ours - math.erf(x)) <= 3e-16
    assert abs(ours - math.erf(x)) <= (3e-16 + 1.5e-16) * abs(math.erf(x))      # math.erf is off by 1.5e-16 itself


@checks(formulas.erf)
def test_erf_is_within_3e_16_on_a_fine_grid():
    x = np.concatenate([np.linspace(-7, 7, 20_001), np.linspace(0.98, 1.02, 4_001)])
    exact = np.array([math.erf(number) for number in x])
    assert (np.abs(formulas.erf(x) - exact) <= 4.5e-16 * np.abs(exact)).all()
    assert np.abs(formulas.erf(x) - exact).max() <= 3e-16


@checks(formulas.erf)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_erf_reaches_one_and_keeps_it_to_infinity(dtype):
    largest = np.finfo(dtype).max
    x = np.array([6, 27, 28, 1e20, largest, np.inf], dtype)
    np.testing.assert_array_equal(formulas.erf(x), np.ones(6, dtype))
    np.testing.assert_array_equal(formulas.erf(-x), -np.ones(6, dtype))
    assert np.isnan(formulas.erf(np.array([np.nan], dtype))).all()


@checks(formulas.erf)
@given(numbers)
def test_erf_is_odd_and_keeps_the_sign_of_zero(x):
    x = np.array(x)
    assert formulas.erf(-x) == -formulas.erf(x)
    assert np.signbit(formulas.erf(np.array(-0.0))) and not np.signbit(formulas.erf(np.array(0.0)))
