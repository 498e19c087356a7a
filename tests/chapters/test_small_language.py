"""Scene 1: a language whose losses are known to the last digit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.chapters.the_way_to_attention.small_language import (SUBJECTS, VERBS, WORDS, all_sentences,
                                                                     bigram_table, loss_floor, spell)
from scratchgpt.models import BigramConfig, BigramLM
from tests.checks import checks

LN2 = math.log(2)
seeds = st.integers(0, 2**32 - 1)


@checks(all_sentences, spell)
def test_every_sentence_is_there_once_and_its_verb_belongs_to_its_subject():
    ids = all_sentences()
    assert ids.shape == (64, 7) and len(np.unique(ids, axis=0)) == 64 and len(set(WORDS)) == len(WORDS) == 18
    for row in ids:
        the, subject, _, again, _, verb, dot = spell(row).split()
        assert (the, again, dot) == ("the", "the", ".") and VERBS.index(verb) == SUBJECTS.index(subject)


@checks(bigram_table)
@given(N=st.integers(1, 6), T=st.integers(1, 6), V=st.integers(1, 5), seed=seeds)
def test_the_table_holds_the_share_of_each_follower(N, T, V, seed):
    ids = np.random.default_rng(seed).integers(0, V, (N, T))
    table, pairs = bigram_table(ids, V), [pair for row in ids.tolist() for pair in zip(row, row[1:])]
    for i in range(V):
        followers = [b for a, b in pairs if a == i]
        assert table[i].tolist() == [followers.count(j) / max(1, len(followers)) for j in range(V)]


@checks(loss_floor)
@pytest.mark.parametrize("n, floor", [(1, 10 / 6), (2, 8 / 6), (3, 8 / 6), (4, 1), (5, 1), (99, 1)])
def test_the_floors_are_those_of_the_story(n, floor):
    assert loss_floor(all_sentences(), n) == pytest.approx(floor * LN2, rel=1e-12)


@checks(loss_floor)
@given(N=st.integers(1, 8), T=st.integers(2, 7), V=st.integers(1, 4), seed=seeds)
def test_a_longer_memory_never_does_worse_and_nothing_does_better_than_zero(N, T, V, seed):
    ids = np.random.default_rng(seed).integers(0, V, (N, T))
    floors = [loss_floor(ids, n) for n in range(1, T + 1)]
    assert all(more <= less + 1e-12 for less, more in zip(floors, floors[1:])) and floors[-1] >= 0
    assert floors[0] <= math.log(V) + 1e-12


@checks(loss_floor, bigram_table)
@given(N=st.integers(1, 8), T=st.integers(2, 7), V=st.integers(2, 5), seed=seeds)
def test_no_bigram_is_below_its_floor_and_the_table_of_counts_is_on_it(N, T, V, seed):
    rng = np.random.default_rng(seed)
    ids, model = rng.integers(0, V, (N, T)), BigramLM(BigramConfig(V), rng=rng).astype(np.float64)
    model.table.weight.data = rng.normal(scale=2.0, size=(V, V))
    floor = loss_floor(ids, 1)
    assert float(model.loss(ids[:, :-1], ids[:, 1:])[0]) >= floor - 1e-12
    model.table.weight.data = np.log(np.maximum(bigram_table(ids, V), 1e-300))
    assert float(model.loss(ids[:, :-1], ids[:, 1:])[0]) == pytest.approx(floor, abs=1e-12)
    given_i = bigram_table(ids, V)[ids[0, 0]]
    np.testing.assert_allclose(formulas.softmax(model.table.weight.data)[ids[0, 0]], given_i, atol=1e-12)
