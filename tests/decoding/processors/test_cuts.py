"""The cuts by rank, mass and distance, token by token as their rules are said."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import min_p, top_h, top_k, top_n_sigma, top_p
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import APART, apart, check_rule, keep, ranked, situations, softmax, surprise_of

IDS = np.zeros((1, 1), int)


def kept(scores):
    return {v for v, s in enumerate(scores) if s > -math.inf}


@checks(top_k)
@given(situations(), st.integers(1, 9))
def test_top_k_keeps_all_that_reach_the_kth_score_ties_among_them(situation, k):
    def rule(text, row, b):
        kth = sorted(row, reverse=True)[min(k, len(row)) - 1]
        return [s if s >= kth else -math.inf for s in row]
    check_rule(top_k(k), rule, *situation)


@checks(top_k)
def test_top_k_of_one_keeps_every_token_of_the_highest_score():
    assert top_k(1)(IDS, np.array([[1.0, 3.0, 3.0, 2.0]])).tolist() == [[-math.inf, 3, 3, -math.inf]]


@checks(top_p)
@given(situations(), st.floats(1e-3, 1, exclude_max=True))
def test_top_p_drops_from_below_while_the_cumulated_probability_is_within_one_minus_p(situation, p):
    def rule(text, row, b):
        probabilities, total, stay = softmax(row), 0.0, set(range(len(row)))
        for v in ranked(row)[:0:-1]:                                              # all but the best, from the worst
            total += probabilities[v]
            if not apart(1 - p, total):
                stay.remove(v)
        return keep(row, stay)
    check_rule(top_p(p), rule, *situation)


@checks(top_p)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("p, count", [(1e-9, 1), (0.25, 1), (0.26, 2), (0.5, 2), (0.51, 3), (0.75, 3), (0.76, 4),
                                      (1.0, 4)])
def test_the_token_that_crosses_the_line_stays_and_of_equal_ones_the_larger_ids_do(p, count, dtype):
    quarters = np.array([[-np.inf, 0, 0, -np.inf, 0, 0]], dtype)                  # four tokens of exactly 1/4
    assert kept(top_p(p)(IDS, quarters)[0]) == set([5, 4, 2, 1][:count])


@checks(top_p)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.999), st.sampled_from([0.1, 1.0, 3.0, 30.0, 3e4]))
@example(0, 0.999, 0.1)
def test_top_p_of_many_tokens_is_the_textbook_sort(seed, p, scale):
    scores = (np.random.default_rng(seed).normal(size=(2, 2000)) * scale)
    for row, found in zip(scores, top_p(p)(IDS, scores)):
        order = np.argsort(row, kind="stable")
        e = np.exp(row[order] - row.max())
        dropped = np.cumsum(e / e.sum()) <= 1 - p
        assert dropped.sum() - len(row) + len(kept(found)) in (0, 1)              # one that rounding may decide
        assert kept(found) == set(order[len(row) - len(kept(found)):].tolist())


@checks(top_p, top_k, min_p)
@given(situations())
def test_p_of_one_k_of_all_and_a_share_of_none_change_nothing(situation):
    ids, scores = situation
    assert top_p(1.0)(ids, scores) is scores and top_k(scores.shape[1])(ids, scores) is scores
    np.testing.assert_array_equal(min_p(0)(ids, scores), scores)


@checks(min_p)
@given(situations(), st.floats(0.001, 0.999))
def test_min_p_keeps_what_is_at_least_a_share_as_likely_as_the_likeliest(situation, share):
    def rule(text, row, b):
        p = softmax(row)
        return [-math.inf if apart(p[v], share * max(p)) else s for v, s in enumerate(row)]
    check_rule(min_p(share), rule, *situation)


@checks(min_p)
def test_a_share_of_one_keeps_the_likeliest_and_all_its_equals():
    assert min_p(1)(IDS, np.array([[2.0, 1.0, 2.0, -1.0]])).tolist() == [[2, -math.inf, 2, -math.inf]]


@checks(top_h)
@given(situations(), st.floats(0.01, 0.99))
def test_top_h_keeps_the_best_tokens_that_hold_a_share_of_the_entropy(situation, h):
    def rule(text, row, b):
        p, total, stay = softmax(row), 0.0, []
        for v in ranked(row):
            total -= p[v] * math.log(p[v]) if p[v] else 0.0
            if apart(h * surprise_of(row), total):
                break
            stay.append(v)
        return keep(row, stay or ranked(row)[:1])
    ids, scores = situation
    if all(surprise_of([float(s) for s in row]) > APART for row in scores):
        check_rule(top_h(h), rule, ids, scores)


@checks(top_h)
def test_top_h_looks_at_a_hundred_tokens_and_keeps_all_of_them_for_the_whole_entropy():
    scores = np.arange(150.0)[None] / 100
    assert kept(top_h(1.0)(IDS, scores)[0]) == set(range(50, 150))
    p = np.array(softmax(scores[0, :49:-1].tolist()))                             # of the hundred, from the best down
    terms = np.cumsum(-p * np.log(p))
    count = int((terms <= 0.5 * terms[-1]).sum())
    assert kept(top_h(0.5)(IDS, scores)[0]) == set(range(150 - count, 150)) and 20 < count < 80


@checks(top_h)
def test_the_likeliest_token_stays_even_where_it_alone_is_too_much():
    assert kept(top_h(0.01)(IDS, np.array([[0.0, 1.0, 0.5]]))[0]) == {1}
    assert kept(top_h(0.5)(IDS, np.array([[-np.inf, 1.0, -np.inf]]))[0]) == {1}


@checks(top_n_sigma)
@given(situations(), st.floats(0.01, 4))
def test_top_n_sigma_measures_from_the_highest_in_deviations_of_the_finite_scores(situation, n):
    def rule(text, row, b):
        finite = [s for s in row if s > -math.inf]
        mean = math.fsum(finite) / len(finite)
        sigma = math.sqrt(math.fsum((s - mean) ** 2 for s in finite) / len(finite))
        if sigma == 0:
            return row
        return [-math.inf if apart(s, max(row) - n * sigma) else s for s in row]
    check_rule(top_n_sigma(n), rule, *situation)


@checks(top_n_sigma)
@given(situations(), st.floats(0.5, 2), st.floats(0.5, 2))
def test_top_n_sigma_keeps_the_same_tokens_at_every_temperature(situation, n, T):
    ids, scores = situation
    scores = scores.astype(np.float64)
    finite = [row[row > -np.inf] for row in scores]
    if all(np.abs(row - (row.max() - n * row.std())).min() > APART for row in finite):
        np.testing.assert_array_equal(top_n_sigma(n)(ids, scores) > -np.inf, top_n_sigma(n)(ids, scores / T) > -np.inf)


@checks(top_k, top_p, top_h, top_n_sigma, min_p)
@given(st.permutations(range(6)), st.sampled_from([top_k(2), top_p(0.3), top_p(0.9), min_p(0.2), top_h(0.6),
                                                   top_n_sigma(1)]))
def test_what_stays_does_not_depend_on_the_order_of_the_vocabulary(order, cut):
    scores = np.array([[0.1, 0.9, -1.0, 2.0, 1.3, 0.4]])
    np.testing.assert_array_equal(cut(IDS, scores[:, order]), cut(IDS, scores)[:, order])


@checks(top_k, top_p, min_p, top_h, top_n_sigma)
@pytest.mark.parametrize("make, values, says", [
    (top_k, (0, -1, 2.0, None, "3", True), "top_k must be an integer >= 1"),
    (top_p, (0, 0.0, -0.1, 1.1, math.nan, None), r"top_p must be a number in \(0, 1\]"),
    (min_p, (-0.1, 1.1, math.nan, "a"), r"min_p must be a number in \[0, 1\]"),
    (top_h, (0, 1.1, math.nan), r"top_h must be a number in \(0, 1\]"),
    (top_n_sigma, (0, -1, math.inf, math.nan), r"top_n_sigma must be a number in \(0, 1e6\]")])
def test_a_cut_that_cannot_be_is_refused_when_it_is_made(make, values, says):
    for value in values:
        with pytest.raises(GenerationError, match=says):
            make(value)
