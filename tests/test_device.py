"""The library on the strict device: modules, a loss, optimiser steps, generation, files. What passes is API-checked.

Before this file: `strict_device`, `layers/cases.py`. After it: nothing here mixes host and device arrays, waits for
the device unasked, or uses a name that CuPy lacks; and the results are NumPy's.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import backend
from scratchgpt.decoding import generate
from scratchgpt.layers import Checkpoint
from scratchgpt.models import GPT2, BigramConfig, BigramLM
from scratchgpt.module import Module, Parameter
from scratchgpt.optim import SGD, Adam, AdamW, clip_grad_norm, grad_norm
from tests import laws
from tests.checks import checks
from tests.layers.cases import CASES, MODULES, P, V, gpt2
from tests.layers.llama_cases import LLAMA_CASES, LLAMA_MODULES, llama, mistral, question_answering, qwen2, qwen3
from tests.layers.test_laws import FEW
from tests.strict_device import StrictArray, StrictBackend

backend.register("strict", StrictBackend)
IDS = np.array([[1, 5, 2, 0], [3, 3, 6, 1]])
OPTIMIZERS = {
    "sgd": lambda parameters: SGD(parameters, lr=0.1, weight_decay=0.01),
    "nesterov": lambda parameters: SGD(parameters, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda parameters: Adam(parameters, lr=0.01, weight_decay=0.01),
    "adamw": lambda parameters: AdamW(parameters, lr=0.01),
}


def on(device, work):
    """`work()` with everything created on `device`."""
    with backend.use(device):
        return work()


def on_both(work):
    return on("strict", work), on("numpy", work)


def assert_close(found, expected):
    assert isinstance(found, StrictArray) and found.dtype == expected.dtype
    np.testing.assert_allclose(backend.to_host(found), expected, rtol=1e-4, atol=1e-5)


@checks(Module, *MODULES, *LLAMA_MODULES)
@pytest.mark.parametrize("case", [*CASES, *LLAMA_CASES], ids=lambda case: case.name)
@FEW
@given(B=st.integers(1, 3), T=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_every_module_computes_on_the_device_what_it_computes_on_the_host(case, B, T, seed):
    laws.strict_agrees(case, B, T, seed)


@checks(backend.use, backend.current, Parameter)
def test_parameters_live_where_they_were_created():
    strict, plain = on_both(lambda: gpt2(np.random.default_rng(0)))
    assert all(isinstance(p.data, StrictArray) for p in strict.parameters())
    assert all(type(p.data) is np.ndarray for p in plain.parameters())
    for found, expected in zip(strict.parameters(), plain.parameters(), strict=True):
        np.testing.assert_array_equal(backend.to_host(found.data), expected.data)     # drawn on the host: the same bits


@checks(GPT2, SGD, Adam, AdamW, clip_grad_norm, grad_norm, Checkpoint)
@pytest.mark.parametrize("checkpoints", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_steps_on_the_device_are_those_on_the_host(name, checkpoints):
    def train():
        model = gpt2(np.random.default_rng(0), p=0.1, checkpoint_activations=checkpoints)
        optimizer, rng = OPTIMIZERS[name](model.parameters()), np.random.default_rng(1)
        for _ in range(3):
            model.zero_grad()
            loss, backward = model.loss(IDS, np.roll(IDS, 1), rng=rng, ignore_index=0, label_smoothing=0.1)
            backward()
            norm = clip_grad_norm(model.parameters(), 0.5)
            optimizer.step()
        return loss, norm, model
    (loss, norm, strict), (expected, expected_norm, plain) = on_both(train)
    assert_close(loss, expected)
    assert norm == pytest.approx(expected_norm, rel=1e-4)
    for found, wanted in zip(strict.parameters(), plain.parameters(), strict=True):
        assert_close(found.data, wanted.data)


@checks(Adam)
def test_an_optimizer_on_the_device_goes_on_from_a_state_of_the_host():
    def stepped():
        model = gpt2(np.random.default_rng(0))
        model.loss(IDS, IDS)[1]()
        optimizer = Adam(model.parameters())
        optimizer.step()
        return model, optimizer
    (model, optimizer), (plain_model, plain) = on_both(stepped)
    optimizer.load_state_dict(plain.state_dict())
    optimizer.step(), plain.step()
    for found, wanted in zip(model.parameters(), plain_model.parameters(), strict=True):
        assert_close(found.data, wanted.data)


@checks(generate)
@pytest.mark.parametrize("options", [{}, {"top_k": 3}, {"top_p": 0.8, "temperature": 0.7}, {"top_k": 4, "top_p": 0.9}])
def test_generation_on_the_device_gives_the_tokens_of_the_host_past_the_context_too(options):
    def tokens():
        model = gpt2(np.random.default_rng(0))
        for parameter in model.parameters():
            parameter.data = parameter.data * 20
        rng = np.random.default_rng(2)
        return generate(model, IDS, max_new_tokens=P, rng=rng if options else None, **options)
    strict, plain = on_both(tokens)
    assert type(strict) is np.ndarray
    np.testing.assert_array_equal(strict, plain)


FAMILY = {"gpt2": gpt2, "llama": llama, "mistral": mistral, "qwen2": qwen2, "qwen3": qwen3,
          "question answering": question_answering, "llama, dynamic": lambda rng: llama(
              rng, head_dim=4, max_position_embeddings=4, rope_parameters={"rope_type": "dynamic", "factor": 2.0})}


@checks(generate, *LLAMA_MODULES)
@pytest.mark.parametrize("make", FAMILY.values(), ids=FAMILY)
def test_padded_batches_are_scored_and_continued_on_the_device_as_on_the_host(make):
    words = np.array([[0, 0, 1, 1], [1, 1, 1, 0]])

    def work():
        model = make(np.random.default_rng(0))
        for parameter in model.parameters():
            parameter.data = parameter.data * 20
        ended = generate(model, IDS, words, max_new_tokens=4, eos_token_id=[1, 2], pad_token_id=0)
        return model.logits(IDS, attention_mask=words), ended, model.hidden_states(IDS, words)
    (found, text, states), (expected, plain, plain_states) = on_both(work)
    assert type(text) is np.ndarray
    np.testing.assert_array_equal(text, plain)
    for one, other in zip([found, *states], [expected, *plain_states], strict=True):
        assert_close(one, other)


@checks(GPT2)
def test_views_and_logits_come_from_the_device_and_take_ids_from_the_host():
    for view in ("hidden_states", "attention_maps"):
        strict, plain = on_both(lambda: getattr(gpt2(np.random.default_rng(0)), view)(IDS.tolist()))
        for found, expected in zip(strict, plain, strict=True):
            assert_close(found, expected)
    assert_close(*on_both(lambda: gpt2(np.random.default_rng(0)).logits(IDS)))


@checks(GPT2, BigramLM)
@pytest.mark.parametrize("make", [lambda: gpt2(np.random.default_rng(0)),
                                  lambda: BigramLM(BigramConfig(V), rng=np.random.default_rng(0))])
def test_a_model_is_saved_from_the_device_and_loaded_onto_it(make, tmp_path):
    model = on("strict", make)
    model.save_pretrained(tmp_path)
    again, plain = on_both(lambda: type(model).from_pretrained(tmp_path))
    for found, on_host, saved in zip(again.parameters(), plain.parameters(), model.parameters(), strict=True):
        assert isinstance(found.data, StrictArray) and type(on_host.data) is np.ndarray
        np.testing.assert_array_equal(backend.to_host(found.data), backend.to_host(saved.data))
        np.testing.assert_array_equal(on_host.data, backend.to_host(saved.data))
