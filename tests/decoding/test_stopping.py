"""Ends, each against its rule said over whole texts."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.decoding import GenerationConfig, generate
from scratchgpt.decoding.stopping import Stopping, check_limits
from scratchgpt.errors import GenerationError
from scratchgpt.models import BigramConfig, BigramLM
from scratchgpt.tokenizers import BPETokenizer
from tests.checks import checks

TOKENIZER = BPETokenizer.train("ab abc abcab bca cab. aäbä ca\n" * 4, vocab_size=275)
V = TOKENIZER.vocab_size


def stopping(lengths=(1,), **options):
    given = {name: options.pop(name) for name in ("criteria", "clock") if name in options}
    return Stopping(GenerationConfig(**{"max_new_tokens": 10**6, **options}), lengths, TOKENIZER, **given)


@checks(Stopping)
@given(ids=st.lists(st.integers(0, V - 1), min_size=1, max_size=6), ends=st.lists(st.integers(0, V - 1), min_size=1, max_size=3))
def test_a_text_ends_with_a_token_of_the_set(ids, ends):
    for eos in (ends, tuple(ends), *(ends if len(ends) == 1 else ())):
        assert (stopping(eos_token_id=eos).reason(0, np.array(ids)) == "eos") == (ids[-1] in ends)


@checks(Stopping)
@given(prompt=st.integers(1, 5), total=st.integers(2, 12), new=st.integers(1, 8), n=st.integers(1, 14))
def test_lengths_count_the_prompt_or_do_not(prompt, total, new, n):
    ids = np.zeros(prompt + n, int)
    both = Stopping(GenerationConfig(max_length=total, max_new_tokens=new), [prompt])
    assert (both.reason(0, ids) == "length") == (len(ids) >= total or n >= new)
    assert both.limits.tolist() == [min(total, prompt + new)]


LETTERS = st.text("abcä .", min_size=1, max_size=6)


@checks(Stopping)
@given(text=st.text("abcä .\n", min_size=1, max_size=24), strings=st.lists(LETTERS, min_size=1, max_size=3))
@example("abcab", ["cab"])
@example("aäb", ["ä"])
def test_a_stop_string_is_found_where_its_last_byte_is_said_across_tokens(text, strings):
    ids, found = np.array(TOKENIZER.encode(text)), stopping(stop_strings=strings)
    for n in range(1, len(ids) + 1):
        before, whole = (b"".join(map(TOKENIZER.token_bytes, ids[:k].tolist())) for k in (n - 1, n))
        begins = [at for one in strings for at in range(len(whole)) if whole.startswith(one.encode(), at)
                  and at + len(one.encode()) > len(before)]
        assert (found.reason(0, ids[:n]) == "stop_string") == bool(begins)
        assert found.found(ids[:n]) == (len(whole) - min(begins) if begins else None)


@checks(Stopping)
def test_time_runs_from_the_request_and_a_criterion_sees_the_row_and_its_scores():
    now, seen = [100.0], []
    timed = stopping(max_time=2.0, clock=lambda: now[0])
    assert timed.reason(0, np.array([1, 2])) is None
    now[0] = 102.0
    assert timed.reason(0, np.array([1, 2])) == "time"

    def criterion(ids, scores):
        seen.append((ids.tolist(), scores.tolist()))
        return np.array([ids[0, -1] == 7])                                   # as transformers' criteria do
    asked = stopping(criteria=[criterion])
    assert asked.reason(0, np.array([3, 7]), np.array([0.5])) == "criterion"
    assert asked.reason(0, np.array([3, 6]), np.array([0.5])) is None
    assert seen == [([[3, 7]], [[0.5]]), ([[3, 6]], [[0.5]])]


@checks(Stopping, generate)
def test_each_row_stops_for_its_own_reason_and_the_first_that_holds_is_told():
    class Counting(BigramLM):
        def next_logits(self, ids, cache=None, **options):                   # each token is followed by the next one
            return np.eye(12)[(np.asarray(ids)[:, -1] + 1) % 12]
    model = Counting(BigramConfig(12), rng=np.random.default_rng(0))
    output = generate(model, [[0], [4], [8]], max_new_tokens=4, eos_token_id=6, pad_token_id=11, return_dict_in_generate=True,
                      stopping_criteria=[lambda ids, scores: ids[0, -1] == 9])
    assert output.sequences.tolist() == [[0, 1, 2, 3, 4], [4, 5, 6, 11, 11], [8, 9, 11, 11, 11]]
    assert output.finish_reasons == ["length", "eos", "criterion"] and output.lengths.tolist() == [4, 2, 1]


@checks(check_limits)
def test_a_request_without_an_end_or_beyond_it_is_refused():
    model = BigramLM(BigramConfig(5), rng=np.random.default_rng(0))
    with pytest.raises(GenerationError, match="a text must end"):
        generate(model, [[1]], eos_token_id=2)
    for ids in ([[1, 2, 3]], [[1, 2, 3, 4]]):
        with pytest.raises(GenerationError, match="max_length counts the prompt"):
            generate(model, ids, max_length=3)
    assert generate(model, [[1, 2, 3]], max_length=4).shape == (1, 4)
    assert generate(model, [[1]], max_time=0.01).shape[1] > 1
    assert generate(model, [[1]], stopping_criteria=[lambda ids, scores: ids.shape[1] >= 5]).shape == (1, 5)
