"""Lookahead: the fixed point that its guesses come to, and what it keeps of them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.decoding.strategies.speculation import Lookahead
from tests.checks import checks
from tests.decoding.strategies.speculation.drafting import talker
from tests.layers.cases import V


def scores_for(best):
    """Logits (B, T, V) whose likeliest tokens are `best` (B, T)."""
    return np.eye(V)[np.asarray(best)]


@checks(Lookahead)
def test_plain_jacobi_guesses_what_the_model_said_behind_the_first_mistake():
    drafter = Lookahead(np.array([[-1, 4], [1, 2]]), size=3, n=1)
    assert drafter.draft(None, 3)[0].tolist() == [[4, 4, 4], [2, 2, 2]]
    drafter.follow(np.array([[4, 5, -1, -1], [6, -1, -1, -1]]), np.arange(2), scores_for([[4, 5, 0, 1], [6, 3, 2, 1]]))
    assert drafter.draft(None, 3)[0].tolist() == [[0, 1, 5], [3, 2, 1]]
    drafter.follow(np.array([[0, 1, 1, 6], [5, -1, -1, -1]]), np.array([0]), scores_for([[0, 1, 1, 6], [5, 5, 5, 5]]))
    assert drafter.draft(None, 2)[0].tolist() == [[6, 6]]                   # the whole draft stayed: nothing is known


@checks(Lookahead)
def test_ngrams_of_an_iterate_come_back_behind_their_first_token_in_their_own_row():
    drafter = Lookahead(np.array([[0], [0]]), size=4, n=3)
    drafter.follow(np.array([[1, -1, -1], [1, -1, -1]]), np.array([0, 1]), scores_for([[1, 2, 3], [1, 5, 6]]))
    assert drafter.draft(None, 4)[0].tolist() == [[2, 3, 1, 1], [5, 6, 1, 1]]      # (1, 2, 3), (1, 5, 6), and guesses
    drafter.follow(np.array([[4, -1, -1], [4, -1, -1]]), np.array([0, 1]), scores_for([[4, 0, 0], [4, 1, 0]]))
    assert drafter.draft(None, 4)[0].tolist() == [[0, 0, 1, 4], [1, 0, 1, 4]]      # and then (0, 1, 4)
    drafter.follow(np.array([[1, -1, -1], [1, -1, -1]]), np.array([1]), scores_for([[1, 2, 2], [1, 2, 2]]))
    assert len(drafter.texts) == len(drafter.pools) == 1
    assert drafter.pools == [{0: [1, 4], 1: [4, 1], 4: [1, 2]}]       # said: (1, 4, 1); guessed: (1, 2, 2)


@checks(Lookahead)
@given(count=st.integers(1, 12), size=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_a_fixed_point_takes_no_more_passes_than_it_has_tokens(count, size, seed):
    model = talker(seed, n_positions=40)
    out = generate(model, [[1, 2, 3]], max_new_tokens=count, lookahead_num_tokens=size, lookahead_ngram_size=1,
                   return_dict_in_generate=True)
    assert out.statistics["target_calls"] <= count
    assert out.statistics["accepted"] + out.statistics["target_calls"] == count


@checks(Lookahead)
def test_a_text_that_repeats_itself_soon_consists_of_known_ngrams():
    model = talker(0, n_positions=80)
    model.wpe.weight.data = np.zeros_like(model.wpe.weight.data)
    passes = {n: generate(model, [[1, 2, 3]], max_new_tokens=60, lookahead_num_tokens=6, lookahead_ngram_size=n,
                          return_dict_in_generate=True).statistics["target_calls"] for n in (1, 3)}
    assert passes[3] < 40 and passes[3] <= passes[1]
