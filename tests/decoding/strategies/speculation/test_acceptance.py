"""Rules of acceptance: what is said is distributed by p, whatever the draft; and when a draft stays."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import greedy, sample
from scratchgpt.decoding.strategies import draw
from scratchgpt.decoding.strategies.speculation import matching, speculative_sampling
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.enumerate import distribution

SHARES = st.lists(st.integers(0, 6), min_size=4, max_size=4).filter(any).map(lambda row: np.array(row) / sum(row))


def scores_of(p):
    return np.log(p, where=p > 0, out=np.full(len(p), -np.inf))[None]


def close(found, p):
    assert [found.get(v, 0) for v in range(len(p))] == pytest.approx(list(p), abs=1e-12)


def one_place(p, q, rng, choose=draw):
    """A draft from q, judged by p: the token that is said."""
    said, _ = speculative_sampling(scores_of(p), choose(q[None], rng), q[None], rng)
    return int(said[0])


@checks(speculative_sampling, draw)
@given(SHARES, SHARES)
def test_what_is_said_is_distributed_by_p_and_the_draft_stays_for_what_both_have(p, q):
    close(distribution(lambda rng: one_place(p, q, rng)), p)

    def stayed(rng):
        x = draw(q[None], rng)
        said, stays = speculative_sampling(scores_of(p), x, q[None], rng)
        assert not stays[0] or said[0] == x[0]
        return bool(stays[0])
    assert distribution(stayed).get(True, 0) == pytest.approx(np.minimum(p, q).sum(), abs=1e-12)


@checks(speculative_sampling)
@given(SHARES, SHARES)
def test_of_a_pair_of_rows_each_is_judged_by_itself(p, q):
    def both(rng):
        x = draw(np.stack([q, p]), rng)
        said, _ = speculative_sampling(np.concatenate([scores_of(p), scores_of(q)]), x, np.stack([q, p]), rng)
        return tuple(said.tolist())
    found = distribution(both)
    for u, v in itertools.product(range(4), repeat=2):
        assert found.get((u, v), 0) == pytest.approx(p[u] * q[v], abs=1e-12)


@checks(speculative_sampling)
def test_greedy_drafts_in_a_sampled_ratio_are_biased_and_the_walker_sees_it():
    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.6, 0.3, 0.1])
    close(distribution(lambda rng: one_place(p, q, rng)), p)
    wrong = distribution(lambda rng: one_place(p, q, rng, choose=lambda q, rng: np.argmax(q, axis=-1)))
    close(wrong, [1 / 3] * 3)


@checks(speculative_sampling, matching)
@given(SHARES, SHARES)
def test_without_a_draft_the_next_token_is_drawn_from_p_whatever_q_says(p, q):
    for rule in (speculative_sampling, matching):
        def said(rng):
            token, stays = rule(scores_of(p), np.array([-1]), q[None], rng)
            assert not stays.any()
            return int(token[0])
        close(distribution(said), p)


@checks(matching, sample)
@given(SHARES, st.integers(0, 3))
def test_a_draft_has_no_part_in_what_matching_draws(p, x):
    def said(rng):
        token, stays = matching(scores_of(p), np.array([x]), None, rng)
        assert stays[0] == (token[0] == x)
        return int(token[0])
    close(distribution(said), p)


@checks(matching, greedy)
@given(SHARES, st.integers(-1, 3))
def test_without_chance_a_draft_stays_if_it_is_the_likeliest(p, x):
    token, stays = matching(scores_of(p), np.array([x]))
    assert token[0] == np.argmax(p) and stays[0] == (x == np.argmax(p))


@checks(speculative_sampling)
def test_an_impossible_token_never_stays_not_even_for_r_of_0_and_rounding_leaves_something_to_draw_from():
    class Zero:
        def random(self, count):
            return np.zeros(count)
    p, q = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    said, stays = speculative_sampling(scores_of(p), np.array([0]), q[None], Zero())
    assert said.tolist() == [1] and not stays[0]
    almost = np.array([0.0, np.nextafter(1, 2)])                            # above p everywhere, and yet r may say no
    below = type("Below", (), {"random": lambda self, count: np.full(count, np.nextafter(1, 0))})()
    said, stays = speculative_sampling(scores_of(p), np.array([1]), 2 * almost[None], below)
    assert said.tolist() == [1] and not stays[0]


@checks(draw)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any))
def test_weights_are_drawn_for_their_shares(weights):
    found = distribution(lambda rng: int(draw(np.array([weights], float), rng)[0]))
    close(found, np.array(weights) / sum(weights))


@checks(draw)
@pytest.mark.parametrize("row", [[0.0, 0.0], [np.nan, 1.0]])
def test_weights_without_a_sum_are_refused(row):
    with pytest.raises(GenerationError, match="nothing is left to draw from"):
        draw(np.array([row]), np.random.default_rng(0))
