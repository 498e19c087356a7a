"""Vocabularies that grow and shrink: what a model knew stays, and what is new can be learned."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import backend
from scratchgpt.errors import ConfigError
from scratchgpt.layers import Embedding, Linear
from scratchgpt.models import (GPT2, BigramConfig, BigramLM, GPT2Config, LanguageModel, Llama, Mistral,
                               QuestionAnsweringGPT, Qwen2, Qwen3)
from scratchgpt.optim import SGD, AdamW
from scratchgpt.tokenizers import BPETokenizer
from tests.checks import checks
from tests.gradcheck import check_gradient
from tests.layers.cases import V, gpt2
from tests.layers.llama_cases import llama, mistral, question_answering, qwen2, qwen3
from tests.models.test_language_model import gradients, model_and_batch
from tests.strict_device import StrictArray, StrictBackend

backend.register("strict", StrictBackend)


class Untied(LanguageModel):
    """A bigram of low rank, whose table and head are two matrices: the smallest model with a head of its own."""

    n_positions = None

    def __init__(self, config, *, rng):
        self.config = config
        self.wte = Embedding(config.vocab_size, 3, rng=rng)
        self.lm_head = Linear(3, config.vocab_size, rng=rng)

    def _trunk(self, ids, pullbacks, attention_mask=None, cache=None, rng=None, states=None):
        h, back = self.wte(ids)
        pullbacks.append(back)
        return h

    def _head(self, h):
        return self.lm_head(h)

    def _vocabulary(self):
        return [(self.wte.weight, (0,)), (self.lm_head.weight, (1,)), (self.lm_head.bias, (0,))]


MODELS = {"gpt2": gpt2, "bigram": lambda rng: BigramLM(BigramConfig(V), rng=rng),
          "untied": lambda rng: Untied(BigramConfig(V), rng=rng),
          "llama": lambda rng: llama(rng, hidden_size=8),
          "qwen3, tied": lambda rng: qwen3(rng, hidden_size=8, tie_word_embeddings=True)}
models = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
sizes = given(size=st.integers(1, 3 * V), seed=st.integers(0, 2**32 - 1))


def arrays_of(model):
    return {name: array.copy() for name, array in model.state_dict().items()}


def first(array, shape):
    """The corner of an array that has `shape`, if that is smaller."""
    return array[tuple(slice(length) for length in shape)]


@checks(LanguageModel, GPT2, BigramLM)
@models
@sizes
def test_every_entry_that_an_old_token_has_keeps_its_bits(make, size, seed):
    model = make(np.random.default_rng(seed))
    before, objects = arrays_of(model), model.parameters()
    model.resize_embedding(size, *([np.random.default_rng(1)] if seed % 2 else []))
    assert model.config.vocab_size == size
    assert all(new is old for new, old in zip(model.parameters(), objects, strict=True))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(first(array, before[name].shape), first(before[name], array.shape))
        assert array.dtype == np.float32
        assert array.shape == tuple(size if length == V else length for length in before[name].shape)


@checks(LanguageModel, GPT2, BigramLM)
@models
@sizes
def test_old_tokens_keep_their_hidden_states_and_their_logits(make, size, seed):
    model = make(np.random.default_rng(seed))
    ids = np.random.default_rng(seed).integers(0, min(V, size), (2, 5))
    h, logits = model._trunk(ids, []), model.logits(ids)
    model.resize_embedding(size)
    found = model.logits(ids)
    assert found.shape == (2, 5, size) and found.dtype == np.float32
    if make is MODELS["bigram"]:                                             # its hidden states are its logits
        np.testing.assert_array_equal(found[..., :V], logits[..., :size])
    else:
        np.testing.assert_array_equal(model._trunk(ids, []), h)              # bit for bit
        np.testing.assert_allclose(found[..., :V], logits[..., :size], rtol=1e-5, atol=1e-6)


@checks(LanguageModel)
@models
@given(more=st.integers(1, 2 * V), seed=st.integers(0, 2**32 - 1))
def test_new_tokens_are_the_mean_and_take_little_probability_from_the_old(make, more, seed):
    model, ids, _ = model_and_batch(make, 2, 5, seed)
    before, logits = arrays_of(model), model.logits(ids)
    model.resize_embedding(V + more)
    for name, array in model.state_dict().items():
        if array.shape[0] > before[name].shape[0]:
            rows = first(array, (V + more, *before[name].shape[1:]))
            np.testing.assert_allclose(rows[V:], np.broadcast_to(before[name].mean(axis=0), rows[V:].shape), atol=1e-12)
    found = model.logits(ids)
    np.testing.assert_allclose(found[..., V:], np.repeat(logits.mean(axis=-1)[..., None], more, axis=-1), atol=1e-11)
    old, new = (np.exp(scores[..., :V]) / np.exp(scores).sum(axis=-1, keepdims=True) for scores in (logits, found))
    assert (new <= old * (1 + 1e-9)).all() and (old <= new * (1 + more / V) * (1 + 1e-9)).all()


@checks(LanguageModel, GPT2)
@pytest.mark.parametrize("std", [0.02, 0.3, 0.0])
def test_with_a_generator_new_tokens_are_drawn_as_at_construction(std):
    config = GPT2Config(vocab_size=V, n_positions=3, n_embd=4, n_layer=1, n_head=2, initializer_range=std)
    model = GPT2(config, rng=np.random.default_rng(0))
    model.resize_embedding(V + 2_000, rng=np.random.default_rng(1))
    new = model.wte.weight.data[V:]
    np.testing.assert_array_equal(new, Embedding(2_000, 4, rng=np.random.default_rng(1), std=std).weight.data)
    assert abs(new.std() - std) <= 0.05 * std


@checks(LanguageModel)
@models
@sizes
def test_growing_and_then_shrinking_gives_the_model_back(make, size, seed):
    model = make(np.random.default_rng(seed))
    before = arrays_of(model)
    model.resize_embedding(V + size, np.random.default_rng(seed))
    model.resize_embedding(V)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
        assert array.base is None, "the rows that are gone would still hold their memory"


@checks(LanguageModel, GPT2, BigramLM)
@models
@pytest.mark.parametrize("size", [3, V + 3])
def test_the_gradient_is_right_in_every_old_and_new_entry(make, size):
    model, _, _ = model_and_batch(make, 1, 1, 0)
    model.resize_embedding(size)
    ids, targets = np.random.default_rng(0).integers(0, size, (2, 2, 5))
    ids[0, 0] = targets[0, 1] = size - 1
    _, grads = gradients(model, ids, targets)
    names = list(model.state_dict())

    def loss(arrays):
        for name, parameter in model.named_parameters():
            parameter.data = arrays[name]
        return model.loss(ids, targets)[0]
    check_gradient(loss, arrays_of(model), dict(zip(names, grads, strict=True)))


@checks(LanguageModel)
@models
def test_new_tokens_that_start_equal_are_told_apart_by_training(make):
    model = make(np.random.default_rng(0))
    model.resize_embedding(V + 2)
    ids = np.array([[0, V, 1, V + 1, 2, V, 1]])
    optimizer = AdamW(model.parameters(), lr=0.05)
    for _ in range(150):
        gradients(model, ids[:, :-1], ids[:, 1:])
        optimizer.step()
    np.testing.assert_array_equal(model.logits(ids[:, :-1]).argmax(axis=-1), ids[:, 1:])


@checks(LanguageModel)
@models
def test_gradients_of_the_old_shape_are_forgotten_and_a_frozen_table_stays_frozen(make):
    model, ids, targets = model_and_batch(make, 2, 3, 0)
    gradients(model, ids, targets)
    table = model.parameters()[0]
    table.trainable = False
    model.resize_embedding(V + 1)
    assert table.grad is None and not table.trainable
    model.loss(ids, targets)[1]()
    assert table.grad is None
    table.trainable = True
    model.zero_grad()
    model.loss(ids, targets)[1]()
    assert table.grad.shape == table.shape and table.shape[0] == V + 1


@checks(LanguageModel)
@models
@pytest.mark.parametrize("make_optimizer", [AdamW, lambda parameters: SGD(parameters, 0.1, momentum=0.9)])
def test_an_optimizer_with_averages_of_the_old_shape_fails_to_step_and_a_new_one_steps(make, make_optimizer):
    model, ids, targets = model_and_batch(make, 2, 3, 0)
    optimizer = make_optimizer(model.parameters())
    gradients(model, ids, targets)
    optimizer.step()
    model.resize_embedding(V + 1)
    gradients(model, ids, targets)
    before = [parameter.data.copy() for parameter in model.parameters()]
    with pytest.raises(ConfigError, match="make a new optimizer after resize_embedding"):
        optimizer.step()
    assert all((parameter.data == old).all() for parameter, old in zip(model.parameters(), before, strict=True))
    make_optimizer(model.parameters()).step()


@checks(LanguageModel, GPT2, BigramLM)
@pytest.mark.parametrize("make", [MODELS["gpt2"], MODELS["bigram"]], ids=["gpt2", "bigram"])
@pytest.mark.parametrize("size", [3, V, V + 4])
def test_a_resized_model_is_saved_and_loaded_with_its_new_size(make, size, tmp_path):
    model = make(np.random.default_rng(0))
    model.resize_embedding(size)
    model.save_pretrained(tmp_path)
    twin = type(model).from_pretrained(tmp_path)
    assert twin.config == model.config and twin.config.vocab_size == size
    assert twin.num_parameters == twin.config.num_parameters
    for name, array in twin.state_dict().items():
        np.testing.assert_array_equal(array, model.state_dict()[name])
    twin.resize_embedding(size + 1)                                          # also a table that is mapped from a file
    np.testing.assert_array_equal(twin.parameters()[0].data[:size, :3], model.parameters()[0].data[:, :3])


@checks(LanguageModel)
@models
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_the_dtype_is_kept(make, dtype):
    model = make(np.random.default_rng(0)).astype(dtype)
    for size, rng in ((V + 2, None), (V + 4, np.random.default_rng(0)), (2, None)):
        model.resize_embedding(size, rng)
        assert all(parameter.data.dtype == dtype for parameter in model.parameters())


@checks(LanguageModel)
@models
def test_the_device_is_kept_also_outside_its_with_block(make):
    with backend.use("strict"):
        model = make(np.random.default_rng(0))
    plain = make(np.random.default_rng(0))
    for size, seed in ((V + 2, None), (V + 4, 0), (2, None)):
        for each in (model, plain):
            each.resize_embedding(size, None if seed is None else np.random.default_rng(seed))
        for found, expected in zip(model.parameters(), plain.parameters(), strict=True):
            assert isinstance(found.data, StrictArray)
            np.testing.assert_allclose(backend.to_host(found.data), expected.data, rtol=1e-5, atol=1e-7)


@checks(LanguageModel)
@models
@pytest.mark.parametrize("arguments, says", [((0,), "vocab_size.*got 0"), ((-1,), "got -1"), ((8.0,), "got 8.0"),
                                             ((True,), "got True"), (("9",), "got '9'"), ((None,), "got None"),
                                             ((2**31,), "vocab_size"), ((9, 0), "default_rng")])
def test_a_size_that_cannot_be_is_refused_and_changes_nothing(make, arguments, says):
    model = make(np.random.default_rng(0))
    before, config = arrays_of(model), model.config
    with pytest.raises(ConfigError, match=says):
        model.resize_embedding(*arguments)
    assert model.config == config
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@checks(LanguageModel, Llama, Mistral, Qwen2, Qwen3, QuestionAnsweringGPT)
@pytest.mark.parametrize("make", [llama, lambda rng: llama(rng, tie_word_embeddings=True), mistral, qwen2, qwen3,
                                  question_answering])
@pytest.mark.parametrize("size", [4, V, V + 5])
def test_every_model_is_resized_saved_and_loaded_with_its_old_tokens_saying_what_they_said(make, size, tmp_path):
    model, ids = make(np.random.default_rng(0)), np.random.default_rng(1).integers(0, 4, (2, 5))
    logits = model.logits(ids)
    model.resize_embedding(size)
    assert model.config.vocab_size == size and model.config.num_parameters == model.num_parameters
    np.testing.assert_allclose(model.logits(ids)[..., :V], logits[..., :size], rtol=1e-5, atol=1e-6)
    model.save_pretrained(tmp_path)
    twin = type(model).from_pretrained(tmp_path)
    assert twin.config == model.config
    np.testing.assert_array_equal(twin.logits(ids), model.logits(ids))


@checks(QuestionAnsweringGPT)
@pytest.mark.parametrize("size", [1, 2])
def test_a_vocabulary_without_the_tokens_that_a_model_needs_is_refused(size):
    model = question_answering(np.random.default_rng(0))
    with pytest.raises(ConfigError, match="sep_token_id must be a token, below a vocabulary of"):
        model.resize_embedding(size)
    assert model.config.vocab_size == V


@checks(LanguageModel)
def test_a_tokenizer_grows_and_its_model_with_it():
    tokenizer = BPETokenizer.train("the cat sat on the mat", 260)
    model = BigramLM(BigramConfig(tokenizer.vocab_size), rng=np.random.default_rng(0))
    assert tokenizer.add_special_tokens({"eos_token": "<|end|>"}) == 1
    model.resize_embedding(tokenizer.vocab_size)
    ids = tokenizer.encode("the cat<|end|>", allowed_special="all")
    assert model.logits([ids]).shape == (1, len(ids), 261)
