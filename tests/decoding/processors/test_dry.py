"""DRY: the repetition that a token would extend, found by trying every place and length."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import dry
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import V, check_rule, padded, situations

BREAKERS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=2), max_size=2)


def repetition(text, v, breakers):
    """The most last tokens, none of them in or before a breaker, that somewhere before were followed by v."""
    since = max([end for breaker in breakers for end in range(len(breaker), len(text) + 1)
                 if text[end - len(breaker):end] == breaker], default=0)
    ending = text[since:]
    return max([k for at in range(1, len(text)) if text[at] == v for k in range(1, min(at, len(ending)) + 1)
                if text[at - k:at] == ending[len(ending) - k:]], default=0)


def rule_of(m, b, a, breakers):
    def rule(text, row, _):
        n = [0 if [v] in breakers else repetition(text, v, breakers) for v in range(len(row))]
        return [s - m * b ** (n[v] - a) if n[v] >= a else s for v, s in enumerate(row)]
    return rule


@checks(dry)
@given(situations(words=2, longest=14), st.floats(0, 2), st.floats(1, 2), st.integers(1, 4), BREAKERS)
def test_dry_penalises_what_would_extend_a_repetition_by_its_length(situation, m, b, a, breakers):
    check_rule(dry(m, b, a, breakers), rule_of(m, b, a, breakers), *situation)


@checks(dry)
@given(situations(words=4, longest=30), BREAKERS)
@example((np.array([[0, 1, 2, 0, 1, 2, 0, 1]]), np.zeros((1, V))), [[2]])
@example((np.array([[0, 1, 2, 0, 1, 2, 0, 1]]), np.zeros((1, V))), [[2, 0]])
def test_dry_with_its_usual_settings(situation, breakers):
    check_rule(dry(0.8, sequence_breakers=breakers), rule_of(0.8, 1.75, 2, breakers), *situation)


@checks(dry)
def test_the_example_of_the_z_algorithm_counts_four_three_and_two():
    a, b, c, y = range(4)
    text = [a, b, c, c, b, c, y, a, b, c]                            # before c: a b c, before b: c, before y: b c
    found = dry(1.0, 2.0, 1)(np.array([text]), np.zeros((1, 5)))
    assert found.tolist() == [[0, -1.0, -4.0, -2.0, 0]]


@checks(dry)
def test_a_long_repetition_costs_no_more_than_float32_can_hold():
    same = np.zeros((1, 400), np.int64)
    for scores in (np.zeros((1, 2), np.float32), np.zeros((1, 2))):
        for m, b, most in ((0.8, 1.75, 1e30), (1e6, 1e6, 1e30), (1e-300, 5.0, 1e-300 * 5.0 ** 397), (2.0, 1.0, 2.0)):
            np.testing.assert_allclose(dry(m, b)(same, scores), [[-most, 0]], rtol=1e-6)      # 399 tokens, 2 allowed
    assert dry(0.0)(same, np.ones((1, 2))).tolist() == [[1, 1]]


@checks(dry)
@pytest.mark.parametrize("text", [[], [1], [1, 1]])
def test_texts_too_short_to_repeat_anything(text):
    scores = np.ones((1, 3))
    np.testing.assert_array_equal(dry(1.0, 2.0, 2)(padded([text]), scores), scores)


@checks(dry)
@pytest.mark.parametrize("settings, says", [
    ((-1,), "dry_multiplier"), ((math.nan,), "dry_multiplier"), ((1, 0.5), "dry_base"),
    ((1, 2, 0), "dry_allowed_length"),
    ((1, 2, 1.5), "dry_allowed_length"), ((1, 2, 2, [[]]), "must have a token"), ((1, 2, 2, [3]), "lists of token ids"),
    ((1, 2, 2, 3), "lists of token ids"), ((1, 2, 2, ["a"]), "dry_sequence_breakers")])
def test_settings_that_cannot_be_are_refused(settings, says):
    with pytest.raises(GenerationError, match=says):
        dry(*settings)
