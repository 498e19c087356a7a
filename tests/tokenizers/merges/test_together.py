"""Merging many words at once gives each what it would get alone."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.tokenizers.merges.merge import apply_merges_textbook
from scratchgpt.tokenizers.merges.together import NEVER, MergeTable, apply_merges_together
from tests.checks import checks

token = st.integers(0, 7)
words = st.lists(st.lists(st.integers(0, 3) | token, min_size=1, max_size=20), max_size=12)


@st.composite
def merge_tables(draw):
    """Merges of distinct pairs in any order, some of the same rank."""
    pairs = draw(st.lists(st.tuples(token, token), unique=True, max_size=12))
    return {pair: (draw(st.integers(0, 9)), draw(st.integers(4, 7))) for pair in pairs}


@checks(apply_merges_together)
@given(words, merge_tables())
def test_each_word_is_merged_as_if_it_were_alone(words, merges):
    flat = np.array([i for word in words for i in word], dtype=np.int64)
    ids, counts = apply_merges_together(flat, [len(word) for word in words], MergeTable(merges))
    expected = [apply_merges_textbook(word, merges) for word in words]
    assert counts.tolist() == [len(word) for word in expected]
    assert ids.tolist() == [i for word in expected for i in word]


@checks(MergeTable)
@given(merge_tables(), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12))))
def test_a_pair_is_found_with_its_rank_and_its_merged_id(merges, pairs):
    left, right = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    ranks, new = MergeTable(merges).look_up(left, right)
    order = sorted({rank for rank, _ in merges.values()})
    for pair, rank, merged in zip(pairs, ranks.tolist(), new.tolist()):
        if pair in merges:
            assert (order[rank], merged) == merges[pair]
        else:
            assert (rank, merged) == (NEVER, 0)
