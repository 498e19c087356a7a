"""Penalties, one token of the text at a time."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import (encoder_repetition_penalty, frequency_penalty, presence_penalty,
                                            repetition_penalty)
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import V, check_rule, own, padded, situations, texts


def scaled(row, tokens, theta):
    return [s if v not in tokens else s * theta if s < 0 else s / theta for v, s in enumerate(row)]


@checks(repetition_penalty)
@given(situations(), st.floats(0.1, 10))
def test_each_token_of_the_text_is_penalised_once_and_pads_are_none(situation, theta):
    check_rule(repetition_penalty(theta), lambda text, row, b: scaled(row, text, theta), *situation)


@checks(encoder_repetition_penalty)
@given(situations(), st.floats(0.1, 10), st.data())
def test_the_sources_tokens_get_the_inverse_for_every_row_of_their_prompt(situation, theta, data):
    ids, scores = situation
    source = padded(data.draw(texts(1 if data.draw(st.booleans()) else len(ids), words=V)))
    check_rule(encoder_repetition_penalty(theta, source),
               lambda text, row, b: scaled(row, own(source[b % len(source)]), 1 / theta), ids, scores)


@checks(presence_penalty, frequency_penalty)
@given(situations(), st.floats(-3, 3))
def test_presence_counts_once_and_frequency_every_time(situation, penalty):
    check_rule(presence_penalty(penalty),
               lambda text, row, b: [s - penalty * (v in text) for v, s in enumerate(row)], *situation)
    check_rule(frequency_penalty(penalty),
               lambda text, row, b: [s - penalty * text.count(v) for v, s in enumerate(row)], *situation)


@checks(repetition_penalty, presence_penalty, frequency_penalty)
def test_ids_beyond_the_scores_are_passed_over():
    ids, scores = np.array([[9, 1, 2]]), np.array([[1.0, 1.0]])
    assert repetition_penalty(2.0)(ids, scores).tolist() == [[1, 0.5]]
    assert presence_penalty(1)(ids, scores).tolist() == frequency_penalty(1)(ids, scores).tolist() == [[1, 0]]


@checks(repetition_penalty)
def test_the_lowest_number_may_become_impossible_without_a_warning():
    scores = np.array([[np.finfo(np.float32).min, 0]], np.float32)
    assert repetition_penalty(2.0)(np.array([[0]]), scores).tolist() == [[-math.inf, 0]]


@checks(repetition_penalty, encoder_repetition_penalty, presence_penalty, frequency_penalty)
@pytest.mark.parametrize("make, name, values", [
    (repetition_penalty, "repetition_penalty", (0, -1, math.inf, math.nan, None, 1e9)),
    (lambda theta: encoder_repetition_penalty(theta, [[1]]), "encoder_repetition_penalty", (0, -1, math.nan)),
    (presence_penalty, "presence_penalty", (math.inf, math.nan, "1")),
    (frequency_penalty, "frequency_penalty", (math.inf, math.nan, None))])
def test_a_penalty_that_cannot_be_is_refused(make, name, values):
    for value in values:
        with pytest.raises(GenerationError, match=f"{name} must be a number in"):
            make(value)


@checks(encoder_repetition_penalty)
def test_a_penalty_on_a_source_needs_one():
    with pytest.raises(GenerationError, match="from a model with an encoder"):
        encoder_repetition_penalty(2.0, None)
