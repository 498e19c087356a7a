"""Continuations: the best of all, and draws without replacement whose probability is exact."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding.strategies.beams import best, drawn
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.enumerate import distribution

SCORES = st.lists(st.sampled_from([-math.inf, -3.0, -1.0, -0.5, 0.0, 2.0]), min_size=1, max_size=12)


@checks(best)
@given(SCORES, st.integers(1, 14))
def test_the_best_are_those_that_sorting_all_would_give(scores, count):
    expected = [i for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)) if scores[i] > -math.inf]
    assert best(np.array(scores), count).tolist() == expected[:count]


@checks(drawn)
@given(st.lists(st.one_of(st.just(-math.inf), st.floats(-3, 3)), min_size=1, max_size=5), st.integers(1, 4))
@settings(max_examples=20)
def test_places_are_drawn_in_every_order_with_the_probability_of_that_order(scores, count):
    weights, expected = {i: math.exp(s) for i, s in enumerate(scores) if s > -math.inf}, {}
    for order in itertools.permutations(weights, min(count, len(weights))):
        left = [sum(weights.values()) - sum(weights[k] for k in order[:i]) for i in range(len(order))]
        expected[order] = math.prod(weights[place] / whole for place, whole in zip(order, left))
    found = distribution(lambda rng: tuple(drawn(np.array(scores), count, rng).tolist()))
    assert found == pytest.approx(expected, rel=1e-10)


@checks(best, drawn)
@given(SCORES, st.integers(0, 11))
def test_nan_is_refused(scores, place):
    scores[place % len(scores)] = math.nan
    for choose in (lambda s: best(s, 2), lambda s: drawn(s, 2, np.random.default_rng(0))):
        with pytest.raises(GenerationError, match="NaN"):
            choose(np.array(scores))


@checks(drawn)
def test_scores_that_lie_far_apart_can_all_be_drawn():
    scores = np.array([0.0, -2e4, -1e4, -np.inf])
    assert drawn(scores, 4, np.random.default_rng(0)).tolist() == [0, 2, 1]
