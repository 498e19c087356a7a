"""XTC: what it excludes, how often, and when it is off."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import xtc
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import ban, apart, check_rule, situations, softmax

IDS = np.zeros((1, 1), int)


@checks(xtc)
@given(situations(), st.floats(0.02, 0.6))
def test_xtc_drops_all_likely_tokens_but_the_least_likely(situation, threshold):
    def rule(text, row, b):
        p = softmax(row)
        likely = [v for v in sorted(range(len(row)), key=lambda v: (-row[v], v)) if not apart(p[v], threshold)]
        return ban(row, likely[:-1]) if threshold <= 0.5 else row
    check_rule(xtc(1.0, threshold, np.random.default_rng(0)), rule, *situation)


@checks(xtc)
def test_two_halves_are_both_likely_and_above_one_half_it_is_off():
    halves = np.array([[0.0, 0.0, -np.inf]])
    assert xtc(1.0, 0.5, np.random.default_rng(0))(IDS, halves).tolist() == [[-math.inf, 0, -math.inf]]
    assert xtc(1.0, 0.51, np.random.default_rng(0))(IDS, halves) is halves


@checks(xtc)
@given(st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_each_row_and_step_draws_a_number_of_its_own_and_acts_if_it_is_below_the_probability(probability, seed):
    scores, apply = np.zeros((4, 3)), xtc(probability, 0.1, np.random.default_rng(seed))
    acts = np.concatenate([(apply(np.zeros((4, 1), int), scores) == -np.inf).any(axis=1) for _ in range(3)])
    np.testing.assert_array_equal(acts, np.random.default_rng(seed).random(12) < probability)


@checks(xtc)
@pytest.mark.parametrize("settings, says", [
    ((-0.1, 0.1, np.random.default_rng(0)), "xtc_probability"),
    ((1.1, 0.1, np.random.default_rng(0)), "xtc_probability"),
    ((0.5, -1, np.random.default_rng(0)), "xtc_threshold"), ((0.5, 1.5, np.random.default_rng(0)), "xtc_threshold"),
    ((0.5, 0.1, None), "numpy.random.Generator"), ((0.5, 0.1, 3), "numpy.random.Generator")])
def test_xtc_without_chance_or_with_impossible_numbers_is_refused(settings, says):
    with pytest.raises(GenerationError, match=says):
        xtc(*settings)
