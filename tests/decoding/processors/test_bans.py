"""Bans and what is laid down, row by row."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import begin_suppress, forced_bos, forced_eos, prefix_allowed_tokens, suppress
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.processors.draws import V, ban, check_rule, frozen, padded, situations

TOKENS = st.lists(st.integers(0, V - 1), max_size=4)
IDS, SCORES = np.zeros((1, 1), int), np.zeros((1, V))


@checks(suppress, begin_suppress)
@given(situations(), TOKENS, st.integers(0, 5), st.data())
def test_tokens_are_banned_always_or_only_behind_the_prompt(situation, tokens, length, data):
    ids, scores = situation
    check_rule(suppress(tokens), lambda text, row, b: ban(row, tokens), ids, scores)
    check_rule(begin_suppress(tokens, length), lambda text, row, b: ban(row, tokens if len(text) == length else []),
               ids, scores)
    each = [data.draw(st.integers(0, 5)) for _ in ids]
    check_rule(begin_suppress(tokens, each), lambda text, row, b: ban(row, tokens if len(text) == each[b] else []),
               ids, scores)


def laid_down(row, tokens):
    return [0.0 if v in tokens else -math.inf for v in range(len(row))]


@checks(forced_bos, forced_eos)
@given(situations(longest=3), st.integers(0, V - 1), st.lists(st.integers(0, V - 1), min_size=1, max_size=2), st.data())
def test_the_second_and_the_last_token_are_laid_down(situation, bos, eos, data):
    ids, scores = situation
    check_rule(forced_bos(bos), lambda text, row, b: laid_down(row, [bos]) if len(text) == 1 else row, ids, scores)
    longest = [data.draw(st.integers(1, 4)) for _ in ids]
    check_rule(forced_eos(eos, longest),
               lambda text, row, b: laid_down(row, eos) if len(text) + 1 == longest[b] else row, ids, scores)
    check_rule(forced_eos(bos, 3), lambda text, row, b: laid_down(row, [bos]) if len(text) == 2 else row, ids, scores)


@checks(prefix_allowed_tokens)
@given(situations())
def test_only_what_the_function_allows_for_a_row_and_its_own_tokens_stays(situation):
    def allowed(b, text):
        return {(b + sum(text)) % V, (2 * len(text) + b) % V}

    def rule(text, row, b):
        kept = [s if v in allowed(b, text) else -math.inf for v, s in enumerate(row)]
        return kept if max(kept) > -math.inf else laid_down(row, allowed(b, text))
    check_rule(prefix_allowed_tokens(lambda b, text: allowed(b, text.tolist())), rule, *situation)


@checks(prefix_allowed_tokens)
def test_rows_of_one_prompt_share_its_number_and_are_rescued_together():
    scores = frozen(np.array([[1.0, -np.inf, 2], [-np.inf, 3, 4], [-np.inf, 1, 1], [-np.inf, 2, 2]]))
    seen = []
    confine = prefix_allowed_tokens(lambda b, text: seen.append(b) or [0], prompts=[5, 5, 2, 2])
    found = confine(padded([[1], [2], [3], [4]]), scores)
    assert seen == [5, 5, 2, 2]
    no = -math.inf
    assert found.tolist() == [[1, no, no], [no, no, no], [0, no, no], [0, no, no]]


@checks(prefix_allowed_tokens)
def test_an_empty_set_an_unknown_token_and_no_function_are_refused():
    with pytest.raises(GenerationError, match="allows none for prompt 0 after \\[0\\]"):
        prefix_allowed_tokens(lambda b, text: [])(IDS, SCORES)
    with pytest.raises(GenerationError, match=f"below {V}; got {V}"):
        prefix_allowed_tokens(lambda b, text: [V])(IDS, SCORES)
    with pytest.raises(GenerationError, match="what prefix_allowed_tokens_fn returns must be a token id"):
        prefix_allowed_tokens(lambda b, text: None)(IDS, SCORES)
    with pytest.raises(GenerationError, match="must be a function"):
        prefix_allowed_tokens([1])
    with pytest.raises(GenerationError, match="prompts"):
        prefix_allowed_tokens(len, [-1])


@checks(suppress, begin_suppress, forced_bos, forced_eos)
@pytest.mark.parametrize("make, says", [
    (lambda: suppress([-1]), "suppress_tokens"), (lambda: suppress(None), "suppress_tokens"),
    (lambda: begin_suppress([1], -1), "prompt_length"), (lambda: begin_suppress("a", 1), "begin_suppress_tokens"),
    (lambda: forced_bos(-1), "forced_bos_token_id"), (lambda: forced_bos([]), "forced_bos_token_id"),
    (lambda: forced_eos(1, None), "max_length"), (lambda: forced_eos(1.0, 5), "forced_eos_token_id")])
def test_bans_that_cannot_be_are_refused(make, says):
    with pytest.raises(GenerationError, match=says):
        make()


@checks(suppress, begin_suppress, forced_bos, forced_eos)
def test_a_token_outside_the_vocabulary_is_found_at_the_first_scores():
    for processor in (suppress([V]), begin_suppress([V], 9), forced_bos(V), forced_eos(V, 9)):
        with pytest.raises(GenerationError, match=f"below {V}; got {V}"):
            processor(IDS, SCORES)
