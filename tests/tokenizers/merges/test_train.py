"""Learning merges: the fast trainer is the textbook's, on any words."""

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.tokenizers.merges.train import merge_pair, train_merges, train_merges_textbook
from tests.checks import checks

few_letters = st.lists(st.integers(0, 3), max_size=24)
words = st.lists(st.tuples(few_letters, st.integers(1, 5)), max_size=8)


@checks(train_merges, train_merges_textbook)
@given(words, st.integers(0, 30), st.integers(0, 4))
@example([([0] * 7, 1), ([0] * 8, 2)], 10, 0)                   # overlaps: every second pair of equal ids is joined
@example([([0, 1, 0, 1, 0], 1)], 10, 0)
def test_the_fast_trainer_finds_the_textbook_merges(words, n_merges, min_frequency):
    expected = train_merges_textbook(words, n_merges, 4, min_frequency)
    assert train_merges(words, n_merges, 4, min_frequency) == expected
    assert len(expected) <= n_merges


@checks(train_merges_textbook)
@given(words, st.integers(0, 12))
def test_each_textbook_merge_is_the_most_frequent_pair_and_the_smallest_of_those(words, n_merges):
    words = [tuple(word) for word, n in words for _ in range(n)]
    for new, pair in enumerate(train_merges_textbook([(word, 1) for word in words], n_merges, 4), 4):
        count = Counter(neighbours for word in words for neighbours in zip(word, word[1:]))
        assert count[pair] == max(count.values())
        assert pair == min(other for other in count if count[other] == count[pair])
        words = [merge_pair(word, pair, new) for word in words]


@checks(merge_pair)
@given(few_letters, st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_merging_a_pair_keeps_the_letters_and_leaves_no_pair(word, pair):
    merged = merge_pair(word, pair, 9)
    assert [letter for token in merged for letter in (pair if token == 9 else (token,))] == word
    assert pair not in zip(merged, merged[1:])


@checks(train_merges)
@pytest.mark.parametrize("train", [train_merges, train_merges_textbook])
def test_worked_example_of_older_finest_lowest(train):
    older, finest, lowest = b"older_", b"finest_", b"lowest_"
    merges = train([(older, 3), (finest, 9), (lowest, 4)], 4)
    e_s, t_end, est_end, f_i = merges
    assert e_s == tuple(b"es") and t_end == tuple(b"t_") and est_end == (256, 257) and f_i == tuple(b"fi")

    tables = []
    corpus = Counter({older: 3, finest: 9, lowest: 4})
    for new, pair in enumerate([None, *merges], 255):
        corpus = {merge_pair(word, pair, new): n for word, n in corpus.items()}
        count = Counter()
        for word, n in corpus.items():
            for token in word:
                count[token] += n
        tables.append([count[token] for token in (*b"est_fi", 256, 257, 258, 259)])
    assert tables == [[16, 13, 13, 16, 9, 9, 0, 0, 0, 0],
                      [3, 0, 13, 16, 9, 9, 13, 0, 0, 0],
                      [3, 0, 0, 3, 9, 9, 13, 13, 0, 0],
                      [3, 0, 0, 3, 9, 9, 0, 0, 13, 0],
                      [3, 0, 0, 3, 0, 0, 0, 0, 13, 9]]


@checks(train_merges)
@given(words, st.integers(0, 10))
def test_progress_counts_each_merge(words, n_merges):
    seen = []
    merges = train_merges(words, n_merges, 4, on_progress=lambda *call: seen.append(call))
    assert seen == [(done, n_merges) for done in range(1, len(merges) + 1)]


@checks(train_merges)
def test_one_word_of_a_hundred_thousand_equal_ids_is_learned_in_doublings():
    assert train_merges([([0] * 100_000, 1)], 4, first_id=1) == [(0, 0), (1, 1), (2, 2), (3, 3)]
