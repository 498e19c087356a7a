"""Greedy and sampling: the token chosen, and exactly how often."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import GenerationConfig, greedy, sample
from scratchgpt.decoding.prepare import prepare
from scratchgpt.decoding.strategies import greedy_search, sampling_search
from scratchgpt.decoding.strategies.greedy import check_choice
from scratchgpt.errors import GenerationError
from tests.decoding.lively import lively_and_batch
from tests.layers.cases import gpt2
from tests.checks import checks

ROWS = st.lists(st.one_of(st.just(-math.inf), st.floats(-5, 5)), min_size=1, max_size=8).filter(
    lambda row: max(row) > -math.inf)


class Dealt:
    """A generator whose numbers were chosen by the test."""

    def __init__(self, *numbers):
        self.numbers = np.array(numbers)

    def random(self, count):
        assert count == len(self.numbers)
        return self.numbers


def probabilities(row):
    top = max(row)
    z = math.fsum(math.exp(s - top) for s in row)
    return [math.exp(s - top) / z for s in row]


@checks(greedy)
@given(st.lists(ROWS, min_size=1, max_size=4).map(lambda rows: [row[:min(map(len, rows))] for row in rows]))
def test_greedy_takes_the_first_of_the_highest_scores_of_each_row(rows):
    rows = [row if max(row) > -math.inf else [0.0] * len(row) for row in rows]
    assert greedy(np.array(rows)).tolist() == [row.index(max(row)) for row in rows]


@checks(sample)
@given(ROWS)
def test_every_token_is_drawn_for_a_share_p_of_all_u(row):
    N = 2000                                                     # u on a grid: each token gets p N of it, up to 1 point
    grid = [(i + 0.5) / N for i in range(N)]
    counts = np.bincount(sample(np.tile(row, (N, 1)), Dealt(*grid)), minlength=len(row))
    for count, p in zip(counts, probabilities(row), strict=True):
        assert abs(count - p * N) <= 1 + 1e-9 * N
        assert p > 0 or count == 0


@checks(sample)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6).filter(any), st.integers(0, 63))
def test_the_first_token_whose_cumulated_share_exceeds_u_is_drawn(weights, u):
    row = np.log(np.array(weights), where=np.array(weights) > 0, out=np.full(len(weights), -np.inf))
    u, shares = Fraction(2 * u + 1, 128) + Fraction(1, 10**6), [Fraction(w, sum(weights)) for w in weights]
    expected = next(v for v in range(len(weights)) if sum(shares[:v + 1]) > u)
    assert sample(row[None], Dealt(float(u))).tolist() == [expected]


@checks(sample)
@given(ROWS, st.sampled_from([np.float32, np.float64]))
def test_the_ends_of_the_line_draw_nothing_impossible(row, dtype):
    for u in (0.0, np.nextafter(1, 0)):
        [token] = sample(np.array([row], dtype), Dealt(u))
        assert row[token] > -math.inf
    possible = [v for v, s in enumerate(row) if s > -math.inf]
    assert sample(np.array([row]), Dealt(0.0)).tolist() == [possible[0]] or probabilities(row)[possible[0]] < 1e-300


@checks(sample)
def test_each_row_has_its_own_number_and_the_generator_decides_alone():
    scores = np.random.default_rng(0).normal(size=(50, 7))
    first, again, other = (sample(scores, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()
    rng = np.random.default_rng(0)
    assert [sample(row[None], rng).item() for row in scores] == first.tolist()


@checks(sample, greedy, check_choice)
@pytest.mark.parametrize("row", [[math.inf, 1.0], [math.nan, 1.0], [0.0, math.nan], [math.nan] * 2, [-math.inf] * 2],
                         ids=["infinity", "NaN first", "NaN last", "all NaN", "all dropped"])
@pytest.mark.parametrize("choose", [greedy, sample])
def test_a_row_with_nothing_to_choose_from_is_refused(choose, row):
    with pytest.raises(GenerationError, match="finite value in every row, and neither NaN nor infinity"):
        choose(np.array([[0.0, 1.0], row]), np.random.default_rng(0))


@checks(greedy_search, sampling_search)
@pytest.mark.parametrize("search, choose, rng", [(greedy_search, greedy, None), (sampling_search, sample, 3)])
def test_a_search_yields_after_each_token_that_was_chosen_from_the_scores_of_the_text_so_far(search, choose, rng):
    model, ids, _ = lively_and_batch(gpt2, 2, 3, 0)
    rng = rng and np.random.default_rng(rng)
    run = prepare(model, ids, None, GenerationConfig(), dict(max_new_tokens=4, rng=rng)).run
    again, text = rng and np.random.default_rng(3), ids
    for step, _ in enumerate(search(run), 1):
        text = np.concatenate([text, choose(model.logits(text)[:, -1], again)[:, None]], axis=1)
        assert [len(said) for said in run.said] == [step] * 2 and run.said == text[:, 3:].tolist()
    assert step == 4 and not run.going
