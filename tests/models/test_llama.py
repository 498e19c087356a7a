"""All decoders: their caches, their windows, their padding. A row of a padded batch gives what it gives alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.errors import DataError
from scratchgpt.layers import Checkpoint
from scratchgpt.models import (GPT2, Llama, LlamaConfig, Mistral, MistralConfig, QuestionAnsweringConfig,
                               QuestionAnsweringGPT, Qwen2, Qwen2Config, Qwen3, Qwen3Config)
from scratchgpt.models.decoder import Decoder
from tests.checks import checks
from tests.layers.cases import P, V, gpt2
from tests.layers.llama_cases import LLAMA3, llama, mistral, question_answering, qwen2, qwen3
from tests.models.test_language_model import gradients, model_and_batch

DEEP = dict(num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, hidden_size=4)
YARN = {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 4}
SEE_ALL = {
    "gpt2": gpt2,
    "llama": lambda rng: llama(rng, **DEEP),
    "llama, biased and tied, llama3": lambda rng: llama(rng, **DEEP, attention_bias=True, mlp_bias=True,
                                                        tie_word_embeddings=True, rope_parameters=LLAMA3),
    "llama, yarn": lambda rng: llama(rng, **DEEP, rope_parameters=YARN),
    "llama, dynamic": lambda rng: llama(rng, **{**DEEP, "head_dim": 4},
                                        rope_parameters={"rope_type": "dynamic", "factor": 2.0}),
    "qwen3": lambda rng: qwen3(rng, **DEEP),
    "question answering": question_answering,
}
IN_WINDOWS = {"mistral": lambda rng: mistral(rng, **{**DEEP, "sliding_window": 3}),
              "qwen2": lambda rng: qwen2(rng, **DEEP)}
MODELS = {**SEE_ALL, **IN_WINDOWS}
models = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
models_that_see_all = pytest.mark.parametrize("make", SEE_ALL.values(), ids=SEE_ALL)
family = checks(Decoder, GPT2, Llama, Mistral, Qwen2, Qwen3, QuestionAnsweringGPT)
FEW = settings(max_examples=max(10, settings.default.max_examples // 3))
CLOSE = dict(rtol=1e-9, atol=1e-10)


def batches(test):
    """Several sizes and seeds; fewer than usual, as there are many models."""
    return FEW(given(B=st.integers(1, 3), T=st.integers(1, P), seed=st.integers(0, 2**32 - 1))(test))


def padding(rng, B, T, side):
    """Words 1 and pads 0: rows of any length, none at all among them, on one side or anywhere."""
    if side == "anywhere":
        return rng.integers(0, 2, (B, T))
    lengths = rng.integers(0, T + 1, (B, 1))
    return (np.arange(T) < lengths if side == "right" else np.arange(T) >= T - lengths).astype(int)


def padded_batch(make, B, T, seed, side):
    model, ids, targets = model_and_batch(make, B, T, seed)
    words = padding(np.random.default_rng([seed, 1]), B, T, side)
    return model, ids, words, np.where(words == 1, targets, -100)


# the cache ------------------------------------------------------------------------------------------------------------

@family
@models
@FEW
@given(B=st.integers(1, 2), T=st.integers(1, P), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_cached_logits_are_the_logits_of_the_whole_wherever_the_text_is_cut(make, B, T, seed, data):
    model, ids, _ = model_and_batch(make, B, T, seed)
    logits, cache, done = model.logits(ids), model.new_cache(), 0
    while done < T:
        end = data.draw(st.integers(done + 1, T))
        np.testing.assert_allclose(model.logits(ids[:, done:end], cache), logits[:, done:end], **CLOSE)
        done = end
        assert len(cache) == done
    back = data.draw(st.integers(0, T - 1))
    cache.truncate(back)
    np.testing.assert_allclose(model.next_logits(ids[:, back:], cache), logits[:, -1], **CLOSE)


@family
@models
@FEW
@given(B=st.integers(1, 2), T=st.integers(2, P), side=st.sampled_from(["left", "right"]),
       seed=st.integers(0, 2**32 - 1), data=st.data())
def test_a_padded_batch_has_the_same_logits_through_a_cache(make, B, T, side, seed, data):
    model, ids, words, _ = padded_batch(make, B, T, seed, side)
    logits, cache, cut = model.logits(ids, attention_mask=words), model.new_cache(), data.draw(st.integers(1, T - 1))
    for part in (slice(0, cut), slice(cut, T)):
        cached, real = model.logits(ids[:, part], cache, words[:, :part.stop]), words[:, part] == 1
        np.testing.assert_allclose(cached[real], logits[:, part][real], **CLOSE)
        assert np.isfinite(cached).all()


# padding --------------------------------------------------------------------------------------------------------------

def assert_rows_are_as_they_are_alone(model, ids, words):
    logits, states, last = model.logits(ids, attention_mask=words), model.hidden_states(ids, words), None
    last = model.next_logits(ids, attention_mask=words)
    assert np.isfinite(logits).all() and all(np.isfinite(state).all() for state in states)
    for b, row in enumerate(words == 1):
        if row.any():
            alone = ids[b][row][None]
            np.testing.assert_allclose(logits[b][row], model.logits(alone)[0], **CLOSE)
            np.testing.assert_allclose(last[b], model.next_logits(alone)[0], **CLOSE)
            for state, expected in zip(states, model.hidden_states(alone), strict=True):
                np.testing.assert_allclose(state[b][row], expected[0], **CLOSE)


@family
@models
@batches
def test_a_row_that_is_padded_on_the_left_or_on_the_right_is_as_it_is_alone(make, B, T, seed):
    for side in ("left", "right"):
        model, ids, words, _ = padded_batch(make, B, T, seed, side)
        assert_rows_are_as_they_are_alone(model, ids, words)


@family
@models_that_see_all
@batches
def test_without_windows_so_is_a_row_with_pads_between_its_words(make, B, T, seed):
    model, ids, words, _ = padded_batch(make, B, T, seed, "anywhere")
    assert_rows_are_as_they_are_alone(model, ids, words)


@family
@models
@FEW
@given(T=st.integers(1, P), seed=st.integers(0, 2**32 - 1))
def test_a_row_of_pads_alone_gives_finite_numbers_and_changes_no_other_row(make, T, seed):
    model, ids, targets = model_and_batch(make, 2, T, seed)
    words = np.array([[1] * T, [0] * T])
    logits = model.logits(ids, attention_mask=words)
    assert np.isfinite(logits).all()
    np.testing.assert_allclose(logits[0], model.logits(ids[:1])[0], **CLOSE)
    loss, grads = gradients(model, ids, np.where(words == 1, targets, -100), attention_mask=words)
    alone, grads_alone = gradients(model, ids[:1], targets[:1])
    np.testing.assert_allclose(loss, alone, **CLOSE)
    for found, expected in zip(grads, grads_alone, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)
    assert np.isfinite(model.loss(ids, targets, attention_mask=words)[0])


@family
@models
@batches
def test_what_token_stands_at_a_pad_changes_no_bit_of_scores_and_gradients(make, B, T, seed):
    model, ids, words, targets = padded_batch(make, B, T, seed, ("left", "right", "anywhere")[seed % 3])
    other = np.where(words == 1, ids, np.random.default_rng(seed).integers(0, V, (B, T)))
    logits, changed = (model.logits(each, attention_mask=words) for each in (ids, other))
    np.testing.assert_array_equal(changed[words == 1], logits[words == 1])
    (loss, grads), (other_loss, other_grads) = (gradients(model, each, targets, attention_mask=words)
                                                for each in (ids, other))
    assert loss == other_loss
    for found, expected in zip(other_grads, grads, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@family
@models
@batches
def test_gradients_of_a_padded_batch_are_those_of_its_rows_weighted_by_their_words(make, B, T, seed):
    model, ids, words, targets = padded_batch(make, B, T, seed, ("left", "right")[seed % 2])
    count = words.sum()
    loss, grads = gradients(model, ids, targets, attention_mask=words)
    total, sums = 0.0, [np.zeros_like(grad) for grad in grads]
    for b, row in enumerate(words == 1):
        if row.any():
            alone, of_row = gradients(model, ids[b][row][None], targets[b][row][None])
            total += float(alone) * row.sum() / count
            for s, g in zip(sums, of_row):
                s += g * (row.sum() / count)
    np.testing.assert_allclose(loss, total, **CLOSE)
    for found, expected in zip(grads, sums):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


@family
@models
def test_a_mask_that_hides_nothing_is_no_mask(make):
    model, ids, targets = model_and_batch(make, 2, 4, 0)
    for ones in (np.ones((2, 4)), [[1, 1, 1, 1]] * 2, np.ones((2, 4), bool), np.ones((2, 4), np.uint8)):
        np.testing.assert_array_equal(model.logits(ids, attention_mask=ones), model.logits(ids))
    words = np.array([[0, 1, 1, 1], [1, 1, 1, 0]])
    expected = model.logits(ids, attention_mask=words)
    for same in (words.tolist(), words.astype(bool), words.astype(np.float32), words.astype(np.int8)):
        np.testing.assert_array_equal(model.logits(ids, attention_mask=same), expected)


MASKS = {"too short": [[1, 1]], "too long": [[1, 1, 1, 1]], "of one axis": [1, 1, 1], "of three axes": [[[1, 1, 1]]],
         "two": [[1, 2, 1]], "a half": [[1, 0.5, 1]], "below zero": [[1, -1, 1]], "nan": [[1, np.nan, 1]],
         "text": "abc", "words": [["1", "1", "1"]], "ragged": [[1, 1, 1], [1]], "a number": 1, "objects": [[{}, 1, 1]],
         "as many rows": [[1, 1, 1]] * 2, "complex": [[1j, 1, 1]]}


@family
@models
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_a_mask_that_does_not_fit_is_refused_by_every_door(make, mask):
    model, _, _ = model_and_batch(make, 1, 1, 0)
    ids = [[1, 2, 3]]
    for door in (model, lambda ids, mask: model.loss(ids, ids, mask), model.hidden_states, model.attention_maps,
                 lambda ids, mask: model.logits(ids, attention_mask=mask),
                 lambda ids, mask: model.next_logits(ids, attention_mask=mask)):
        with pytest.raises(DataError, match="attention_mask must"):
            door(ids, mask)
    cache = model.new_cache()
    model.logits([[1]], cache)
    with pytest.raises(DataError, match=r"attention_mask must hold 0 and 1 in the shape \(1, 3\)"):
        model.logits([[1, 2]], cache, [[1, 1]])
    assert len(cache) == 1


# what is seen ---------------------------------------------------------------------------------------------------------

@family
@models
@batches
def test_the_future_changes_nothing(make, B, T, seed):
    model, ids, other = model_and_batch(make, B, T, seed)
    words = padding(np.random.default_rng(seed), B, T, "anywhere")
    for mask in (None, words):
        logits = model.logits(ids, attention_mask=mask)
        for t in range(T):
            changed = np.concatenate([ids[:, :t + 1], other[:, t + 1:]], axis=1)
            found = model.logits(changed, attention_mask=mask)
            np.testing.assert_array_equal(found[:, :t + 1], logits[:, :t + 1])


@checks(Mistral, MistralConfig, Qwen2, Qwen2Config)
@given(window=st.integers(1, 4), layers=st.integers(1, 3), padded=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_layers_of_a_window_reach_just_as_far_back_as_they_add_up_to(window, layers, padded, seed):
    T, reach = 9, layers * (window - 1)
    sizes = dict(num_hidden_layers=layers, sliding_window=window, hidden_size=6)
    for make in (lambda rng: mistral(rng, **sizes), lambda rng: qwen2(rng, **sizes, max_window_layers=0)):
        model, ids, _ = model_and_batch(make, 1, T, seed)
        mask = np.array([[0, 1, 1, 1, 1, 1, 1, 1, 1]]) if padded else None
        logits = model.logits(ids, attention_mask=mask)
        for s in range(padded, T):
            changed = ids.copy()
            changed[0, s] = (ids[0, s] + 1) % V
            same = np.isclose(model.logits(changed, attention_mask=mask), logits, rtol=1e-13, atol=0).all(axis=(0, 2))
            np.testing.assert_array_equal(same, [not s <= t <= s + reach for t in range(T)])


@checks(Qwen2, Qwen2Config)
def test_windows_stand_where_layer_types_puts_them():
    full, slides = "full_attention", "sliding_attention"
    for types, reach in (([slides, slides], 2), ([slides, full], None), ([full, slides], None), ([full, full], None)):
        model, ids, _ = model_and_batch(lambda rng: qwen2(rng, layer_types=types, sliding_window=2), 1, 8, 0)
        assert model.config.windows == tuple(2 if kind == slides else None for kind in types)
        changed = ids.copy()
        changed[0, 0] = (ids[0, 0] + 1) % V
        same = (model.logits(changed) == model.logits(ids)).all(axis=(0, 2))
        np.testing.assert_array_equal(same, [reach is not None and t > reach for t in range(8)])


@checks(Llama)
@given(T=st.integers(P + 1, 3 * P), seed=st.integers(0, 2**32 - 1))
def test_a_text_may_be_longer_than_those_of_the_training(T, seed):
    for make in (SEE_ALL["llama"], SEE_ALL["llama, dynamic"]):
        model, ids, _ = model_and_batch(make, 2, T, seed)
        assert model.n_positions is None and model.context == P
        logits = model.logits(ids)
        assert logits.shape == (2, T, V) and np.isfinite(logits).all()
        words = np.array([[1] * T, [0] * (T - 4) + [1] * 4])
        padded = model.logits(ids, attention_mask=words)
        np.testing.assert_allclose(padded[1, -4:], model.logits(ids[1:, -4:])[0], **CLOSE)
        np.testing.assert_allclose(padded[0], logits[0], **CLOSE)


@checks(Llama, Qwen3)
@given(T=st.integers(2, 6), shift=st.integers(1, 200), seed=st.integers(0, 2**32 - 1))
def test_rotary_scores_depend_on_distances_so_a_shifted_text_scores_the_same(T, shift, seed):
    for make in (SEE_ALL["llama"], SEE_ALL["qwen3"]):
        model, ids, _ = model_and_batch(make, 1, T, seed)
        rotary = model.rotary
        logits = model.logits(ids)
        model.rotary = lambda positions, like: rotary(positions + shift, like)
        np.testing.assert_allclose(model.logits(ids), logits, rtol=1e-7, atol=1e-8)


# views, sizes, wrapping -----------------------------------------------------------------------------------------------

@family
@models
@batches
def test_views_have_one_entry_a_layer_and_attention_sums_to_one_over_what_may_be_seen(make, B, T, seed):
    model, ids, words, _ = padded_batch(make, B, T, seed, "anywhere")
    L = len(model._blocks)
    for mask in (None, words):
        states, maps = model.hidden_states(ids, mask), model.attention_maps(ids, mask)
        C, H = states[0].shape[-1], maps[0].shape[1]
        assert [state.shape for state in states] == [(B, T, C)] * (L + 1)
        assert [weights.shape for weights in maps] == [(B, H, T, T)] * L
        windows = getattr(model.config, "windows", (None,) * L)
        for weights, window in zip(maps, windows, strict=True):
            t, s = np.arange(T)[:, None], np.arange(T)
            seen = np.broadcast_to((s <= t) & (s > t - (window or T)), (B, 1, T, T))
            if mask is not None:
                seen = seen & (words[:, None, None] == 1)
            assert (weights >= 0).all() and not weights[np.broadcast_to(~seen, weights.shape)].any()
            np.testing.assert_allclose(weights.sum(axis=-1), np.broadcast_to(seen.any(axis=-1), (B, H, T)), rtol=1e-12)


@st.composite
def small_configs(draw):
    """Any kind of the family, small, with every choice that changes what there is to learn."""
    kind = draw(st.sampled_from([LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config]))
    K = draw(st.integers(1, 2))
    values = {name: draw(st.integers(1, 5)) for name in ("vocab_size", "hidden_size", "intermediate_size")}
    values |= dict(num_key_value_heads=K, num_attention_heads=K * draw(st.integers(1, 3)),
                   head_dim=draw(st.sampled_from([2, 4])), num_hidden_layers=draw(st.integers(1, 3)),
                   tie_word_embeddings=draw(st.booleans()))
    if kind in (LlamaConfig, Qwen3Config):
        values["attention_bias"] = draw(st.booleans())
    if kind is LlamaConfig:
        values["mlp_bias"] = draw(st.booleans())
    return kind(**values)


CLASSES = {kind.config_class: kind for kind in (Llama, Mistral, Qwen2, Qwen3, QuestionAnsweringGPT)}


@checks(Llama, LlamaConfig, Mistral, MistralConfig, Qwen2, Qwen2Config, Qwen3, Qwen3Config, QuestionAnsweringGPT,
        QuestionAnsweringConfig)
@given(config=small_configs() | st.builds(QuestionAnsweringConfig, st.integers(3, 6), *5 * [st.integers(1, 4)],
                                          n_layer=st.integers(1, 3)))
def test_the_config_counts_the_parameters_and_tensors_of_the_model(config):
    model = CLASSES[type(config)](config, rng=np.random.default_rng(0))
    assert config.num_parameters == model.num_parameters == sum(a.size for a in model.state_dict().values())
    assert config.num_tensors == len(model.state_dict())


@checks(LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config)
@pytest.mark.parametrize("config, count", [
    (LlamaConfig(), 6_738_415_616),                                                                # Llama 2 7B
    (LlamaConfig(128256, 4096, 14336, 32, 32, 8), 8_030_261_248),                                  # Llama 3.1 8B
    (LlamaConfig(128256, 2048, 8192, 16, 32, 8, 64, tie_word_embeddings=True), 1_235_814_400),     # Llama 3.2 1B
    (MistralConfig(), 7_241_732_096),                                                              # Mistral 7B
    (Qwen2Config(151936, 896, 4864, 24, 14, 2, tie_word_embeddings=True), 494_032_768),            # Qwen2.5 0.5B
    (Qwen3Config(151936, 1024, 3072, 28, 16, 8, tie_word_embeddings=True), 596_049_920),           # Qwen3 0.6B
], ids=lambda value: getattr(value, "model_type", None))
def test_the_published_sizes_are_counted_exactly(config, count):
    assert config.num_parameters == count


@checks(Llama, Mistral, Qwen2, Qwen3, QuestionAnsweringGPT)
@models
def test_weights_start_at_the_scale_of_the_config_gains_at_one_biases_at_zero(make):
    model = make(np.random.default_rng(0))
    for name, array in model.state_dict().items():
        assert array.dtype == np.float32
        if name.endswith("bias"):
            assert not array.any(), name
        elif "norm" in name or "ln_f" in name:
            assert (array == 1).all(), name
        else:
            assert 0.001 < np.abs(array).mean() < 0.04, name
    again = make(np.random.default_rng(0)).state_dict()
    assert all(np.array_equal(array, again[name]) for name, array in model.state_dict().items())


@checks(Llama, QuestionAnsweringGPT, Checkpoint)
@given(name=st.sampled_from(["llama", "question answering"]), B=st.integers(1, 2), T=st.integers(1, P),
       padded=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_checkpointed_activations_change_no_bit_of_loss_gradients_or_names(name, B, T, padded, seed):
    make, drop = (llama, dict(attention_dropout=0.3)) if name == "llama" else (question_answering, dict(p=0.3))
    results = []
    for wrapped in (False, True):
        model, ids, targets = model_and_batch(lambda rng: make(rng, checkpoint_activations=wrapped, **drop), B, T, seed)
        mask = padding(np.random.default_rng(seed), B, T, "left") if padded else None
        results.append((list(model.state_dict()), *gradients(model, ids, targets, attention_mask=mask,
                                                             rng=np.random.default_rng(seed))))
    (names, loss, grads), (wrapped_names, wrapped_loss, wrapped_grads) = results
    assert names == wrapped_names and loss == wrapped_loss
    for found, expected in zip(wrapped_grads, grads, strict=True):
        np.testing.assert_array_equal(found, expected)


@checks(Llama, QuestionAnsweringGPT)
@pytest.mark.parametrize("make", [lambda rng: llama(rng, attention_dropout=0.5),
                                  lambda rng: question_answering(rng, p=0.5)], ids=["llama", "question answering"])
def test_dropout_acts_only_where_a_generator_is_given(make):
    model, ids, targets = model_and_batch(make, 2, 5, 0)
    plain = model.loss(ids, targets)[0]
    assert model.loss(ids, targets)[0] == plain
    first, again, other = (model.loss(ids, targets, rng=np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert first == again != other and first != plain


@checks(Llama)
def test_a_tied_head_is_the_table_and_an_untied_one_has_its_own_gradient():
    model, ids, targets = model_and_batch(lambda rng: llama(rng, tie_word_embeddings=True), 2, 5, 0)
    untied, _, _ = model_and_batch(llama, 2, 5, 0)
    arrays = {name: array.copy() for name, array in model.state_dict().items()}
    untied.load_state_dict({**arrays, "lm_head.weight": arrays["embed_tokens.weight"].T.copy()})
    (loss, tied), (untied_loss, grads) = (gradients(each, ids, targets) for each in (model, untied))
    np.testing.assert_allclose(loss, untied_loss, rtol=1e-12)
    found = dict(zip(untied.state_dict(), grads, strict=True))
    np.testing.assert_allclose(tied[0], found["embed_tokens.weight"] + found["lm_head.weight"].T, rtol=1e-9, atol=1e-11)
