"""Rows: lengths without pads, tokens without pads, the best scores, the entropy."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.decoding.processors.rows import (crossing, entropy, highest, keep_highest, near, per_row, present,
                                                  row_by_row,
                                                 row_lengths)
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import DISTINCT, TIED, keep, padded, ranked, situations, surprise_of, texts

ROWS = st.lists(st.one_of(TIED, DISTINCT, st.floats(-1e6, 1e6)), min_size=1, max_size=40).filter(
    lambda row: max(row) > -math.inf)


@checks(row_lengths, present)
@given(st.integers(1, 4).flatmap(lambda B: texts(B, words=9)))
def test_pads_count_for_nothing(batch):
    ids = padded(batch)
    assert row_lengths(ids).tolist() == [len(text) for text in batch]
    pairs = [(b, token) for b, text in enumerate(batch) for token in text]
    assert list(zip(*map(np.ndarray.tolist, present(ids, 9)))) == pairs
    assert list(zip(*map(np.ndarray.tolist, present(ids, 5)))) == [pair for pair in pairs if pair[1] < 5]


@checks(per_row)
@given(st.integers(1, 3), st.integers(1, 4))
def test_what_is_said_of_a_prompt_holds_for_all_its_rows(N, times):
    values = np.arange(N) * 10
    assert per_row(values, N * times).tolist() == [10 * n for n in range(N) for _ in range(times)]
    assert per_row(np.array(5), times).tolist() == [5] * times
    with pytest.raises(GenerationError, match="no multiple"):
        per_row(np.arange(2), 2 * times + 1)


@checks(row_by_row)
def test_a_rule_for_a_row_is_not_asked_about_rows_that_have_nothing_to_choose():
    scores = np.array([[0.0, 1.0], [-np.inf, -np.inf], [np.nan, 0.0]])
    asked = []
    found = row_by_row(lambda s: asked.append(s) or s + 1)(None, scores)
    np.testing.assert_array_equal(found, [[1.0, 2.0], [-np.inf, -np.inf], [np.nan, 0.0]])
    assert len(asked) == 1


@checks(near)
@given(ROWS, st.integers(1, 50))
def test_near_gives_the_best_scores_and_all_their_ties_until_there_are_enough(row, k):
    s = np.array(row)
    ids = near(s, lambda ids: len(ids) >= k).tolist()
    rest = set(range(len(row))) - set(ids)
    assert ids == sorted(ids) and all(row[v] > -math.inf for v in ids)
    assert all(row[v] < min(row[w] for w in ids) for v in rest)
    assert len(ids) >= min(k, sum(score > -math.inf for score in row))


@checks(near)
def test_near_looks_no_further_than_it_must():
    assert near(np.arange(100.0), lambda ids: len(ids) >= 2).tolist() == [98, 99]
    assert near(np.arange(100.0), lambda ids: len(ids) >= 3).tolist() == [97, 98, 99]


@checks(highest)
@given(row=st.lists(TIED | DISTINCT, min_size=1, max_size=9).filter(lambda row: max(row) > -math.inf), k=st.integers(1, 9))
def test_highest_are_the_first_of_all_in_the_order_of_scores_and_ids(row, k):
    order = [v for v in sorted(range(len(row)), key=lambda v: (-row[v], v)) if row[v] > -math.inf]
    assert highest(np.array(row), k).tolist() == order[:k]


@checks(crossing)
@given(distances=st.lists(st.sampled_from([0.0, 0.125, 1.0, 200.0]) | st.floats(0, 300), min_size=1, max_size=12),
       weights=st.lists(st.integers(0, 8), min_size=12, max_size=12), share=st.sampled_from([1 / 8, 0.5, 7 / 8, 1.0]))
def test_crossing_is_where_a_sum_from_the_nearest_on_reaches_its_share(distances, weights, share):
    d, w = np.array([*distances, math.inf]), np.array([*weights[:len(distances)], 0.0])
    if not w.any():
        w[0] = 1.0
    order = sorted(range(len(d)), key=lambda v: (d[v], v))
    n = next(n for n in range(1, len(d) + 1) if sum(w[v] for v in order[:n]) >= share * sum(w))
    count, last = crossing(d, w, share)
    assert d[last] == d[order[n - 1]] and (count, last) == (n, order[n - 1])


@checks(keep_highest)
@given(ROWS, st.data())
def test_keep_highest_keeps_exactly_so_many_of_equal_ones_the_larger_ids(row, data):
    count = data.draw(st.integers(1, len(row)))
    kept = ranked(row)[:count]
    assert keep_highest(np.array(row), count, row[kept[-1]]).tolist() == keep(row, kept)


@checks(entropy)
@given(situations())
def test_entropy_is_the_expected_surprise(situation):
    for row in situation[1]:
        H = entropy(formulas.log_softmax(row.astype(np.float64)))
        assert H == pytest.approx(surprise_of([float(s) for s in row]), abs=1e-12)
    assert entropy(np.array([0.0, -np.inf])) == 0
