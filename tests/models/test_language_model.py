"""What all language models share: loss, logits, views, ids at the door."""

import copy
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import DataError
from scratchgpt.models import GPT2, BigramConfig, BigramLM, GPT2Config, LanguageModel
from scratchgpt.models.language_model import last_of_rows
from scratchgpt.optim import AdamW
from tests.checks import checks
from tests.layers.cases import P, V, gpt2
from tests.layers.llama_cases import llama, question_answering, qwen2

MODELS = {"gpt2": gpt2, "bigram": lambda rng: BigramLM(BigramConfig(V), rng=rng), "llama": llama, "qwen2": qwen2,
          "question answering": question_answering}
models = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
batches = given(B=st.integers(1, 3), T=st.integers(1, P), seed=st.integers(0, 2**32 - 1))


def model_and_batch(make, B, T, seed):
    """A float64 model with weights of unit size, ids and targets."""
    rng = np.random.default_rng(seed)
    model = make(rng).astype(np.float64)
    for parameter in model.parameters():
        parameter.data = rng.normal(size=parameter.shape)
    return model, rng.integers(0, V, (B, T)), rng.integers(0, V, (B, T))


def gradients(model, ids, targets, dloss=1.0, **options):
    model.zero_grad()
    loss, backward = model.loss(ids, targets, **options)
    backward(dloss)
    return loss, [parameter.grad.copy() for parameter in model.parameters()]


@checks(LanguageModel, GPT2, BigramLM)
@models
@batches
def test_the_loss_is_minus_log_p_of_the_targets_on_average(make, B, T, seed):
    model, ids, targets = model_and_batch(make, B, T, seed)
    targets[0, 0] = -100
    loss, _ = model.loss(ids, targets)
    logits, losses = model.logits(ids), []
    for b in range(B):
        for t in range(T):
            if targets[b, t] != -100:
                scores = logits[b, t].tolist()
                top = max(scores)
                z = math.fsum(math.exp(s - top) for s in scores)
                losses.append(-math.log(math.exp(scores[targets[b, t]] - top) / z))
    assert float(loss) == pytest.approx(math.fsum(losses) / max(1, len(losses)), rel=1e-11)


@checks(LanguageModel)
@models
@batches
def test_label_smoothing_spreads_its_share_over_all_tokens(make, B, T, seed):
    model, ids, targets = model_and_batch(make, B, T, seed)
    plain, _ = model.loss(ids, targets)
    uniform = np.mean([float(model.loss(ids, np.full_like(ids, v))[0]) for v in range(V)])
    smooth, _ = model.loss(ids, targets, label_smoothing=0.3)
    assert float(smooth) == pytest.approx(0.7 * float(plain) + 0.3 * uniform, rel=1e-11)


@checks(LanguageModel, GPT2, BigramLM)
@models
@batches
def test_a_batch_without_targets_has_loss_0_and_zero_gradients(make, B, T, seed):
    model, ids, _ = model_and_batch(make, B, T, seed)
    loss, grads = gradients(model, ids, np.full((B, T), -100))
    assert float(loss) == 0
    assert all(not grad.any() for grad in grads)
    loss, grads = gradients(model, ids, np.zeros_like(ids), ignore_index=0)
    assert float(loss) == 0 and all(not grad.any() for grad in grads)


@checks(LanguageModel)
@models
@batches
def test_dloss_scales_every_gradient_and_accumulation_is_a_weighted_mean(make, B, T, seed):
    model, ids, targets = model_and_batch(make, B + 1, T, seed)
    _, whole = gradients(model, ids, targets)
    model.zero_grad()
    for rows in (slice(0, 1), slice(1, None)):
        _, backward = model.loss(ids[rows], targets[rows])
        backward(len(ids[rows]) / len(ids))
    for parameter, expected in zip(model.parameters(), whole):
        np.testing.assert_allclose(parameter.grad, expected, rtol=1e-9, atol=1e-12)


@checks(LanguageModel, GPT2, BigramLM)
@models
@batches
def test_logits_do_not_depend_on_later_ids(make, B, T, seed):
    model, ids, other = model_and_batch(make, B, T, seed)
    logits = model.logits(ids)
    for t in range(T):
        changed = np.concatenate([ids[:, :t + 1], other[:, t + 1:]], axis=1)
        np.testing.assert_array_equal(model.logits(changed)[:, :t + 1], logits[:, :t + 1])
    np.testing.assert_array_equal(model.forward(ids)[0], logits)
    np.testing.assert_allclose(model.next_logits(ids), logits[:, -1], rtol=1e-11, atol=1e-12)


@checks(LanguageModel)
@models
def test_hidden_states_end_in_what_the_head_reads(make):
    model, ids, _ = model_and_batch(make, 2, 5, 0)
    states = model.hidden_states(ids)
    np.testing.assert_allclose(model._head(states[-1])[0], model.logits(ids), rtol=1e-12)


@checks(last_of_rows)
@given(B=st.integers(1, 3), T=st.integers(1, 5), past=st.integers(0, 3), seed=st.integers(0, 2**32 - 1))
def test_what_stands_at_a_rows_last_token_is_found_behind_any_pads(B, T, past, seed):
    rng = np.random.default_rng(seed)
    h, words = rng.normal(size=(B, T, 2)), rng.integers(0, 2, (B, past + T))
    words[:, past + rng.integers(T)] = 1
    found = last_of_rows(h, words)
    for b in range(B):
        np.testing.assert_array_equal(found[b], h[b][[t for t in range(T) if words[b, past + t]][-1]])
    np.testing.assert_array_equal(last_of_rows(h), h[:, -1])


@checks(LanguageModel)
@models
@pytest.mark.parametrize("ids, says", [
    ([[0, V]], rf"\[0, vocab_size={V}\); got {V}"), ([[0, -1]], "got -1"), ([[0, -100]], "got -100"),
    (np.array([[2**63]], np.uint64), "got 9223372036854775808"), ([[0.0, 1.0]], "integers"), ([[True]], "integers"),
    ([["a"]], "integers"), ([[]], "at least one"), (np.zeros((0, 3), int), "at least one"), ([1, 2], "(B, T)"),
    (np.zeros((1, 1, 1), int), "(B, T)"), ([[1, 2], [3]], "(B, T)"), (3, "(B, T)"), (None, "(B, T)"), ("abc", "(B, T)"),
])
def test_ids_that_are_not_tokens_are_refused_by_every_door(make, ids, says):
    model, _, _ = model_and_batch(make, 1, 1, 0)
    for door in (model, model.logits, model.next_logits, model.hidden_states, model.attention_maps, model.check_ids,
                 lambda ids: model.loss(ids, [[0, 0]])):
        with pytest.raises(DataError, match=says.replace("(B, T)", r"\(B, T\)")):
            door(ids)


@checks(LanguageModel)
@models
@pytest.mark.parametrize("targets", [[[0, V]], [[0, -1]], [[0]], [[0.0, 1.0]], [0, 1], [[0, 1], [2, 3]], [[0, 1], [2]],
                                     None, 0])
def test_targets_that_do_not_fit_are_refused(make, targets):
    model, _, _ = model_and_batch(make, 1, 1, 0)
    with pytest.raises(DataError, match="targets must be"):
        model.loss([[0, 1]], targets)


@checks(LanguageModel)
@models
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.uint16, np.uint64, list])
def test_ids_of_every_integer_type_mean_the_same(make, kind):
    model, ids, targets = model_and_batch(make, 2, 4, 0)
    other, wanted = (ids.tolist(), targets.tolist()) if kind is list else (ids.astype(kind), targets.astype(kind))
    np.testing.assert_array_equal(model.logits(other), model.logits(ids))
    loss, grads = gradients(model, other, wanted)
    expected, expected_grads = gradients(model, ids, targets)
    assert loss == expected
    for found, grad in zip(grads, expected_grads):
        np.testing.assert_array_equal(found, grad)


@checks(LanguageModel)
def test_a_text_longer_than_the_context_is_refused_with_the_cached_past_counted():
    model = gpt2(np.random.default_rng(0))
    with pytest.raises(DataError, match=f"n_positions={P} tokens; got {P + 1}"):
        model.logits(np.zeros((1, P + 1), int))
    cache = model.new_cache()
    model.logits(np.zeros((1, P), int), cache)
    with pytest.raises(DataError, match=f"got {P + 1}"):
        model.next_logits([[0]], cache)
    assert len(cache) == P


def peak_bytes(work):
    """The most memory in use at once while working, and what is left when only the result is held."""
    tracemalloc.start()
    try:
        result = work()
        left, peak = tracemalloc.get_traced_memory()
        return peak, left, result
    finally:
        tracemalloc.stop()


@checks(LanguageModel, GPT2)
def test_inference_holds_no_activations_where_training_holds_all():
    def model(n_layer):
        return GPT2(GPT2Config(vocab_size=V, n_positions=32, n_embd=32, n_head=2, n_layer=n_layer),
                    rng=np.random.default_rng(0))
    ids = np.zeros((8, 32), int)
    shallow, deep = model(1), model(8)
    shallow.logits(ids), deep.logits(ids)                                    # whatever is made once is made now
    peaks = [peak_bytes(lambda: net.logits(ids))[0] for net in (shallow, deep)]
    assert peaks[1] < 1.1 * peaks[0]
    _, left, logits = peak_bytes(lambda: deep.logits(ids))
    assert left < 2 * logits.nbytes + 10_000
    _, kept, _ = peak_bytes(lambda: deep.forward(ids))
    assert kept > 8 * 8 * 32 * 32 * 4 * 10                                   # 10 C of float32 and more in each layer


@checks(LanguageModel, AdamW)
@models
def test_a_few_steps_reduce_the_loss_of_a_pattern_that_can_be_learned(make):
    rng = np.random.default_rng(0)
    model = make(rng)
    ids = np.arange(P + 1)[None] * 2 % V
    optimizer, losses = AdamW(model.parameters(), lr=0.05), []
    for _ in range(40):
        model.zero_grad()
        loss, backward = model.loss(ids[:, :-1], ids[:, 1:])
        backward()
        optimizer.step()
        losses.append(float(loss))
    assert losses[0] == pytest.approx(math.log(V), rel=0.05)                 # at first every token is as likely
    assert losses[-1] < 0.3 * losses[0]


@checks(LanguageModel)
@models
def test_a_model_can_be_copied_and_its_copy_lives_alone(make):
    model, ids, targets = model_and_batch(make, 2, 3, 0)
    twin = copy.deepcopy(model)
    gradients(twin, ids, targets)
    assert all(parameter.grad is None for parameter in model.parameters())
    np.testing.assert_array_equal(twin.logits(ids), model.logits(ids))
