"""What is told of each step, against the model asked again."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.decoding import GenerationOutput, generate, sequence_logprob
from scratchgpt.decoding.output import gathered, noted
from scratchgpt.decoding.processors import temperature
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.lively import lively_and_batch
from tests.layers.cases import P, gpt2
from tests.layers.llama_cases import llama
from tests.models.test_llama import padding

TOLD = dict(return_dict_in_generate=True, output_scores=True, output_logits=True, output_hidden_states=True)
CLOSE = dict(rtol=1e-9, atol=1e-11)


@checks(GenerationOutput, noted, gathered, generate)
@pytest.mark.parametrize("make", [gpt2, llama], ids=["gpt2", "llama"])
@given(B=st.integers(1, 3), T=st.integers(1, 4), seed=st.integers(0, 2**32 - 1), copies=st.integers(1, 2))
def test_every_array_is_what_the_model_says_at_its_token(make, B, T, seed, copies):
    model, ids, _ = lively_and_batch(make, B, T, seed)
    words = padding(np.random.default_rng(seed), B, T, "left")
    words[:, -1] = 1
    output = generate(model, ids, words, max_new_tokens=4, eos_token_id=1, pad_token_id=0, temperature=0.7,
                      rng=np.random.default_rng(seed), num_return_sequences=copies, **TOLD)
    assert len(output.sequences) == B * copies and output.prompt_length == T
    for r, answer in enumerate(output.answers):
        row, n = ids[r // copies][words[r // copies] == 1], len(answer)
        assert output.sequences[r, :T].tolist() == ids[r // copies].tolist() and n == output.lengths[r]
        assert (output.sequences[r, T + n:] == 0).all()
        assert output.finish_reasons[r] == ("eos" if answer[-1] == 1 else "length")
        for i in range(n):
            text = np.concatenate([row, answer[:i]])[None]
            logits = model.logits(text)[0, -1]
            np.testing.assert_allclose(output.logits[r, i], logits, **CLOSE)
            np.testing.assert_allclose(output.scores[r, i], temperature(0.7)(text, logits[None])[0], **CLOSE)
            np.testing.assert_allclose(output.logprobs[r, i], formulas.log_softmax(logits)[answer[i]], **CLOSE)
            states = np.stack([h[0, -1] for h in model.hidden_states(text)])
            np.testing.assert_allclose(output.hidden_states[r, i], states, **CLOSE)
        for array in (output.logits, output.scores, output.logprobs, output.hidden_states):
            assert np.isnan(array[r, n:]).all() and not np.isnan(array[r, :n]).any()


@checks(generate)
def test_arrays_that_nobody_asked_for_are_not_made():
    model, ids, _ = lively_and_batch(gpt2, 1, 2, 0)
    output = generate(model, ids, max_new_tokens=3, return_dict_in_generate=True)
    assert output.logits is output.scores is output.hidden_states is output.trace is output.beams is None
    assert output.logprobs.shape == (1, 3) and isinstance(generate(model, ids, max_new_tokens=3), np.ndarray)
    none = generate(model, ids, max_new_tokens=0, return_dict_in_generate=True)
    assert none.sequences.tolist() == ids.tolist() and none.finish_reasons == ["length"]


@checks(sequence_logprob)
@pytest.mark.parametrize("make", [gpt2, llama], ids=["gpt2", "llama"])
@given(B=st.integers(1, 3), T=st.integers(1, P), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_a_texts_log_probability_is_the_sum_over_its_tokens_behind_the_prompt(make, B, T, seed, data):
    model, ids, _ = lively_and_batch(make, B, T, seed)
    words = padding(np.random.default_rng(seed), B, T, data.draw(st.sampled_from(["left", "right"])))
    words[:, T // 2] = 1
    for b, n in enumerate(words.sum(axis=1)):
        row, prompt = ids[b][words[b] == 1], data.draw(st.integers(1, int(n)))
        expected = math.fsum(
            float(formulas.log_softmax(model.logits(row[None, :t]))[0, -1, row[t]]) for t in range(prompt, n))
        found = sequence_logprob(model, ids, np.where(np.arange(B) == b, prompt, 1), words)
        assert found[b] == pytest.approx(expected, rel=1e-9, abs=1e-10) and found.dtype == np.float64
        assert sequence_logprob(model, row[None], prompt)[0] == pytest.approx(expected, rel=1e-9, abs=1e-10)


@checks(sequence_logprob, generate)
def test_it_is_the_sum_of_an_outputs_log_probabilities():
    model, ids, _ = lively_and_batch(gpt2, 2, 3, 0)
    output = generate(model, ids, max_new_tokens=5, return_dict_in_generate=True)
    np.testing.assert_allclose(sequence_logprob(model, output.sequences, 3), output.logprobs.sum(axis=1), rtol=1e-10)


@checks(sequence_logprob)
def test_a_probability_below_all_floats_has_a_logarithm():
    class Coin:
        n_positions = next_logits = None

        def logits(self, ids, cache=None):
            return np.zeros((*np.shape(ids), 2), np.float32)
    assert sequence_logprob(Coin(), np.zeros((1, 1025), int))[0] == pytest.approx(-1024 * math.log(2))


@checks(sequence_logprob)
@pytest.mark.parametrize("length", [0, -1, 1.5, True, 4, [1, 4]])
def test_a_prompt_that_is_not_in_the_text_is_refused(length):
    with pytest.raises(GenerationError, match="prompt_length"):
        sequence_logprob(gpt2(np.random.default_rng(0)), [[1, 2, 3]] * 2, length)
