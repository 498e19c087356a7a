"""Beams over every kind of model, cache and end: what remembers must follow the texts, and no row sees another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.decoding.strategies.beams import BeamRun
from scratchgpt.tokenizers import BPETokenizer
from tests.checks import checks
from tests.decoding.lively import lively
from tests.decoding.strategies.beams.beam_cases import TableModel, answers, assert_equal, log_softmax, slowly
from tests.layers.cases import transformer
from tests.layers.llama_cases import mistral, qwen2

SEEDS = st.integers(0, 2**31)
CACHES = [dict(), dict(use_cache=False), dict(cache_implementation="static")]


def translator(seed):
    return lively(lambda rng: transformer(rng, src_vocab_size=9, tgt_vocab_size=8, tie_word_embeddings=False), seed)


def assert_close(found, expected):
    assert [text for text, _ in found] == [text for text, _ in expected]
    np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], rtol=1e-9)


@checks(BeamRun)
@given(SEEDS, st.integers(2, 4), st.sampled_from(CACHES))
@settings(max_examples=10)
def test_an_encoder_decoder_gives_each_source_the_beams_it_has_alone(seed, B, cache):
    model, lengths = translator(seed), [4, 1, 3]
    ids = np.random.default_rng(seed).integers(3, 9, (3, 4))
    mask = (np.arange(4) < np.array(lengths)[:, None]).astype(np.int64)
    options = dict(num_beams=B, num_return_sequences=2, max_new_tokens=5, eos_token_id=2, return_dict_in_generate=True)
    together = answers(generate(model, ids, mask, **cache, **options), 2)
    for row, n, found in zip(ids, lengths, together):
        source = model.given(row[None, :n])

        def expect(text):
            ids = np.array([(1, *text)])                   # the mask says that token 0, of the pads, is a word here
            return log_softmax(source.next_logits(ids, attention_mask=np.ones_like(ids))[0].tolist())
        assert_close(found, slowly(expect, B, 5, (2,))[:2])


@checks(BeamRun)
@pytest.mark.parametrize("make", [mistral, qwen2])
@pytest.mark.parametrize("cache", [*CACHES, dict(cache_implementation="sliding_window")])
def test_windows_and_their_caches_follow_the_beams(make, cache):
    model, prompt = lively(make, 3), (1, 3, 2)
    expected = slowly(lambda text: log_softmax(model.next_logits(np.array([prompt + text]))[0].tolist()), 3, 6, (5,))
    output = generate(model, np.array([prompt]), num_beams=3, num_return_sequences=3, max_new_tokens=6, eos_token_id=5,
                      return_dict_in_generate=True, **cache)
    assert_close(answers(output, 3)[0], expected)


@checks(BeamRun)
@given(SEEDS)
@settings(max_examples=10)
def test_guidance_steers_beams(seed):
    model, prompt, other = TableModel(5, seed), (1, 0, 1), (2,)

    def expect(text):
        c, u = (np.array(log_softmax(model.of(beginning + text))) for beginning in (prompt, other))
        return log_softmax((u + 1.5 * (c - u)).tolist())
    output = generate(model, np.array([prompt]), num_beams=3, num_return_sequences=3, max_new_tokens=4,
                      guidance_scale=1.5, negative_prompt_ids=np.array([other]), return_dict_in_generate=True)
    assert_equal(answers(output, 3)[0], slowly(expect, 3, 4))


@checks(BeamRun)
@given(SEEDS, st.integers(2, 4))
@settings(max_examples=10)
def test_texts_end_at_a_stop_string(seed, B):
    tokenizer, model = BPETokenizer.train("abc", 256), TableModel(256, seed)
    letters = list(tokenizer.encode("abc"))
    taste, a = np.where(np.isin(np.arange(256), letters), 0.0, -30.0), letters[0]
    expected = slowly(lambda text: [l + t for l, t in zip(log_softmax(model.of((a, *text))), taste)], B, 5,
                      stops=lambda text: tokenizer.decode([a, *text]).endswith("ab"))
    output = generate(model, np.array([[a]]), num_beams=B, num_return_sequences=B, max_new_tokens=5, stop_strings="ab",
                      tokenizer=tokenizer, logits_processor=[lambda ids, scores: scores + taste],
                      return_dict_in_generate=True)
    assert_equal(answers(output, B)[0], expected)
    assert set(output.finish_reasons) <= {"stop_string", "length"}


@checks(BeamRun)
def test_hidden_states_are_those_of_the_path():
    model = lively(mistral, 1)
    output = generate(model, np.array([[1, 3]]), num_beams=3, num_return_sequences=2, max_new_tokens=4,
                      return_dict_in_generate=True, output_hidden_states=True)
    for r, text in enumerate(output.answers):
        for i in range(len(text)):
            states = []
            model.next_logits(np.array([[1, 3, *text[:i]]]), states=states)
            np.testing.assert_allclose(output.hidden_states[r, i], np.stack([h[0, -1] for h in states]), rtol=1e-9)
