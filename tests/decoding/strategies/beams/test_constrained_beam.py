"""Constrained beam search: every answer holds what is forced, and it is the best of those where the beam is wide."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.decoding.strategies.beams import ConstrainedBeam, constrained_beam_search, in_turns
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.strategies.beams.beam_cases import TableModel, answers, assert_equal, every_text, ranked

SEEDS, STOPS = st.integers(0, 2**31), st.sampled_from([True, False, "never"])
PHRASE = st.lists(st.integers(0, 3), min_size=1, max_size=3)
FORCED = st.lists(st.one_of(PHRASE, st.lists(PHRASE, min_size=1, max_size=2)), min_size=1, max_size=2)
PROMPTS = np.array([[1, 0, 1], [2, 3, 4]])


def alternatives(demand):
    return [demand] if isinstance(demand[0], int) else demand


def meets(text, forced):
    spelled = "".join(map(str, text))
    return all(any("".join(map(str, phrase)) in spelled for phrase in alternatives(demand)) for demand in forced)


@checks(in_turns)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 0)), max_size=9))
def test_banks_take_turns_and_send_their_best_first(pairs):
    things = list(enumerate(pairs))
    banks = {b: sorted((one for one in things if one[1][0] == b), key=lambda one: -one[1][1]) for b in range(4)}
    expected = [banks[b][turn] for turn in range(len(things)) for b in range(4) if turn < len(banks[b])]
    assert in_turns(things, lambda one: one[1][1], lambda one: one[1][0]) == expected


@checks(ConstrainedBeam, constrained_beam_search)
@given(SEEDS, FORCED, st.integers(2, 5), STOPS)
@settings(max_examples=60)
def test_every_answer_holds_all_phrases_whatever_the_model_thinks_of_them(seed, forced, B, stop):
    T = 1 + sum(min(map(len, alternatives(demand))) for demand in forced)
    output = generate(TableModel(6, seed), PROMPTS, num_beams=B, num_return_sequences=B, max_new_tokens=T,
                      eos_token_id=5, early_stopping=stop, force_words_ids=forced, return_dict_in_generate=True)
    for texts in answers(output, B):
        assert all(meets(text, forced) for text, _ in texts)
        assert len({text for text, _ in texts}) == B
        assert [score for _, score in texts] == sorted((score for _, score in texts), reverse=True)


@checks(constrained_beam_search)
@given(SEEDS, st.sampled_from([[[1, 0]], [[2]], [[0, 1], [1, 2]], [[[2, 2], [1, 1]]], [[1], [2]], [[0, 2]]]),
       st.sampled_from([(), (2,)]), st.sampled_from([0.0, 1.0]))
def test_a_beam_as_wide_as_there_are_texts_finds_all_that_hold_the_phrases(seed, forced, ends, alpha):
    model, T = TableModel(3, seed), 4
    expected = ranked(model, (1, 0, 1), [text for text in every_text(3, T, ends) if meets(text, forced)], alpha)
    if not expected:
        return
    output = generate(model, PROMPTS[:1], num_beams=3**T, num_return_sequences=len(expected), max_new_tokens=T,
                      eos_token_id=list(ends) or None, length_penalty=alpha, early_stopping="never",
                      force_words_ids=forced, return_dict_in_generate=True)
    assert_equal(answers(output, len(expected))[0], expected)


@checks(constrained_beam_search)
@pytest.mark.parametrize("options, problem", [
    (dict(force_words_ids=[[0, 1, 0, 1]]), "force_words_ids must fit the answer"),
    (dict(force_words_ids=[[1], [6]]), "force_words_ids must fit the answer"),
    (dict(force_words_ids=[[5, 1]]), "force_words_ids must fit the answer"),
    (dict(force_words_ids=[[1]], suppress_tokens=[1]), "must end with 1 texts"),
    (dict(force_words_ids=[[0, 1], [2, 3]]), "must end with 1 texts")])
def test_what_cannot_be_met_is_refused(options, problem):
    with pytest.raises(GenerationError, match=problem):
        generate(TableModel(6, 0), PROMPTS, num_beams=4, max_new_tokens=3, eos_token_id=5, **options)


@checks(constrained_beam_search)
@given(SEEDS)
def test_a_phrase_of_the_prompt_does_not_count_and_each_row_is_as_alone(seed):
    model, options = TableModel(6, seed), dict(num_beams=3, max_new_tokens=5, eos_token_id=5, pad_token_id=5,
                                               force_words_ids=[[0, 1], [[3], [2]]])
    together = generate(model, PROMPTS, return_dict_in_generate=True, **options).answers
    for prompt, text in zip(PROMPTS, together):
        assert generate(model, prompt[None], **options)[0, 3:].tolist() == text.tolist()
        assert meets(text.tolist(), [[0, 1], [[3], [2]]])
