"""Applying merges: the heap does what the textbook does, also where merges are listed in no sensible order."""

import random
import time

from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.tokenizers.merges.merge import apply_merges, apply_merges_textbook
from scratchgpt.tokenizers.merges.train import merge_pair, train_merges
from tests.checks import checks

ids = st.lists(st.integers(0, 3), max_size=40)


@st.composite
def merge_tables(draw):
    """Merges of distinct pairs of ids 0 to 7 into ids 4 to 7, in any order."""
    token = st.integers(0, 7)
    pairs = draw(st.lists(st.tuples(token, token), unique=True, max_size=10))
    return {pair: (rank, draw(st.integers(4, 7))) for rank, pair in enumerate(pairs)}


@checks(apply_merges, apply_merges_textbook)
@given(ids, merge_tables())
@example([0] * 9, {(0, 0): (0, 4), (4, 4): (1, 5)})
def test_the_heap_does_what_the_textbook_does(ids, merges):
    assert apply_merges(ids, merges) == apply_merges_textbook(ids, merges)


@checks(apply_merges, apply_merges_textbook)
@given(ids, merge_tables(), st.integers(0, 2**32), st.floats(0, 1))
def test_with_dropout_the_heap_does_what_the_textbook_does_draw_by_draw(ids, merges, seed, dropout):
    one, other = random.Random(seed), random.Random(seed)
    assert (apply_merges(ids, merges, lambda: one.random() < dropout)
            == apply_merges_textbook(ids, merges, lambda: other.random() < dropout))
    assert one.random() == other.random()


@checks(apply_merges_textbook)
@given(st.lists(ids, max_size=5), ids)
def test_encoding_replays_the_merges_that_training_learned(corpus, word):
    learned = train_merges([(text, 1) for text in corpus], 12, first_id=4)
    replayed = tuple(word)
    for new, pair in enumerate(learned, 4):
        replayed = merge_pair(replayed, pair, new)
    table = {pair: (rank, 4 + rank) for rank, pair in enumerate(learned)}
    assert tuple(apply_merges_textbook(word, table)) == replayed


@checks(apply_merges)
def test_a_hundred_thousand_equal_ids_do_not_take_quadratic_time():
    doublings = {(k, k): (k, k + 1) for k in range(12)}
    apply_merges([0] * 1_000, doublings)
    start = time.perf_counter()
    merged = apply_merges([0] * 100_000, doublings)
    assert time.perf_counter() - start < 5          # 0.3 s is usual; the textbook takes an hour
    assert merged == [12] * 24 + [10, 9, 7, 5]      # 100,000 in powers of two
