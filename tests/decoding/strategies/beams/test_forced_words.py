"""Demands on an answer: when they are met, how much is missing, and which can never be met."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.strategies.beams import ForcedWords, holds, progress
from scratchgpt.errors import GenerationError
from tests.checks import checks

PHRASE = st.lists(st.integers(0, 2), min_size=1, max_size=3)
TEXT = st.lists(st.integers(0, 2), max_size=7).map(tuple)
FORCED = st.lists(st.one_of(PHRASE, st.lists(PHRASE, min_size=1, max_size=2)), min_size=1, max_size=3)


def spelled(tokens):
    return "".join(map(str, tokens))


@checks(holds, progress)
@given(TEXT, PHRASE.map(tuple))
def test_a_phrase_is_held_in_one_piece_and_progress_is_what_stands_at_the_end(text, phrase):
    assert holds(text, phrase) == (spelled(phrase) in spelled(text))
    beginnings = [n for n in range(len(phrase)) if spelled(text).endswith(spelled(phrase[:n]))]
    assert progress(text, phrase) == max(beginnings)


@checks(ForcedWords)
@given(FORCED, TEXT)
def test_as_many_tokens_as_are_missing_are_enough_and_every_one_of_them_serves(forced, text):
    words = ForcedWords(forced, 3)
    n = words.missing(text)
    assert (n == 0) == (words.unmet(text) == [])
    for left in range(n, 0, -1):
        if words.unmet(text):                             # an overlap may have saved some
            text = min(((*text, v) for v in sorted(words.next_tokens(text))), key=words.missing)
            assert words.missing(text) < left
    assert words.unmet(text) == []


@checks(ForcedWords)
@given(FORCED, TEXT)
def test_a_demand_is_met_by_any_of_its_alternatives(forced, text):
    met = [any(spelled(phrase) in spelled(text) for phrase in ([one] if isinstance(one[0], int) else one))
           for one in forced]
    assert len(ForcedWords(forced, 3).unmet(text)) == met.count(False)


@checks(ForcedWords)
def test_a_phrase_that_ends_the_text_comes_last():
    words = ForcedWords([[1, 9], [2]], 10, ends=[9])
    assert words.missing(()) == 3 and words.missing((1,)) == 3            # 9 now would end the text without 2
    assert words.missing((2,)) == 2 and words.missing((2, 1)) == 1 and words.missing((2, 1, 9)) == 0


@checks(ForcedWords)
@pytest.mark.parametrize("forced, ends, longest", [([[1, 2, 1]], (), 2), ([[0], [3]], (), 5), ([[2, 1]], (2,), 5),
                                                   ([[[1, 2, 1], [5]]], (), 2)])
def test_what_no_answer_can_hold_is_refused(forced, ends, longest):
    with pytest.raises(GenerationError, match="force_words_ids must fit the answer"):
        ForcedWords(forced, 3, ends, longest)
    assert ForcedWords([[0], [[1, 2, 1], [1]]], 3, ends, longest).missing(()) == 2
