"""The filters, against their rules said token by token."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.decoding import temperature, top_k, top_p
from scratchgpt.errors import GenerationError
from tests.checks import checks

# scores of a few different values, so that ties are common; -inf for what an earlier filter dropped
ROWS = st.lists(st.sampled_from([-math.inf, -1.5, 0.0, 0.5, 2.0]), min_size=1, max_size=8).filter(
    lambda row: max(row) > -math.inf)
DISTINCT = st.lists(st.integers(-400, 400), min_size=1, max_size=8, unique=True).map(lambda row: [n / 100 for n in row])
IDS = np.zeros((1, 1), int)


def kept(scores):
    return {v for v, s in enumerate(scores) if s > -math.inf}


@checks(temperature)
@given(ROWS, st.floats(1e-3, 1e3))
def test_temperature_divides_the_scores(row, T):
    np.testing.assert_array_equal(temperature(T)(IDS, np.array([row])), [[s / T for s in row]])


@checks(top_k)
@given(ROWS, st.integers(1, 10))
def test_top_k_keeps_all_that_reach_the_kth_score_ties_among_them(row, k):
    [found] = top_k(k)(IDS, np.array([row])).tolist()
    kth = sorted(row, reverse=True)[min(k, len(row)) - 1]
    assert found == [s if s >= kth else -math.inf for s in row]
    assert len(kept(found)) >= min(k, len(kept(row)))


@checks(top_k)
def test_top_k_of_one_keeps_every_token_of_the_highest_score():
    assert top_k(1)(IDS, np.array([[1.0, 3.0, 3.0, 2.0]])).tolist() == [[-math.inf, 3, 3, -math.inf]]


def nucleus(row, p):
    """The tokens that stay: from the least likely up, drop while the cumulated probability is <= 1 - p."""
    z = math.fsum(math.exp(s) for s in row)
    ascending, total, stay = sorted(range(len(row)), key=lambda v: row[v]), 0.0, set(range(len(row)))
    for v in ascending[:-1]:
        total += math.exp(row[v]) / z
        if total <= 1 - p:
            stay.remove(v)
    return stay


@checks(top_p)
@given(DISTINCT, st.floats(1e-6, 1))
@example([3.0, 2.0, 1.0], 1e-9)
def test_top_p_keeps_the_smallest_set_that_reaches_p(row, p):
    found = top_p(p)(IDS, np.array([row]))[0]
    assert kept(found) == nucleus(row, p)
    assert all(found[v] == row[v] for v in kept(found))
    probabilities = np.exp(row) / np.exp(row).sum()
    stay = sorted(kept(found), key=lambda v: row[v])
    assert probabilities[stay].sum() > p - 1e-9                              # the set reaches p,
    assert probabilities[stay[1:]].sum() < p + 1e-9                          # and without its least it does not


@checks(top_p)
@pytest.mark.parametrize("p, count", [(0.25, 1), (0.26, 2), (0.5, 2), (0.51, 3), (0.75, 3), (0.76, 4), (1.0, 4)])
def test_the_token_that_crosses_the_line_stays_and_one_that_ends_on_it_is_the_last(p, count):
    assert len(kept(top_p(p)(IDS, np.zeros((1, 4)))[0])) == count            # four tokens of exactly 1/4


@checks(top_p, top_k)
@given(ROWS)
def test_p_of_one_and_k_of_all_change_nothing(row):
    scores = np.array([row])
    assert top_p(1.0)(IDS, scores) is scores and top_k(len(row))(IDS, scores) is scores


@checks(temperature, top_k, top_p)
@given(st.sampled_from([temperature(0.7), top_k(3), top_p(0.6)]), st.sampled_from([np.float32, np.float64]),
       st.integers(0, 2**32 - 1))
def test_filters_take_each_row_by_itself_keep_the_dtype_and_leave_the_scores_alone(keep, dtype, seed):
    scores = np.random.default_rng(seed).normal(size=(3, 6)).astype(dtype)
    scores.flags.writeable = False
    found = keep(np.zeros((3, 2), int), scores)
    assert found.dtype == dtype
    for row, alone in zip(scores, found):
        np.testing.assert_array_equal(keep(IDS, row[None])[0], alone)


@checks(top_k, top_p)
@given(st.permutations(range(6)), st.sampled_from([top_k(2), top_k(4), top_p(0.3), top_p(0.9)]))
def test_what_stays_does_not_depend_on_the_order_of_the_vocabulary(order, keep):
    scores = np.array([[0.1, 0.9, -1.0, 2.0, 1.3, 0.4]])
    np.testing.assert_array_equal(keep(IDS, scores[:, order]), keep(IDS, scores)[:, order])


@checks(top_p)
@given(DISTINCT, st.integers(1, 8), st.floats(0.1, 0.9))
def test_what_one_filter_dropped_stays_dropped(row, k, p):
    once = top_k(k)(IDS, np.array([row]))
    assert kept(top_p(p)(IDS, once)[0]) <= kept(once[0])
    assert kept(top_k(k)(IDS, top_p(p)(IDS, np.array([row])))[0]) <= set(range(len(row)))


@checks(temperature, top_k, top_p)
@pytest.mark.parametrize("make, value, says", [
    *((temperature, value, "temperature must be a finite number > 0")
      for value in (0, 0.0, -1, math.inf, math.nan, 1e-320, 1e-30, 1e300)),
    *((top_k, value, "top_k must be an integer >= 1") for value in (0, -1, 2.0, None, "3")),
    *((top_p, value, r"top_p must be in \(0, 1\]") for value in (0, 0.0, -0.1, 1.1, math.nan)),
])
def test_a_filter_that_cannot_be_is_refused_when_it_is_made(make, value, says):
    with pytest.raises(GenerationError, match=says):
        make(value)


@checks(temperature)
def test_temperature_zero_says_what_to_use_instead():
    with pytest.raises(GenerationError, match="greedy"):
        temperature(0)
