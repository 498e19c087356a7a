"""Lengths of texts, counted without pads."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import exponential_decay_length, min_length, min_new_tokens
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import V, ban, check_rule, situations

ENDS = st.integers(0, V - 1) | st.lists(st.integers(0, V - 1), max_size=3)


def several(eos):
    return [eos] if isinstance(eos, int) else eos


def prompts(data, ids):
    """A prompt's length for all, or one for each row."""
    lengths = (ids >= 0).sum(axis=1)
    return [data.draw(st.integers(0, int(n))) for n in lengths] if data.draw(st.booleans()) else int(lengths.min())


@checks(min_length)
@given(situations(), st.integers(0, 10), ENDS)
def test_no_text_ends_before_its_shortest_length(situation, shortest, eos):
    check_rule(min_length(shortest, eos),
               lambda text, row, b: ban(row, several(eos) if len(text) < shortest else []), *situation)


@checks(min_new_tokens)
@given(situations(), st.integers(0, 10), ENDS, st.data())
def test_no_text_ends_before_so_many_tokens_stand_behind_its_own_prompt(situation, fewest, eos, data):
    prompt = prompts(data, situation[0])
    check_rule(min_new_tokens(fewest, prompt, eos), lambda text, row, b: ban(
        row, several(eos) if len(text) - (prompt[b] if isinstance(prompt, list) else prompt) < fewest else []),
        *situation)


@checks(exponential_decay_length)
@given(situations(), st.integers(0, 6), st.floats(0.5, 2), ENDS, st.data())
def test_the_end_rises_by_a_power_of_the_tokens_that_are_too_many(situation, start, f, eos, data):
    prompt = prompts(data, situation[0])

    def rule(text, row, b):
        over = len(text) - (prompt[b] if isinstance(prompt, list) else prompt) - start
        return [s + abs(s) * (f ** over - 1) if v in several(eos) and over > 0 and s > -math.inf else s
                for v, s in enumerate(row)]
    check_rule(exponential_decay_length(start, f, prompt, eos), rule, *situation)


@checks(exponential_decay_length)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_text_that_goes_on_for_ever_overflows_nothing(dtype):
    scores = np.array([[np.finfo(dtype).min, 0, 2, -2, -np.inf]], dtype)
    found = exponential_decay_length(0, 1e6, 0, [0, 1, 2, 3, 4])(np.zeros((1, 500), int), scores)
    np.testing.assert_allclose(found, np.array([[np.finfo(dtype).min, 0, 1e30, 1e30, -np.inf]], dtype), rtol=1e-6)


@checks(min_length, min_new_tokens, exponential_decay_length)
@pytest.mark.parametrize("make, says", [
    (lambda: min_length(-1, 0), "min_length"), (lambda: min_length(1.5, 0), "min_length"),
    (lambda: min_length(1, -1), "eos_token_id"), (lambda: min_new_tokens(-1, 0, 0), "min_new_tokens"),
    (lambda: min_new_tokens(1, None, 0), "prompt_length"), (lambda: min_new_tokens(1, -1, 0), "prompt_length"),
    (lambda: exponential_decay_length(-1, 1.0, 0, 0), "start"),
    (lambda: exponential_decay_length(0, 0, 0, 0), "factor"),
    (lambda: exponential_decay_length(0, math.nan, 0, 0), "factor"), (lambda: min_length(1, None), "eos_token_id")])
def test_lengths_that_cannot_be_are_refused(make, says):
    with pytest.raises(GenerationError, match=says):
        make()


@checks(min_length, min_new_tokens, exponential_decay_length)
def test_an_end_outside_the_vocabulary_and_lengths_of_other_rows_are_found_at_the_first_scores():
    for processor in (min_length(1, V), min_new_tokens(1, 0, V), exponential_decay_length(0, 1.5, 0, V)):
        with pytest.raises(GenerationError, match=f"eos_token_id must be ids of the vocabulary, below {V}"):
            processor(np.zeros((1, 1), int), np.zeros((1, V)))
    with pytest.raises(GenerationError, match="no multiple"):
        min_new_tokens(1, [1, 2], 0)(np.zeros((3, 1), int), np.zeros((3, V)))
