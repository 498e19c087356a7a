"""Temperature, fixed and dynamic, number by number."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import dynamic_temperature, temperature
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import check_rule, situations, surprise_of

LOWEST = np.finfo(np.float32).min


@checks(temperature)
@given(situations(), st.floats(1e-3, 1e3))
def test_temperature_divides_the_scores(situation, T):
    check_rule(temperature(T), lambda text, row, b: [s / T for s in row], *situation)


@checks(dynamic_temperature)
@given(situations(), st.floats(0.1, 2), st.floats(0, 2.5), st.floats(0.25, 4))
def test_dynamic_temperature_goes_from_the_coldest_to_the_hottest_as_the_entropy_goes_to_its_most(situation, T, r, e):
    def rule(text, row, b):
        n = sum(s > -math.inf for s in row)
        unsure = max(surprise_of(row) / math.log(n), 0) if n > 1 else 0
        low, high = max(T - r, 1e-6), T + r
        return [s / (low + (high - low) * unsure ** e) for s in row]
    ids, scores = situation
    check_rule(dynamic_temperature(T, r, e), rule, ids, scores.astype(np.float64))


@checks(dynamic_temperature)
@given(situations(), st.floats(0.5, 2))
def test_the_ends_of_dynamic_temperature(situation, T):
    ids, scores = situation
    np.testing.assert_allclose(dynamic_temperature(T, 0)(ids, scores), temperature(T)(ids, scores), rtol=1e-6)
    flat = np.full_like(scores, 3.0)                                              # as unsure as can be
    np.testing.assert_allclose(dynamic_temperature(T, 0.25)(ids, flat), flat / (T + 0.25), rtol=1e-6)
    sure = np.where(np.arange(7) == 2, 3.0, -np.inf).astype(scores.dtype)[None]   # one token
    np.testing.assert_allclose(dynamic_temperature(T, 0.25)(ids, sure), sure / (T - 0.25), rtol=1e-6)


@checks(temperature, dynamic_temperature)
def test_the_lowest_number_may_become_impossible_without_a_warning():
    scores = np.array([[LOWEST, 0]], np.float32)
    for cool in (temperature(0.5), dynamic_temperature(0.5, 0.1)):
        assert cool(np.zeros((1, 1), int), scores).tolist() == [[-math.inf, 0]]


@checks(temperature, dynamic_temperature)
@pytest.mark.parametrize("value", [0, 0.0, -1, math.inf, math.nan, 1e-320, 1e-30, 1e300, None, "1", True])
def test_a_temperature_that_cannot_be_is_refused_and_greedy_is_named(value):
    for make in (temperature, lambda T: dynamic_temperature(T, 0.5)):
        with pytest.raises(GenerationError, match="temperature must be a finite number > 0.*use greedy decoding"):
            make(value)


@checks(dynamic_temperature)
@pytest.mark.parametrize("settings, says", [((1, -0.1), "dynatemp_range"), ((1, math.nan), "dynatemp_range"),
                                            ((1, 1, 0), "dynatemp_exponent"), ((1, 1, None), "dynatemp_exponent")])
def test_a_range_or_an_exponent_that_cannot_be_is_refused(settings, says):
    with pytest.raises(GenerationError, match=f"{says} must be a number in"):
        dynamic_temperature(*settings)
