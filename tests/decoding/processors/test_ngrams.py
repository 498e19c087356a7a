"""n-grams: every one of the text is written down, and none may be completed again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import encoder_no_repeat_ngram, no_repeat_ngram
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import ban, check_rule, own, padded, situations, texts


def completions(n, text, written):
    """The tokens v for which the last n - 1 tokens of `written` and v are an n-gram of the text."""
    if len(written) < n - 1:
        return set()
    ending = written[len(written) - n + 1:]
    return {text[at + n - 1] for at in range(len(text) - n + 1) if text[at:at + n - 1] == ending}


@checks(no_repeat_ngram)
@given(situations(), st.integers(1, 5))
def test_no_ngram_of_the_text_is_completed_again(situation, n):
    check_rule(no_repeat_ngram(n), lambda text, row, b: ban(row, completions(n, text, text)), *situation)


@checks(encoder_no_repeat_ngram)
@given(situations(), st.integers(1, 4), st.data())
def test_no_ngram_of_the_source_is_completed(situation, n, data):
    ids, scores = situation
    source = padded(data.draw(texts(1 if data.draw(st.booleans()) else len(ids))))
    check_rule(encoder_no_repeat_ngram(n, source),
               lambda text, row, b: ban(row, completions(n, own(source[b % len(source)]), text)), ids, scores)


@checks(no_repeat_ngram)
def test_an_id_beyond_the_scores_is_passed_over():
    assert no_repeat_ngram(2)(np.array([[1, 5, 1, 0, 1]]), np.zeros((1, 2))).tolist() == [[-np.inf, 0]]


@checks(no_repeat_ngram, encoder_no_repeat_ngram)
def test_a_size_that_cannot_be_and_a_missing_source_are_refused():
    for n in (0, -1, 1.5, None, True):
        with pytest.raises(GenerationError, match="^no_repeat_ngram_size must be an integer >= 1"):
            no_repeat_ngram(n)
        with pytest.raises(GenerationError, match="encoder_no_repeat_ngram_size must be an integer >= 1"):
            encoder_no_repeat_ngram(n, [[1]])
    with pytest.raises(GenerationError, match="from a model with an encoder"):
        encoder_no_repeat_ngram(2, None)
