"""Prompt lookup against its rule said position by position."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.decoding.strategies.speculation import PromptLookup, lookup
from tests.checks import checks
from tests.decoding.strategies.speculation.drafting import talker

TEXTS = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=12), min_size=1, max_size=4)


def copied(text, n, longest, ends):
    """From long to short, from left to right: what stood behind the first such n-gram."""
    for m in range(min(longest, len(text) - 1), 0, -1):
        for j in range(len(text) - m):
            if text[j:j + m] == text[-m:]:
                copy = text[j + m:j + m + n]
                return copy[:next((i for i, token in enumerate(copy) if token in ends), len(copy))]
    return []


@checks(lookup)
@given(TEXTS, st.integers(0, 5), st.integers(1, 4), st.sets(st.integers(0, 2), max_size=1))
def test_what_followed_the_first_earlier_match_of_the_longest_ngram_is_copied(texts, n, longest, ends):
    width = max(map(len, texts))
    ids = np.array([[-1] * (width - len(text)) + text for text in texts])
    expected = [copied(text, n, longest, ends) for text in texts]
    assert lookup(ids, n, longest, ends).tolist() == [copy + [-1] * (n - len(copy)) for copy in expected]


@checks(PromptLookup, lookup)
def test_a_text_that_has_begun_to_repeat_itself_is_copied_whole():
    model = talker(0, n_positions=80)
    model.wpe.weight.data = np.zeros_like(model.wpe.weight.data)
    out = generate(model, [[1, 2, 3]], max_new_tokens=60, prompt_lookup_num_tokens=8, return_dict_in_generate=True)
    text = out.sequences[0].tolist()
    period = next(d for d in range(1, 20) if text[-20:] == text[-20 - d:-d])             # it does repeat itself
    assert period < 20 and out.statistics["accepted"] > 30 and out.statistics["target_calls"] < 30


@checks(lookup)
@pytest.mark.parametrize("ids", [[[4]], [[-1, 4]], [[-1, -1, 4], [1, 2, 3]]])
def test_where_nothing_was_said_twice_nothing_is_copied(ids):
    assert (lookup(np.array(ids), 3) == -1).all()
