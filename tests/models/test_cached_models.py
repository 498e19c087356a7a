"""A batch of texts as decoding handles it, with every kind of cache, against each text alone without one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from scratchgpt.cache import EncoderDecoderCache, KVCache, SlidingLayerCache, sliding
from scratchgpt.errors import GenerationError
from scratchgpt.models import (GPT2, BigramConfig, BigramLM, ConditionalModel, GPT2Config, LanguageModel, Llama, Mistral,
                               Qwen2)
from scratchgpt.models.decoder import Decoder
from tests.checks import checks
from tests.layers.cases import V, gpt2, transformer
from tests.layers.llama_cases import llama, mistral, question_answering, qwen2
from tests.models.test_language_model import model_and_batch
from tests.test_device import assert_close, on_both

LONGEST, SLACK = 60, 4
CLOSE = dict(rtol=1e-10, atol=1e-11)
DEEP = dict(num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, hidden_size=4)


def small_gpt2(rng):
    return GPT2(GPT2Config(vocab_size=V, n_positions=LONGEST, n_embd=4, n_layer=2, n_head=2), rng=rng)


def grouped_llama(rng):
    return llama(rng, **DEEP)


def windowed_mistral(rng):
    return mistral(rng, **{**DEEP, "sliding_window": 3})


def half_windowed_qwen2(rng):
    return qwen2(rng, **DEEP)


def translator(rng):
    return transformer(rng, max_length=None)


class Machine(RuleBasedStateMachine):
    """Beside the cache, the text of each row as a list. A row's words are the last ones of its columns; pads are in front.

    Every append is asked for the next token's logits, and each row must give what its text gives alone.
    """

    make, kind = staticmethod(small_gpt2), "dynamic"

    @initialize(B=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
    def begin(self, B, seed):
        self.rng, self.other = np.random.default_rng(seed), None
        self.whole, _, _ = model_and_batch(self.make, 1, 1, seed)
        self.model = self.whole
        if self.make is translator:
            source = self.rng.integers(0, V, (B, 4))                              # with pads among the words
            source[:, 0] = 1 + self.rng.integers(0, V - 1, B)
            self.model = self.whole.given(source)
        self.cache = self.model.new_cache(self.kind, LONGEST)
        self.texts, self.fresh = [[] for _ in range(B)], 0
        self.append(4, True)

    @rule(T=st.integers(1, 6), ragged=st.booleans())
    def append(self, T, ragged):
        """T tokens more in every row; of the first ones, rows may have fewer, behind pads."""
        past, B = len(self.cache), len(self.texts)
        if past + T > LONGEST:
            return
        ids, new = self.rng.integers(1, V, (B, T)), np.full(B, T)          # 0 is the translator's pad
        if ragged and not past:
            new = self.rng.integers(1, T + 1, B)
        for text, row, n in zip(self.texts, ids, new):
            text.extend(row[T - n:].tolist())
        mask = np.array([[0] * (past + T - len(text)) + [1] * len(text) for text in self.texts])
        states = []
        found = self.model.next_logits(ids, self.cache, None if mask.all() and past % 2 else mask, states)
        self.fresh = min(self.fresh + T, SLACK if self.kind == "sliding_window" else LONGEST)
        for b, text in enumerate(self.texts):
            np.testing.assert_allclose(found[b], self.alone(b, text), **CLOSE)
        np.testing.assert_allclose(self.model.head(states[-1][:, -1]), found, **CLOSE)
        assert len(self.cache) == past + T and all(state.shape[:2] == (B, T) for state in states)

    def alone(self, b, text):
        """What follows a text, by one call without a past; of a rounding cache, by one that rounds the same."""
        model = self.model.select([b])
        return model.next_logits([text], model.new_cache(self.kind) if self.kind == "quantized" else None)[0]

    def spare(self):
        """As many tokens as may be taken back of every row, so that each keeps one."""
        return min(self.fresh, *(len(text) - 1 for text in self.texts))

    @rule(data=st.data())
    def truncate(self, data):
        back = data.draw(st.integers(0, self.spare()))
        self.cache.truncate(len(self.cache) - back)
        self.cut([back] * len(self.texts))

    @rule(data=st.data())
    def realign(self, data):
        """Rows lose one token or another, as of drafts, and what all of them have in pads in front."""
        B, S = len(self.texts), len(self.cache)
        back = data.draw(st.lists(st.integers(0, self.spare()), min_size=B, max_size=B))
        longest = max(len(text) - n for text, n in zip(self.texts, back))
        self.cache.realign([S - n for n in back], data.draw(st.integers(longest, S)))
        self.cut(back)

    def cut(self, back):
        self.texts = [text[:len(text) - n] for text, n in zip(self.texts, back, strict=True)]
        self.fresh -= max(back)

    @rule(data=st.data())
    def select(self, data):
        B = len(self.texts)
        rows = data.draw(st.lists(st.integers(0, B - 1), min_size=1, max_size=3))
        self.cache.select(rows)
        self.model = self.model.select(rows)
        self.texts = [list(self.texts[row]) for row in rows]

    @rule()
    def fork(self):
        self.other = self.model, self.cache.fork(), [list(text) for text in self.texts], self.fresh

    @precondition(lambda self: self.other)
    @rule()
    def go_on_with_the_other(self):
        here = self.model, self.cache, self.texts, self.fresh
        (self.model, self.cache, self.texts, self.fresh), self.other = self.other, here


MAKERS = {"gpt2": (small_gpt2, "dynamic"), "gpt2, static": (small_gpt2, "static"),
          "gpt2, quantized": (small_gpt2, "quantized"), "llama": (grouped_llama, "dynamic"),
          "llama, quantized": (grouped_llama, "quantized"), "mistral": (windowed_mistral, "dynamic"),
          "mistral, sliding": (windowed_mistral, "sliding_window"), "qwen2, sliding": (half_windowed_qwen2, "sliding_window"),
          "transformer": (translator, "dynamic"), "transformer, static": (translator, "static"),
          "transformer, quantized": (translator, "quantized")}


@checks(Decoder, GPT2, Llama, Mistral, Qwen2, ConditionalModel, KVCache, EncoderDecoderCache)
@pytest.mark.parametrize("make, kind", MAKERS.values(), ids=MAKERS)
def test_whatever_decoding_does_to_a_batch_each_row_gives_what_its_text_gives_alone(make, kind, monkeypatch):
    monkeypatch.setattr(sliding, "SLACK", SLACK)

    class Batch(Machine):
        pass
    Batch.make, Batch.kind = staticmethod(make), kind
    run_state_machine_as_test(Batch, settings=settings(stateful_step_count=20))


# what decoding asks of a model ----------------------------------------------------------------------------------------

LANGUAGE_MODELS = {"gpt2": gpt2, "llama": grouped_llama, "qwen2": half_windowed_qwen2,
                   "question answering": question_answering, "bigram": lambda rng: BigramLM(BigramConfig(V), rng=rng)}
language_models = pytest.mark.parametrize("make", LANGUAGE_MODELS.values(), ids=LANGUAGE_MODELS)
decoders = pytest.mark.parametrize("make", [gpt2, grouped_llama, half_windowed_qwen2], ids=["gpt2", "llama", "qwen2"])


@checks(LanguageModel, Decoder)
@language_models
@given(B=st.integers(1, 3), cut=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_the_hidden_states_of_a_text_are_the_same_through_a_cache_and_beside_the_logits(make, B, cut, seed):
    model, ids, _ = model_and_batch(make, B, 6, seed)
    expected, cache, first, second, whole = model.hidden_states(ids), model.new_cache(), [], [], []
    model.logits(ids[:, :cut], cache, states=first)
    model.next_logits(ids[:, cut:], cache, states=second)
    logits = model.logits(ids, states=whole)
    for state, parts, same in zip(expected, zip(first, second, strict=True), whole, strict=True):
        np.testing.assert_allclose(np.concatenate(parts, axis=1), state, **CLOSE)
        np.testing.assert_array_equal(same, state)
    np.testing.assert_array_equal(model.head(whole[-1]), logits)
    assert model.select(np.arange(B)[::-1]) is model


@checks(Decoder)
@decoders
@given(n=st.integers(1, 2), seed=st.integers(0, 2**32 - 1))
def test_an_early_exit_is_the_head_upon_an_earlier_state_and_shares_every_parameter(make, n, seed):
    model, ids, _ = model_and_batch(make, 2, 5, seed)
    shallow, states = model.early_exit(n), model.hidden_states(ids)
    through = states[n] if n == 2 else model._norm(states[n])[0]                 # the last state is normed already
    np.testing.assert_allclose(shallow.logits(ids), model.head(through), **CLOSE)
    assert len(shallow.new_cache().layers) == n == len(shallow.attention_maps(ids)) == len(shallow.hidden_states(ids)) - 1
    cache = shallow.new_cache()
    shallow.logits(ids[:, :3], cache)
    np.testing.assert_allclose(shallow.logits(ids[:, 3:], cache), shallow.logits(ids)[:, 3:], **CLOSE)
    model.parameters()[0].data = 2 * model.parameters()[0].data
    assert shallow.parameters() == model.parameters() and len(model.hidden_states(ids)) == 3
    np.testing.assert_array_equal(model.early_exit(2).logits(ids), model.logits(ids))


@checks(Decoder)
def test_an_early_exit_behind_no_layer_or_more_than_there_are_is_refused():
    model = gpt2(np.random.default_rng(0))
    for n in (0, -1, 1.0, None, True):
        with pytest.raises(GenerationError, match="n_layers must be an integer >= 1; got"):
            model.early_exit(n)
    with pytest.raises(GenerationError, match="n_layers=2; got 3"):
        model.early_exit(3)
    with pytest.raises(GenerationError, match="n_layers=1; got 2"):
        model.early_exit(1).early_exit(2)


@checks(Decoder, BigramLM, ConditionalModel)
def test_a_model_makes_the_kind_of_cache_that_is_asked_for_or_says_why_not():
    rng = np.random.default_rng(0)
    windowed, half = windowed_mistral(rng).new_cache("sliding_window"), half_windowed_qwen2(rng).new_cache("sliding_window")
    assert [isinstance(layer, SlidingLayerCache) for layer in [*windowed.layers, *half.layers]] == [True, True, False, True]
    given_source = translator(rng).given([[1, 2]])
    for model in (gpt2(rng), BigramLM(BigramConfig(V), rng=rng), given_source, half_windowed_qwen2(rng).early_exit(1)):
        with pytest.raises(GenerationError, match="none in any layer"):
            model.new_cache("sliding_window")
        with pytest.raises(GenerationError, match="the cache must be one of"):
            model.new_cache("offloaded")
    for model in (gpt2(rng), given_source):
        with pytest.raises(GenerationError, match="capacity must be an integer >= 1; got None"):
            model.new_cache("static")
        cache = model.new_cache("static", 2)
        with pytest.raises(GenerationError, match="at most capacity=2 tokens; got 3"):
            model.logits([[1, 2, 3]], cache)
        assert model.logits([[1, 2]], cache).shape[1] == len(cache) == 2


@checks(Decoder, ConditionalModel, KVCache, EncoderDecoderCache)
@pytest.mark.parametrize("make, kind", MAKERS.values(), ids=MAKERS)
def test_on_a_device_a_batch_is_cut_aligned_and_chosen_from_as_on_the_host(make, kind):
    rng = np.random.default_rng(0)
    ids, more = rng.integers(1, V, (2, 5)), rng.integers(1, V, (3, 1))

    def work():
        model = make(np.random.default_rng(0))
        if make is translator:
            model = model.given([[1, 2, 3], [4, 5, 0]])
        cache = model.new_cache(kind, LONGEST)
        logits = model.logits(ids, cache)
        cache.realign(np.array([5, 3]), 5)
        cache.select(rows := np.array([1, 0, 1]))
        fork, mask = cache.fork(), np.array([[0, 0, 1, 1, 1, 1], [1] * 6, [0, 0, 1, 1, 1, 1]])
        cache.truncate(3)
        return logits, model.select(rows).next_logits(more, fork, mask), model.select(rows).next_logits(more, cache, mask[:, :4])
    for found, expected in zip(*on_both(work), strict=True):
        assert_close(found, expected)
