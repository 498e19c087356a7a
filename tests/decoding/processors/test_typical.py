"""Typical sampling and the cuts at a probability, token by token."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import epsilon_cutoff, eta_cutoff, typical_p
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import APART, apart, check_rule, situations, softmax, surprise_of

IDS = np.zeros((1, 1), int)


@checks(typical_p)
@given(situations(), st.floats(0.01, 0.99))
def test_typical_p_keeps_those_of_the_expected_surprise_through_the_one_that_reaches_the_mass(situation, mass):
    def distances(row):
        p, H = softmax(row), surprise_of(row)
        return p, [abs(-math.log(q) - H) if q else math.inf for q in p]

    def rule(text, row, b):
        (p, d), total, line = distances(row), 0.0, math.inf
        for v in sorted(range(len(row)), key=lambda v: d[v]):
            total += p[v]
            if not apart(total, mass):
                line = d[v] + APART / 2                          # all that tie with it stay
                break
        return [s if distance <= line else -math.inf for s, distance in zip(row, d)]
    ids, scores = situation
    for row in scores:                                           # equally far are only the equally likely
        pairs = [(q, distance) for q, distance in zip(*distances([float(s) for s in row])) if q]
        assume(all(abs(a - b) > APART or q == r for q, a in pairs for r, b in pairs))
    check_rule(typical_p(mass), rule, ids, scores)


@checks(typical_p)
@given(situations())
def test_a_mass_of_one_changes_nothing(situation):
    assert typical_p(1.0)(*situation) is situation[1]


@checks(typical_p)
def test_the_likeliest_token_goes_where_it_says_less_than_is_expected():
    scores = np.log([[0.4, *[0.06] * 10]])                       # H is 2.05 nats: 0.92 of the first are far from it
    assert np.flatnonzero(typical_p(0.3)(IDS, scores)[0] > -np.inf).tolist() == list(range(1, 11))


@checks(typical_p)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
def test_typical_p_of_many_tokens_is_the_textbook_sort(seed, mass):
    scores = np.random.default_rng(seed).normal(size=(2, 1000)) * 2
    for row, found in zip(scores, typical_p(mass)(IDS, scores)):
        p = np.exp(row) / np.exp(row).sum()
        order = np.argsort(np.abs(-np.log(p) + (p * np.log(p)).sum()))
        count = int((np.cumsum(p[order]) < mass).sum()) + 1
        assert set(np.flatnonzero(found > -np.inf)) == set(order[:count].tolist())


@checks(epsilon_cutoff)
@given(situations(), st.floats(0.001, 0.9))
def test_epsilon_drops_what_is_less_likely_but_never_the_likeliest(situation, epsilon):
    def rule(text, row, b):
        return [-math.inf if apart(p, epsilon) and s < max(row) else s for p, s in zip(softmax(row), row)]
    check_rule(epsilon_cutoff(epsilon), rule, *situation)


@checks(eta_cutoff)
@given(situations(), st.floats(0.001, 0.9))
def test_eta_asks_for_less_where_the_entropy_is_high(situation, epsilon):
    def rule(text, row, b):
        eta = min(epsilon, math.sqrt(epsilon) * math.exp(-surprise_of(row)))
        return [-math.inf if apart(p, eta) and s < max(row) else s for p, s in zip(softmax(row), row)]
    check_rule(eta_cutoff(epsilon), rule, *situation)


@checks(epsilon_cutoff)
def test_a_token_of_exactly_epsilon_stays_and_so_do_all_the_likeliest():
    quarters = np.array([[0.0, 0, 0, 0, -np.inf]])
    np.testing.assert_array_equal(epsilon_cutoff(0.25)(IDS, quarters), quarters)
    np.testing.assert_array_equal(epsilon_cutoff(0.9)(IDS, quarters), quarters)


@checks(typical_p, epsilon_cutoff, eta_cutoff)
@pytest.mark.parametrize("make, name, values", [
    (typical_p, "typical_p", (0, -0.5, 1.5, math.nan, None)), (epsilon_cutoff, "epsilon_cutoff", (0, 1, -1, math.nan)),
    (eta_cutoff, "eta_cutoff", (0, 1, 2, math.nan, "x"))])
def test_a_probability_that_cannot_be_is_refused(make, name, values):
    for value in values:
        with pytest.raises(GenerationError, match=f"{name} must be a number in"):
            make(value)
