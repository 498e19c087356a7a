"""Biases of sequences and bad words, sequence by sequence."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import bad_words, sequence_bias
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import V, ban, check_rule, situations

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), min_size=1, max_size=8)


def completed(text, sequence):
    """Whether the last token of the sequence, written now, would complete it."""
    *beginning, _ = sequence
    return text[len(text) - len(beginning):] == beginning if len(text) >= len(beginning) else False


@checks(sequence_bias)
@given(situations(), SEQUENCES, st.lists(st.floats(-5, 5) | st.just(-math.inf), min_size=8, max_size=8))
def test_a_bias_is_added_to_the_token_that_would_complete_its_sequence(situation, sequences, values):
    biases = dict(zip(map(tuple, sequences), values))

    def rule(text, row, b):
        return [s + math.fsum(beta for q, beta in biases.items() if q[-1] == v and completed(text, list(q)))
                for v, s in enumerate(row)]
    check_rule(sequence_bias(biases), rule, *situation)
    check_rule(sequence_bias([[list(q), beta] for q, beta in biases.items()]), rule, *situation)


@checks(bad_words)
@given(situations(), SEQUENCES, st.lists(st.integers(0, 2), max_size=2))
def test_no_bad_word_is_completed_but_an_end_is_no_bad_word(situation, words, eos):
    def rule(text, row, b):
        return ban(row, {word[-1] for word in words if completed(text, word) and word not in [[end] for end in eos]})
    check_rule(bad_words(words, eos), rule, *situation)


@checks(sequence_bias, bad_words)
@pytest.mark.parametrize("biases, says", [
    ({}, "must pair"), (None, "must pair"), ([], "must pair"), ([[1, 2.0]], "must pair"),
    ({(1,): None}, "must be a number"),
    ({(1,): math.inf}, "must be a number"), ({(1,): math.nan}, "must be a number"), ({(): 1.0}, "must have a token"),
    ({(-1,): 1.0}, "token id"), ({("a",): 1.0}, "token id"), ({(1.0,): 1.0}, "token id"), ("ab", "must pair"),
    (3, "must pair"),
    ([[[[1]], 2.0]], "token id|must pair")])
def test_biases_that_cannot_be_are_refused(biases, says):
    with pytest.raises(GenerationError, match=says):
        sequence_bias(biases)


@checks(bad_words)
@pytest.mark.parametrize("words", [[], None, 3, [3], [[]], [[-1]], [["a"]]])
def test_bad_words_that_cannot_be_are_refused(words):
    with pytest.raises(GenerationError, match="bad_words_ids"):
        bad_words(words)


@checks(sequence_bias, bad_words)
def test_a_token_outside_the_vocabulary_is_found_at_the_first_scores():
    for make in (sequence_bias({(1, V): 1.0}), bad_words([[V, 1]])):
        with pytest.raises(GenerationError, match=f"below {V}; got {V}"):
            make(np.zeros((1, 1), int), np.zeros((1, V)))
