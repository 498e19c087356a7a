"""The family's config.json: old words and new, what is kept, and that whatever is wrong is one ConfigError by name."""

import json
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchgpt.errors import ConfigError
from scratchgpt.layers import RotaryPositions
from scratchgpt.models import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config
from tests.checks import checks

KINDS = {"llama": LlamaConfig, "mistral": MistralConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}
kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
family = checks(*KINDS.values())
SMALL = dict(vocab_size=7, hidden_size=8, intermediate_size=5, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=2, max_position_embeddings=16)
ROPES = {
    "default": {},
    "linear": {"factor": 2.0},
    "dynamic": {"factor": 2},
    "llama3": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8},
    "yarn": {"factor": 4.0, "original_max_position_embeddings": 8, "beta_fast": 16.0, "attention_factor": 1.1,
             "truncate": False},
}
types = pytest.mark.parametrize("name", ROPES)


def rope(name, theta=500.0):
    return {"rope_type": name, "rope_theta": theta, **ROPES[name]}


# old words and new ----------------------------------------------------------------------------------------------------

@family
@kinds
@types
@pytest.mark.parametrize("word", ["rope_type", "type"])
def test_the_words_of_transformers_4_and_5_give_the_same_config(kind, name, word):
    sizes = {**SMALL, "head_dim": 4, "model_type": kind.model_type, "hidden_act": "silu"}
    new = {**sizes, "rope_parameters": rope(name), "dtype": "bfloat16"}
    old = {**sizes, "rope_theta": 500.0, "torch_dtype": "bfloat16", "rope_scaling":
           None if name == "default" else {word: name, **ROPES[name]}}
    config = kind.from_dict(new)
    assert kind.from_dict(old) == config
    assert config.rope_parameters == {**rope(name)}
    assert config.other == {"dtype": "bfloat16"} and kind.from_dict(old).other == {"torch_dtype": "bfloat16"}
    both = {**old, **new}
    assert kind.from_dict(both) == config


@family
@kinds
@types
def test_a_config_survives_its_own_config_json_with_all_that_others_wrote(kind, name):
    foreign = {"bos_token_id": 1, "eos_token_id": [2, 3], "use_cache": True, "quantization_config": {"bits": [4]},
               "transformers_version": "5.0", "other": {"other": 1}}
    config = kind.from_dict({**SMALL, "head_dim": 4, "rope_parameters": rope(name), "rms_norm_eps": 1e-5, **foreign})
    values = json.loads(json.dumps(config.to_dict()))
    again = kind.from_dict(values)
    assert again == config and again.other == config.other == foreign
    assert values["model_type"] == kind.model_type and values["architectures"] == [kind.architecture]
    assert {key: values[key] for key in foreign} == foreign
    assert values["hidden_act"] == "silu" and values["rope_theta"] == 500.0
    assert values["rope_scaling"] == (None if name == "default" else {"rope_type": name, **ROPES[name]})
    assert values["rope_parameters"] == rope(name)
    assert json.loads(json.dumps(again.to_dict())) == values


@family
@kinds
def test_what_is_not_said_is_as_in_transformers(kind):
    assert kind.from_dict({}) == kind()
    config = kind.from_dict({**SMALL, "head_dim": None, "num_key_value_heads": None, "rope_parameters": None})
    assert (config.head_dim, config.num_key_value_heads) == (2, 4)
    assert config.rope_parameters == {"rope_type": "default", "rope_theta": 10_000.0}
    assert kind.from_dict({**SMALL, "rope_theta": 7.0}).rope_parameters["rope_theta"] == 7.0
    partial = {**SMALL, "partial_rotary_factor": 1.0}
    assert kind.from_dict(partial) == kind.from_dict(SMALL)


@checks(LlamaConfig)
def test_scaled_types_take_the_trained_length_from_max_position_embeddings_where_it_is_not_said():
    for name in ("llama3", "yarn"):
        given_rope = {key: value for key, value in rope(name).items() if key != "original_max_position_embeddings"}
        found = LlamaConfig(**SMALL, rope_parameters=given_rope).rope_parameters
        assert found == {**rope(name), "original_max_position_embeddings": 16}


@family
@kinds
def test_a_stretch_that_is_written_in_beside_rope_parameters_goes_before_them_as_in_transformers(kind):
    sizes = {**SMALL, "head_dim": 4, "rope_parameters": rope("default")}
    edited = kind.from_dict({**sizes, "rope_theta": 900.0, "rope_scaling": {"type": "linear", "factor": 4.0}})
    assert edited.rope_parameters == {"rope_type": "linear", "rope_theta": 900.0, "factor": 4.0}
    assert kind.from_dict({**sizes, "rope_scaling": None}).rope_parameters == rope("default")


@family
@kinds
@pytest.mark.parametrize("name", ["llama3", "yarn"])
def test_a_trained_length_beside_the_rotary_parameters_goes_before_the_one_in_them(kind, name):
    key = "original_max_position_embeddings"
    config = kind.from_dict({**SMALL, "head_dim": 4, "rope_parameters": rope(name), key: 4})
    assert config.rope_parameters == {**rope(name), key: 4}
    assert kind.from_dict(config.to_dict()) == config
    assert kind.from_dict({**SMALL, key: 4}).other == {key: 4}


@checks(Qwen2Config, Qwen3Config, MistralConfig)
@pytest.mark.parametrize("kind", [Qwen2Config, Qwen3Config])
def test_windows_are_where_they_are_said_to_be(kind):
    full, slides = "full_attention", "sliding_attention"
    assert kind(**SMALL).windows == (None, None) and kind(**SMALL).sliding_window is None
    assert kind(**SMALL, use_sliding_window=True, sliding_window=3).windows == (None, None)      # of 28 full layers
    config = kind(**SMALL, use_sliding_window=True, sliding_window=3, max_window_layers=1)
    assert config.windows == (None, 3) and config.layer_types == (full, slides)
    assert kind(**SMALL, use_sliding_window=True, sliding_window=3, layer_types=[slides, full]).windows == (3, None)
    assert kind(**SMALL, use_sliding_window=True, sliding_window=None, max_window_layers=0).windows == (None, None)
    assert MistralConfig(**SMALL, sliding_window=5).windows == (5, 5)
    assert MistralConfig(**SMALL, sliding_window=None).windows == (None, None)
    assert kind.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@family
@kinds
def test_a_config_is_frozen_hashable_or_not_it_compares_by_its_sizes(kind):
    config = kind(**SMALL)
    with pytest.raises(AttributeError):
        config.hidden_size = 3
    assert config == kind.from_dict({**SMALL, "something": 1}) != kind(**{**SMALL, "vocab_size": 8})


# what is wrong --------------------------------------------------------------------------------------------------------

def refused(kind, names, **values):
    with pytest.raises(ConfigError, match=names) as problem:
        kind.from_dict({**SMALL, **values})
    assert len(str(problem.value)) < 1000


WHOLE = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
         "num_key_value_heads", "head_dim", "max_position_embeddings")
NO_SIZES = (0, -1, -2**40, 2**31, 10**400, 1.0, 2.5, math.inf, math.nan, True, False, "8", [8], {"a": 8})


@family
@kinds
@pytest.mark.parametrize("name", WHOLE)
def test_a_size_that_is_none_is_refused_by_name(kind, name):
    for value in NO_SIZES:
        refused(kind, name, **{name: value})
    if name not in ("num_key_value_heads", "head_dim"):
        refused(kind, name, **{name: None})


@family
@kinds
def test_other_values_that_cannot_be_are_refused_by_name(kind):
    for name in ("rms_norm_eps", "initializer_range"):
        for value in (-1e-6, math.inf, math.nan, 10**400, "1e-6", True, None, [1]):
            refused(kind, name, **{name: value})
    refused(kind, "rms_norm_eps", rms_norm_eps=0)
    for value in (1, 1.0, -0.1, math.nan, 10**400, "0", None, True):
        refused(kind, "attention_dropout", attention_dropout=value)
    for value in (0, 1, None, "true", []):
        refused(kind, "tie_word_embeddings", tie_word_embeddings=value)
        refused(kind, "attention_bias", attention_bias=value)
        refused(kind, "mlp_bias", mlp_bias=value)
    for value in ("gelu", "SiLU", None, 1, ["silu"]):
        refused(kind, "hidden_act", hidden_act=value)
    assert kind.from_dict({**SMALL, "hidden_act": "swish"}) == kind(**SMALL)


@family
@kinds
def test_sizes_that_do_not_fit_each_other_are_refused(kind):
    refused(kind, "num_attention_heads must be divisible by num_key_value_heads", num_key_value_heads=3)
    refused(kind, "num_attention_heads must be divisible by num_key_value_heads", num_key_value_heads=8)
    refused(kind, "hidden_size must be divisible by num_attention_heads", head_dim=None, hidden_size=9)
    refused(kind, "head_dim must be even.*got head_dim=3", head_dim=3)
    refused(kind, "head_dim must be even.*got head_dim=1", head_dim=None, hidden_size=4)


@checks(MistralConfig, Qwen2Config, Qwen3Config)
def test_windows_and_layer_types_that_cannot_be_are_refused_by_name():
    for value in (0, -1, 1.0, True, "3", 2**31, [3]):
        refused(MistralConfig, "sliding_window", sliding_window=value)
        for kind in (Qwen2Config, Qwen3Config):
            refused(kind, "sliding_window", use_sliding_window=True, sliding_window=value)
    for kind in (Qwen2Config, Qwen3Config):
        for value in (0, 1, None, "yes"):
            refused(kind, "use_sliding_window", use_sliding_window=value)
        for value in (-1, 1.5, None, True, 2**31):
            refused(kind, "max_window_layers", max_window_layers=value)
        full = "full_attention"
        for value in ([], [full], [full] * 3, [full, "chunked_attention"], full, [full, None], [full, 1], {}, 2,
                      [[full]] * 2):
            refused(kind, "layer_types", layer_types=value)
    refused(MistralConfig, "attention_bias", attention_bias=True)
    refused(Qwen2Config, "attention_bias", attention_bias=True)
    for kind in (MistralConfig, Qwen2Config, Qwen3Config):
        refused(kind, "mlp_bias", mlp_bias=True)


BAD_ROPES = {
    "unknown type": ({"rope_type": "longrope"}, "rope_type"),
    "type of no text": ({"rope_type": 1}, "rope_type"),
    "type in a list": ({"rope_type": ["yarn"]}, "rope_type"),
    "old word for an unknown type": ({"type": "su"}, "rope_type"),
    "no theta": ({"rope_theta": "10000"}, "rope_theta"),
    "theta of zero": ({"rope_theta": 0}, "rope_theta"),
    "theta of one": ({"rope_theta": 1.0}, "rope_theta"),
    "infinite theta": ({"rope_theta": math.inf}, "rope_theta"),
    "theta no float holds": ({"rope_theta": 10**400}, "rope_theta"),
    "theta of true": ({"rope_theta": True}, "rope_theta"),
    "linear without factor": ({"rope_type": "linear"}, "factor"),
    "dynamic without factor": ({"rope_type": "dynamic"}, "factor"),
    "yarn without factor": ({"rope_type": "yarn"}, "factor"),
    "llama3 without a band": ({"rope_type": "llama3", "factor": 2.0, "low_freq_factor": 1.0}, "high_freq_factor"),
    "factor below one": ({"rope_type": "linear", "factor": 0.5}, "factor"),
    "factor of text": ({"rope_type": "linear", "factor": "2"}, "factor"),
    "nan factor": ({"rope_type": "yarn", "factor": math.nan}, "factor"),
    "huge factor": ({"rope_type": "dynamic", "factor": 1e300}, "factor"),
    "band upside down": ({**rope("llama3"), "low_freq_factor": 4.0}, "low_freq_factor"),
    "beta below zero": ({**rope("yarn"), "beta_fast": -1}, "beta_fast"),
    "truncate by a number": ({**rope("yarn"), "truncate": 1}, "truncate"),
    "half of the channels": ({"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
    "an unknown key": ({"mrope_section": [1, 2]}, "mrope_section"),
    "nested by layer type": ({kind: rope("default") for kind in ("full_attention", "sliding_attention")},
                             "full_attention"),
}


@family
@kinds
@pytest.mark.parametrize("given_rope, names", BAD_ROPES.values(), ids=BAD_ROPES)
def test_rotary_parameters_that_cannot_be_are_refused_by_name(kind, given_rope, names):
    refused(kind, f"rope_parameters.*{names}", rope_parameters=given_rope)
    if "rope_theta" not in given_rope and "partial_rotary_factor" not in given_rope:
        refused(kind, f"rope_parameters.*{names}", rope_scaling=given_rope)


@family
@kinds
def test_rotary_parameters_must_be_an_object_and_partial_turns_are_refused_wherever_they_stand(kind):
    for value in ("default", 1, [1], True, 2.0):
        refused(kind, "rope_parameters must be an object", rope_parameters=value)
        refused(kind, "rope_parameters must be an object", rope_scaling=value)
    refused(kind, "partial_rotary_factor", partial_rotary_factor=0.25)
    refused(kind, "rope_theta", rope_theta=None)
    refused(kind, "rope_theta", rope_theta=[])
    refused(kind, "at least 4; got 2", rope_parameters=rope("dynamic"))


# anything at all ------------------------------------------------------------------------------------------------------

numbers = st.sampled_from([0, 1, 2, 3, 4, 8, 16, 2**31 - 1, 2**31, -1, 10**400, 0.0, 0.5, 1.0, 2.0, 4.0, 1e-320, 1e-300,
                           1e9, 1e30, 1e300, 1.7e308, math.inf, -math.inf, math.nan, True, False, None])
anything = st.recursive(numbers | st.text(max_size=5) | st.sampled_from(["silu", *ROPES, "full_attention"]),
                        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner,
                                                                                    max_size=3), max_leaves=4)
rope_keys = st.sampled_from(["rope_type", "type", "rope_theta", "factor", "low_freq_factor", "high_freq_factor",
                             "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow", "mscale",
                             "mscale_all_dim", "truncate", "partial_rotary_factor"])
ropes = st.builds(lambda name, more: {**rope(name), **more}, st.sampled_from(sorted(ROPES)),
                  st.dictionaries(rope_keys, numbers, max_size=4))
keys = st.sampled_from([*WHOLE, "rms_norm_eps", "initializer_range", "attention_dropout", "attention_bias", "mlp_bias",
                        "tie_word_embeddings", "rope_theta", "partial_rotary_factor", "hidden_act", "sliding_window",
                        "use_sliding_window", "max_window_layers", "layer_types", "model_type", "architectures",
                        "other"])
MANY = settings(max_examples=10 * settings.default.max_examples)


def build(kind, values):
    """A config that is accepted promises angles that are numbers; None for one that is refused by a ConfigError."""
    try:
        config = kind.from_dict(values)
    except ConfigError:
        return None
    assert kind.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert config.num_parameters > 0 and config.num_tensors > 0
    if config.head_dim <= 64:
        rotary = RotaryPositions(config.head_dim, config.rope_parameters, config.max_position_embeddings)
        for table in rotary(config.max_position_embeddings + 3, np.empty((1, 2, 1))):
            assert np.isfinite(table).all()
    return config


@checks(LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config, RotaryPositions)
@MANY
@given(kind=st.sampled_from(list(KINDS.values())), changes=st.dictionaries(keys, anything, max_size=3))
def test_from_dict_gives_a_config_or_a_config_error_whatever_the_values(kind, changes):
    build(kind, {**SMALL, **changes})


@checks(LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config, RotaryPositions)
@MANY
@given(kind=st.sampled_from(list(KINDS.values())), given_rope=ropes, head_dim=st.sampled_from([2, 4, 16]),
       where=st.sampled_from(["rope_parameters", "rope_scaling"]))
@example(kind=LlamaConfig, given_rope={**rope("yarn"), "beta_fast": 1e-300}, head_dim=4, where="rope_parameters")
@example(kind=LlamaConfig, given_rope={**rope("yarn"), "beta_slow": 1.7e308}, head_dim=4, where="rope_parameters")
def test_so_do_rotary_parameters_and_those_that_pass_turn_by_finite_angles(kind, given_rope, head_dim, where):
    build(kind, {**SMALL, "head_dim": head_dim, where: given_rope})


@family
@kinds
def test_a_config_of_absurd_size_allocates_nothing_of_that_size(kind):
    huge = 2**31 - 1
    sizes = ("num_hidden_layers", "vocab_size", "hidden_size", "max_position_embeddings")
    values = {**SMALL, **dict.fromkeys(sizes, huge)}
    tracemalloc.start()
    try:
        try:
            config = kind.from_dict(values)
            assert config.num_parameters > huge**2 and config.num_tensors > huge
            config.to_dict(), repr(config)
        except ConfigError as problem:
            assert "num_hidden_layers" in str(problem)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
