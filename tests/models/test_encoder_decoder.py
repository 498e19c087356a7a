"""What all encoder-decoders share: a source given, pads that nobody sees, ids at the door."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.cache import EncoderDecoderCache
from scratchgpt.decoding import generate
from scratchgpt.errors import DataError, GenerationError
from scratchgpt.models import ConditionalModel, EncoderDecoder, Transformer
from tests.checks import checks
from tests.layers.cases import P, V, transformer
from tests.models.test_language_model import peak_bytes
from tests.models.test_llama import padding
from tests.test_device import assert_close, on_both

CLOSE = dict(rtol=1e-10, atol=1e-11)
PAD, BOS, EOS = 0, 1, 2
sizes = dict(B=st.integers(1, 3), S=st.integers(1, P), T=st.integers(1, P), seed=st.integers(0, 2**32 - 1))
batches = given(**sizes)


def model_and_batch(B, S, T, seed, **options):
    """A float64 model with weights of unit size, a source, inputs and targets, without pads."""
    rng = np.random.default_rng(seed)
    model = transformer(rng, **options).astype(np.float64)
    for parameter in model.parameters():
        parameter.data = rng.normal(size=parameter.shape)
    return model, rng.integers(1, V, (B, S)), rng.integers(1, V, (B, T)), rng.integers(1, V, (B, T))


def gradients(model, *batch, **options):
    model.zero_grad()
    loss, backward = model.loss(*batch, **options)
    backward()
    return float(loss), {name: parameter.grad.copy() for name, parameter in model.named_parameters()}


def assert_same_gradients(found, expected):
    assert found[0] == pytest.approx(expected[0], rel=1e-11)
    for name in expected[1]:
        np.testing.assert_allclose(found[1][name], expected[1][name], err_msg=name, **CLOSE)


# what sees what -------------------------------------------------------------------------------------------------------

@checks(EncoderDecoder, Transformer)
@batches
def test_no_target_token_sees_a_later_one_and_all_see_the_whole_source(B, S, T, seed):
    model, source, target, other = model_and_batch(B, S, T, seed)
    logits, _ = model(source, target)
    for t in range(T):
        changed = np.concatenate([target[:, :t + 1], other[:, t + 1:]], axis=1)
        np.testing.assert_array_equal(model(source, changed)[0][:, :t + 1], logits[:, :t + 1])
    for s in range(S):
        changed = source.copy()
        changed[:, s] = source[:, s] % (V - 1) + 1                                       # another word
        assert (model(changed, target)[0] != logits).any(axis=-1).all()


@checks(EncoderDecoder, Transformer)
@given(**sizes, more=st.integers(1, 3))
def test_padding_of_source_and_target_changes_no_value_and_no_gradient(B, S, T, seed, more):
    model, source, inputs, targets = model_and_batch(B, S, T, seed, max_length=None)
    pads = np.zeros((B, more), int)
    padded = [np.concatenate([ids, pads], axis=1) for ids in (source, inputs, targets)]
    expected = gradients(model, source, inputs, targets, label_smoothing=0.1)
    assert_same_gradients(gradients(model, *padded, label_smoothing=0.1), expected)
    assert_same_gradients(gradients(model, *padded, label_smoothing=0.1, ignore_index=PAD), expected)
    np.testing.assert_allclose(model(padded[0], inputs)[0], model(source, inputs)[0], **CLOSE)


@checks(EncoderDecoder)
@batches
def test_a_mask_says_the_same_as_pads_whatever_stands_under_it(B, S, T, seed):
    model, source, inputs, targets = model_and_batch(B, S, T, seed)
    mask = np.random.default_rng(seed).integers(0, 2, (B, S))
    padded = np.where(mask, source, PAD)
    expected, _ = model(padded, inputs)
    for kind in (int, bool, float, np.uint8):
        np.testing.assert_array_equal(model(padded, inputs, mask.astype(kind))[0], expected)
    np.testing.assert_array_equal(model(padded, inputs, mask.tolist())[0], expected)
    np.testing.assert_allclose(model(source, inputs, source_mask=mask)[0][mask.any(axis=1)],
                               expected[mask.any(axis=1)], **CLOSE)
    loss, grads = gradients(model, source, inputs, targets, source_mask=mask)
    assert math.isfinite(loss) and all(np.isfinite(grad).all() for grad in grads.values())


@checks(EncoderDecoder)
@batches
def test_with_nothing_to_look_at_every_attention_gives_zeros(B, S, T, seed):
    model, source, target, _ = model_and_batch(B, S, T, seed)
    nothing = np.zeros_like(source)
    maps = model.attention_maps(nothing, np.zeros_like(target))
    assert all(not weights.any() for kind in maps.values() for weights in kind)
    loss, grads = gradients(model, nothing, target, target)
    assert math.isfinite(loss) and all(np.isfinite(grad).all() for grad in grads.values())
    np.testing.assert_allclose(model(nothing, target)[0], model(np.zeros((B, 1), int), target)[0], **CLOSE)


@checks(EncoderDecoder)
@given(**sizes)
def test_a_padded_batch_is_its_rows_and_their_order_is_nothing(B, S, T, seed):
    model, source, target, _ = model_and_batch(B, S, T, seed)
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, S + 1, B), rng.integers(1, T + 1, B)
    for ids, ends in zip((source, target), lengths):
        ids[np.arange(ids.shape[1]) >= ends[:, None]] = PAD
    logits, _ = model(source, target)
    for b, (words, spoken) in enumerate(zip(*lengths)):
        alone, _ = model(source[b:b + 1, :words], target[b:b + 1, :spoken])
        np.testing.assert_allclose(logits[b, :spoken], alone[0], **CLOSE)
    order = rng.permutation(B)
    np.testing.assert_array_equal(model(source[order], target[order])[0], logits[order])


# the loss -------------------------------------------------------------------------------------------------------------

@checks(EncoderDecoder)
@batches
def test_the_loss_is_minus_log_p_of_the_targets_that_are_words_on_average(B, S, T, seed):
    model, source, inputs, targets = model_and_batch(B, S, T, seed)
    rng = np.random.default_rng(seed)
    targets[rng.random((B, T)) < 0.2], targets[rng.random((B, T)) < 0.2] = PAD, -100
    logs = formulas.log_softmax(model(source, inputs)[0])
    losses = [-logs[b, t, targets[b, t]] for b, t in np.ndindex(B, T) if targets[b, t] not in (PAD, -100)]
    assert gradients(model, source, inputs, targets)[0] == pytest.approx(sum(losses) / max(1, len(losses)), rel=1e-11)
    loss, grads = gradients(model, source, inputs, np.full_like(targets, PAD))
    assert loss == 0 and not any(grad.any() for grad in grads.values())


@checks(EncoderDecoder)
def test_a_target_is_shifted_behind_its_start_and_closed_by_its_end():
    model = transformer(np.random.default_rng(0))
    inputs, targets = model.shifted([[5, 6, 3], [4, 0, 0], [0, 0, 0]])
    assert inputs.tolist() == [[BOS, 5, 6, 3], [BOS, 4, 0, 0], [BOS, 0, 0, 0]]
    assert targets.tolist() == [[5, 6, 3, EOS], [4, EOS, 0, 0], [EOS, 0, 0, 0]]
    with pytest.raises(DataError, match="pad_token_id=0 before a word"):
        model.shifted([[0, 5]])
    with pytest.raises(DataError, match="target must be in"):
        model.shifted([[99]])


# given a source -------------------------------------------------------------------------------------------------------

@checks(EncoderDecoder, ConditionalModel)
@batches
def test_given_a_source_it_is_a_language_model_of_the_target(B, S, T, seed):
    model, source, target, _ = model_and_batch(B, S, T, seed)
    expected, _ = model(source, target)
    asked, encode = [], model._encode
    model._encode = lambda *args, **options: asked.append(1) or encode(*args, **options)
    given_source = model.given(source)
    np.testing.assert_array_equal(given_source.logits(target), expected)
    np.testing.assert_allclose(given_source.next_logits(target), expected[:, -1], **CLOSE)
    assert len(asked) == 1 and given_source.n_positions == P and given_source.config.vocab_size == V + 1
    np.testing.assert_array_equal(model.encode(source), given_source.memory)
    np.testing.assert_array_equal(given_source.check_ids(target.tolist()), target)


@checks(ConditionalModel, EncoderDecoderCache)
@given(**sizes, data=st.data())
def test_cached_logits_are_the_logits_of_the_whole_wherever_the_target_is_cut(B, S, T, seed, data):
    model, source, target, _ = model_and_batch(B, S, T, seed)
    pads = np.random.default_rng(seed).random((B, T)) < 0.3
    target[pads] = PAD                                                                   # before and after words
    model = model.given(source)
    logits, cache, done = model.logits(target), model.new_cache(), 0
    while done < T:
        end = data.draw(st.integers(done + 1, T))
        np.testing.assert_allclose(model.logits(target[:, done:end], cache), logits[:, done:end], **CLOSE)
        done = end
        assert len(cache) == done
    back = data.draw(st.integers(0, T - 1))
    cache.truncate(back)
    np.testing.assert_allclose(model.next_logits(target[:, back:], cache), logits[:, -1], **CLOSE)


@checks(ConditionalModel, generate)
@given(B=st.integers(1, 3), S=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_generating_is_asking_the_whole_model_for_each_next_token(B, S, seed):
    model, source, _, _ = model_and_batch(B, S, 1, seed)
    start = np.full((B, 1), BOS)
    text = generate(model.given(source), start, max_new_tokens=P - 1)
    expected = start
    for _ in range(P - 1):
        best = model(source, expected)[0][:, -1].argmax(axis=-1)
        expected = np.concatenate([expected, best[:, None]], axis=1)
    np.testing.assert_array_equal(text, expected)
    sampled = generate(model.given(source), start, max_new_tokens=4, rng=np.random.default_rng(0), top_k=1)
    np.testing.assert_array_equal(sampled, text[:, :5])


@checks(ConditionalModel, Transformer)
@given(**sizes, side=st.sampled_from(["left", "right", "anywhere"]), data=st.data())
def test_a_target_behind_a_mask_gives_what_its_words_give_alone_through_a_cache_too(B, S, T, seed, side, data):
    model, source, target, _ = model_and_batch(B, S, T, seed)
    words = padding(np.random.default_rng(seed), B, T, side)
    given_source, cut = model.given(source), data.draw(st.integers(1, T))
    logits, cache = given_source.logits(target, attention_mask=words), given_source.new_cache()
    parts = [given_source.logits(target[:, :cut], cache, words[:, :cut])]
    if cut < T:
        parts.append(given_source.logits(target[:, cut:], cache, words.astype(bool).tolist()))
    last, there = given_source.next_logits(target, attention_mask=words), words == 1
    np.testing.assert_allclose(np.concatenate(parts, axis=1)[there], logits[there], **CLOSE)
    assert np.isfinite(logits).all()
    for b in np.flatnonzero(there.any(axis=1)):
        alone = model.given(source[b:b + 1]).logits(target[b][there[b]][None])[0]
        np.testing.assert_allclose(logits[b][there[b]], alone, **CLOSE)
        np.testing.assert_allclose(last[b], alone[-1], **CLOSE)


@checks(ConditionalModel)
def test_where_there_is_a_mask_it_alone_says_what_is_a_word_and_what_does_not_fit_is_refused():
    model, source, target, _ = model_and_batch(2, 3, 4, seed=0)
    given_source, renamed = model.given(source), target.copy()
    np.testing.assert_array_equal(given_source.logits(target, attention_mask=np.ones((2, 4))), given_source.logits(target))
    renamed[0, 1] = PAD
    said, hidden = given_source.logits(renamed, attention_mask=np.ones((2, 4), int)), given_source.logits(renamed)
    assert (said[0, 2:] != hidden[0, 2:]).all() and (said[1] == hidden[1]).all()
    for mask in ([[1, 1]] * 2, [[1, 2, 1, 1]] * 2, [[0.5] * 4] * 2, 1, [[1] * 4, [1]]):
        with pytest.raises(DataError, match="attention_mask must"):
            given_source.logits(target, attention_mask=mask)
    cache = given_source.new_cache()
    given_source.logits(target, cache)
    with pytest.raises(DataError, match=r"attention_mask must hold 0 and 1 in the shape \(2, 6\)"):
        given_source.next_logits(target[:, :2], cache, np.ones((2, 2), int))
    assert len(cache) == 4
    longer, later = np.concatenate([target, target[:, :2]], axis=1), [[1, 1, 1, 0, 1, 1]] * 2      # hidden afterwards
    np.testing.assert_allclose(given_source.logits(longer[:, 4:], cache, later),
                               given_source.logits(longer, attention_mask=later)[:, 4:], **CLOSE)


@checks(ConditionalModel, generate)
@given(S=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_targets_that_begin_at_different_places_are_continued_as_each_of_them_alone(S, seed):
    model, source, _, _ = model_and_batch(2, S, 1, seed)
    start, mask = np.array([[PAD, PAD, BOS], [BOS, 4, 5]]), np.array([[0, 0, 1], [1, 1, 1]])
    text = generate(model.given(source), start, mask, max_new_tokens=3)
    for b, begin in enumerate((2, 0)):
        alone = generate(model.given(source[b:b + 1]), start[b:b + 1, begin:], np.ones((1, 3 - begin), int), max_new_tokens=3)
        np.testing.assert_array_equal(text[b:b + 1, begin:], alone)


@checks(ConditionalModel)
@given(**sizes, rows=st.lists(st.integers(0, 2), min_size=1, max_size=5))
def test_chosen_rows_have_the_sources_of_those_rows_and_the_model_they_come_from_keeps_its_own(B, S, T, seed, rows):
    model, source, target, _ = model_and_batch(3, S, T, seed)
    words = np.random.default_rng(seed).integers(0, 2, source.shape)
    given_source, expected = model.given(source, words), model.given(source[rows], words[rows])
    chosen = given_source.select(rows)
    for name in ("source", "source_mask", "memory", "memory_mask"):
        np.testing.assert_allclose(getattr(chosen, name), getattr(expected, name), **CLOSE)
    np.testing.assert_allclose(chosen.logits(target[rows]), expected.logits(target[rows]), **CLOSE)
    np.testing.assert_array_equal(given_source.source, source)
    np.testing.assert_array_equal(given_source.source_mask, words)
    assert given_source.source.dtype == given_source.source_mask.dtype == np.int64
    np.testing.assert_array_equal(model.given(source).source_mask, source != PAD)
    for wrong in ([3], [-1], [[0]], [0.5]):
        with pytest.raises(GenerationError, match="one of the 3 rows"):
            given_source.select(wrong)


@checks(ConditionalModel)
@batches
def test_the_decoders_states_come_beside_its_logits(B, S, T, seed):
    model, source, target, _ = model_and_batch(B, S, T, seed)
    given_source, states = model.given(source), []
    logits = given_source.logits(target, states=states)
    for found, expected in zip(states, model.hidden_states(source, target)["decoder"], strict=True):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(given_source.head(states[-1]), logits)
    np.testing.assert_allclose(given_source.head(states[-1][:, -1]), given_source.next_logits(target), **CLOSE)


# views and memory -----------------------------------------------------------------------------------------------------

@checks(EncoderDecoder)
@batches
def test_views_have_one_entry_a_layer_and_looks_sum_to_one(B, S, T, seed):
    model, source, target, _ = model_and_batch(B, S, T, seed)
    states, maps = model.hidden_states(source, target), model.attention_maps(source, target)
    assert {name: [state.shape for state in kind] for name, kind in states.items()} == {
        "encoder": [(B, S, 4)] * 2, "decoder": [(B, T, 4)] * 3}
    assert {name: [weights.shape for weights in kind] for name, kind in maps.items()} == {
        "encoder": [(B, 2, S, S)], "decoder": [(B, 2, T, T)] * 2, "cross": [(B, 2, T, S)] * 2}
    for weights in (weights for kind in maps.values() for weights in kind):
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-12)
    assert not any(np.triu(weights, 1).any() for weights in maps["decoder"])
    np.testing.assert_array_equal(states["encoder"][-1], model.encode(source))
    np.testing.assert_array_equal(model._head(states["decoder"][-1])[0], model(source, target)[0])


@checks(EncoderDecoder, ConditionalModel)
def test_inference_holds_no_activations_where_training_holds_all():
    def deep(n):
        return transformer(np.random.default_rng(0), d_model=32, dim_feedforward=64, num_encoder_layers=n,
                           num_decoder_layers=n, max_length=None)
    ids, models = np.ones((8, 32), int), [deep(1), deep(8)]
    for model in models:
        model.given(ids).logits(ids)                                         # whatever is made once is made now
    peaks = [peak_bytes(lambda: model.given(ids).logits(ids))[0] for model in models]
    assert peaks[1] < 1.1 * peaks[0]
    _, kept, _ = peak_bytes(lambda: models[1].forward(ids, ids))
    assert kept > 8 * 8 * 32 * 32 * 4 * 20                                   # 8 C and 12 C of float32 in each pair


# the door -------------------------------------------------------------------------------------------------------------

@checks(EncoderDecoder, ConditionalModel)
@pytest.mark.parametrize("ids", [[[0, 99]], [[0, -1]], [[0.0, 1.0]], [[True]], [["a"]], [[]], [1, 2], [[1, 2], [3]],
                                 None])
def test_ids_that_are_not_tokens_are_refused_by_every_door_and_named(ids):
    model, good = transformer(np.random.default_rng(0)), [[1, 2]]
    for door in (model.encode, model.given, lambda ids: model(ids, good), lambda ids: model.loss(ids, good, good),
                 lambda ids: model.hidden_states(ids, good), lambda ids: model.attention_maps(ids, good)):
        with pytest.raises(DataError, match="source must"):
            door(ids)
    for door in (model.given(good).logits, model.given(good).next_logits, lambda ids: model(good, ids),
                 lambda ids: model.loss(good, ids, good), lambda ids: model.attention_maps(good, ids)):
        with pytest.raises(DataError, match="target must"):
            door(ids)
    with pytest.raises(DataError, match="targets must"):
        model.loss(good, good, ids)


@checks(EncoderDecoder)
@pytest.mark.parametrize("mask", [[[1, 1, 1]], [1, 1], [[1, 2]], [[0.5, 1]], [[True], [True]], [["a", "b"]], 1,
                                  [[1, math.nan]], [[0, -math.inf]]])
def test_a_mask_that_does_not_fit_its_source_is_refused(mask):
    model = transformer(np.random.default_rng(0))
    for door in (model.encode, model.given, lambda ids, mask: model(ids, ids, mask),
                 lambda ids, mask: model.loss(ids, ids, ids, source_mask=mask)):
        with pytest.raises(DataError, match=r"source_mask must (hold 0 and 1 in the shape \(1, 2\)|be \(B, T\), all rows of one length)"):
            door([[1, 2]], mask)


@checks(EncoderDecoder, ConditionalModel)
def test_lengths_and_rows_must_fit_with_the_cached_past_counted():
    model = transformer(np.random.default_rng(0))
    long, short = np.ones((1, P + 1), int), np.ones((1, P), int)
    with pytest.raises(DataError, match=f"a source must fit max_length={P} tokens; got {P + 1}"):
        model.encode(long)
    with pytest.raises(DataError, match=f"a target must fit max_length={P} tokens; got {P + 1}"):
        model(short, long)
    given_source = model.given(short)
    cache = given_source.new_cache()
    given_source.logits(short, cache)
    with pytest.raises(DataError, match=f"got {P + 1}"):
        given_source.next_logits([[1]], cache)
    assert len(cache) == P
    with pytest.raises(DataError, match="got 2 targets for 1 sources"):
        given_source.logits([[1], [1]])
    assert transformer(np.random.default_rng(0), max_length=None).given(long).logits(long).shape == (1, P + 1, V + 1)


@checks(EncoderDecoder, ConditionalModel, EncoderDecoderCache)
def test_on_a_device_it_says_and_shows_what_it_does_on_the_host():
    source, mask, start = [[1, 2, 3], [4, 0, 0]], [[1, 0, 1], [1, 1, 0]], [[BOS], [BOS]]

    def work():
        model = transformer(np.random.default_rng(0))
        views = model.hidden_states(source, start), model.attention_maps(source, start, mask)
        shown = [array for view in views for kind in view.values() for array in kind]
        targets = model.shifted(source)
        return generate(model.given(source, mask), start, max_new_tokens=P), targets, [
            *shown, model.given(source).logits(start), model.encode(source, mask), model.loss(source, *targets)[0]]
    (text, targets, arrays), (expected, expected_targets, expected_arrays) = on_both(work)
    np.testing.assert_array_equal(text, expected)
    np.testing.assert_array_equal(targets, expected_targets)
    for found, wanted in zip(arrays, expected_arrays, strict=True):
        assert_close(found, wanted)
