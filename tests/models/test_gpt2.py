"""GPT-2: its sizes, its start, its cache, its tied head."""

import math
from dataclasses import asdict, fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import ConfigError, DataError
from scratchgpt.layers import ACTIVATIONS, Checkpoint, Embedding
from scratchgpt.models import GPT2, GPT2Config
from tests.checks import checks
from tests.layers.cases import P, V, gpt2
from tests.models.test_language_model import gradients, model_and_batch


@st.composite
def small_configs(draw):
    n_head = draw(st.integers(1, 3))
    sizes = {name: draw(st.integers(1, 6)) for name in ("vocab_size", "n_positions", "n_layer")}
    return GPT2Config(n_head=n_head, n_embd=n_head * draw(st.integers(1, 4)), **sizes,
                      n_inner=draw(st.one_of(st.none(), st.integers(1, 9))),
                      activation_function=draw(st.sampled_from(sorted(ACTIVATIONS))),
                      initializer_range=draw(st.floats(0, 1)), layer_norm_epsilon=draw(st.floats(1e-12, 1e-2)))


@checks(GPT2Config)
@pytest.mark.parametrize("name, count", [("gpt2", 124_439_808), ("gpt2-medium", 354_823_168),
                                         ("gpt2-large", 774_030_080), ("gpt2-xl", 1_557_611_200)])
def test_the_published_sizes_are_counted_exactly(name, count):
    assert GPT2Config.preset(name).num_parameters == count


@checks(GPT2, GPT2Config)
@given(small_configs())
def test_the_config_counts_the_parameters_of_the_model(config):
    model = GPT2(config, rng=np.random.default_rng(0))
    assert config.num_parameters == model.num_parameters == sum(a.size for a in model.state_dict().values())
    assert config.num_tensors == len(model.state_dict())


@checks(GPT2Config)
@given(small_configs())
def test_a_config_survives_its_own_config_json(config):
    values = config.to_dict()
    assert values["model_type"] == "gpt2" and values["architectures"] == ["GPT2LMHeadModel"]
    assert GPT2Config.from_dict(values) == config
    assert GPT2Config.from_dict({**values, "some_other_key": [1]}) == config


@checks(GPT2Config)
def test_presets_take_changes_and_the_defaults_are_the_smallest_one():
    assert GPT2Config.preset("gpt2") == GPT2Config()
    assert GPT2Config.preset("gpt2-xl", vocab_size=99).vocab_size == 99
    with pytest.raises(ConfigError, match="gpt2-medium.*got 'gpt3'"):
        GPT2Config.preset("gpt3")


SIZES = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner")
SHARES = ("resid_pdrop", "embd_pdrop", "attn_pdrop")


@checks(GPT2Config)
@pytest.mark.parametrize("name, value", [
    *((name, value) for name in SIZES for value in (0, -1, 1.0, "8", True, [1], 2**31)),
    *((name, None) for name in SIZES if name != "n_inner"),
    *((name, value) for name in SHARES for value in (-0.1, 1.0, 1.5, math.nan, "0.1", None, 10**400)),
    *((name, value) for name in ("layer_norm_epsilon", "initializer_range")
      for value in (-1e-5, math.inf, math.nan, "1", None, 10**400)),
    ("layer_norm_epsilon", 0), ("activation_function", "tanh"), ("activation_function", None),
    ("activation_function", ["gelu"]),
], ids=lambda value: str(value)[:20])
def test_a_size_that_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(ConfigError, match=name):
        GPT2Config(**{name: value})


@checks(GPT2Config)
def test_heads_must_divide_the_channels():
    with pytest.raises(ConfigError, match="n_embd must be divisible by n_head; got n_embd=100, n_head=12"):
        GPT2Config(n_embd=100, n_head=12)


@checks(GPT2Config)
@pytest.mark.parametrize("key, value", [("scale_attn_weights", False), ("scale_attn_by_inverse_layer_idx", True),
                                        ("add_cross_attention", True), ("tie_word_embeddings", False)])
def test_a_foreign_key_that_changes_the_mathematics_is_refused_by_name(key, value):
    with pytest.raises(ConfigError, match=f"{key} must be {not value} here; got {value}"):
        GPT2Config.from_dict({**GPT2Config().to_dict(), key: value})


@checks(GPT2Config)
def test_a_config_is_frozen_and_named_as_in_the_field():
    config = GPT2Config()
    with pytest.raises(AttributeError):
        config.n_layer = 3
    assert {field.name for field in fields(config)} == asdict(config).keys() >= {
        "vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner", "activation_function",
        "layer_norm_epsilon", "resid_pdrop", "embd_pdrop", "attn_pdrop", "initializer_range"}


@checks(GPT2)
@pytest.mark.parametrize("n_layer, std", [(2, 0.02), (8, 0.05)])
def test_weights_start_at_the_scales_of_the_paper(n_layer, std):
    config = GPT2Config(vocab_size=300, n_positions=200, n_embd=64, n_head=4, n_layer=n_layer, initializer_range=std)
    for name, array in GPT2(config, rng=np.random.default_rng(0)).state_dict().items():
        if name.endswith("bias"):
            assert not array.any(), name
        elif "norm" in name or "ln_f" in name:
            assert (array == 1).all(), name
        else:
            residual = ".out." in name or ".down." in name
            expected = std / math.sqrt(2 * n_layer) if residual else std
            sigmas = 5 * expected / math.sqrt(array.size)                    # 5 standard errors
            assert abs(array.mean()) < sigmas and abs(array.std() - expected) < sigmas, name
            assert array.dtype == np.float32


@checks(GPT2)
def test_the_start_is_drawn_from_the_generator_and_from_nothing_else():
    first, again, other = (gpt2(np.random.default_rng(seed)).state_dict() for seed in (0, 0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["wte.weight"], other["wte.weight"])
    with pytest.raises(ConfigError, match="default_rng"):
        gpt2(None)


@checks(GPT2)
@given(B=st.integers(1, 3), T=st.integers(1, P), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_cached_logits_are_the_logits_of_the_whole_wherever_the_text_is_cut(B, T, seed, data):
    model, ids, _ = model_and_batch(gpt2, B, T, seed)
    logits, cache, done = model.logits(ids), model.new_cache(), 0
    while done < T:
        end = data.draw(st.integers(done + 1, T))
        cached = model.logits(ids[:, done:end], cache)
        np.testing.assert_allclose(cached, logits[:, done:end], rtol=1e-10, atol=1e-11)
        done = end
        assert len(cache) == done
    back = data.draw(st.integers(0, T - 1))
    cache.truncate(back)
    np.testing.assert_allclose(model.next_logits(ids[:, back:], cache), logits[:, -1], rtol=1e-10, atol=1e-11)


@checks(GPT2, Embedding)
@given(B=st.integers(1, 3), T=st.integers(1, P), seed=st.integers(0, 2**32 - 1))
def test_the_gradient_of_the_tied_table_is_the_sum_of_both_its_uses(B, T, seed):
    model, ids, targets = model_and_batch(gpt2, B, T, seed)
    _, tied = gradients(model, ids, targets)
    head = Embedding(V, 4, rng=np.random.default_rng(0))
    head.weight.data = model.wte.weight.data.copy()
    model._head = head.unembed
    _, untied = gradients(model, ids, targets)
    assert model.parameters()[0] is model.wte.weight
    np.testing.assert_allclose(tied[0], untied[0] + head.weight.grad, rtol=1e-10, atol=1e-12)
    for found, expected in zip(tied[1:], untied[1:]):
        np.testing.assert_array_equal(found, expected)


@checks(GPT2, Checkpoint)
@given(p=st.sampled_from([0.0, 0.2]), B=st.integers(1, 3), T=st.integers(1, P), seed=st.integers(0, 2**32 - 1))
def test_checkpointed_activations_change_no_bit_of_loss_gradients_or_names(p, B, T, seed):
    results = []
    for wrapped in (False, True):
        model, ids, targets = model_and_batch(lambda rng: gpt2(rng, p=p, checkpoint_activations=wrapped), B, T, seed)
        results.append((list(model.state_dict()), *gradients(model, ids, targets, rng=np.random.default_rng(seed))))
    (names, loss, grads), (wrapped_names, wrapped_loss, wrapped_grads) = results
    assert names == wrapped_names and loss == wrapped_loss
    for found, expected in zip(wrapped_grads, grads, strict=True):
        np.testing.assert_array_equal(found, expected)


@checks(GPT2)
def test_dropout_acts_only_where_a_generator_is_given():
    model, ids, targets = model_and_batch(lambda rng: gpt2(rng, p=0.5), 2, 5, 0)
    plain = model.loss(ids, targets)[0]
    assert model.loss(ids, targets)[0] == plain
    first, again, other = (model.loss(ids, targets, rng=np.random.default_rng(seed))[0] for seed in (1, 1, 2))
    assert first == again != other and first != plain


@checks(GPT2)
@given(B=st.integers(1, 3), T=st.integers(1, P), seed=st.integers(0, 2**32 - 1))
def test_views_have_one_entry_a_layer_and_attention_looks_back_with_weights_that_sum_to_one(B, T, seed):
    model, ids, _ = model_and_batch(gpt2, B, T, seed)
    states, maps = model.hidden_states(ids), model.attention_maps(ids)
    assert [state.shape for state in states] == [(B, T, 4)] * 3
    assert [weights.shape for weights in maps] == [(B, 2, T, T)] * 2
    table = model.wte.weight.data[ids] + model.wpe.weight.data[:T]
    np.testing.assert_array_equal(states[0], table)
    for weights in maps:
        np.testing.assert_allclose(weights.sum(axis=-1), 1, rtol=1e-12)
        assert (weights >= 0).all() and not np.triu(weights, 1).any()


@checks(GPT2)
def test_a_position_beyond_the_context_is_refused_before_anything_is_computed():
    model = gpt2(np.random.default_rng(0))
    with pytest.raises(DataError, match="n_positions"):
        model.loss(np.zeros((2, P + 1), int), np.zeros((2, P + 1), int))
