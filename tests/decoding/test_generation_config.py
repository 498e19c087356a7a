"""The table of options: each takes what it says and nothing else, contradictions are refused, a file goes both ways."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import GenerationConfig, generate
from scratchgpt.decoding.config_file import DRAFTS
from scratchgpt.decoding.contradictions import SAMPLING, SEARCHES, check, check_sampling
from scratchgpt.decoding.generation_config import FILE
from scratchgpt.errors import GenerationError
from scratchgpt.models import BigramConfig, BigramLM
from scratchgpt.options import Kind, check_option, choice, list_of, number, option, plain, tuple_of, whole
from tests.checks import checks
from tests.checkpoint.mutants import STRANGE

TABLE = {one.name: one for one in GenerationConfig.table()}
# what an option needs beside it to be allowed
BESIDE = {"num_beams": 8, "num_beam_groups": 2, "eos_token_id": 1, "stop_strings": "x", "top_k": 4, "mirostat": 1,
          "prompt_lookup_num_tokens": 3, "lookahead_num_tokens": 3, "dynatemp_range": 0.5, "xtc_probability": 0.5,
          "dry_multiplier": 0.8, "max_length": 9, "return_dict_in_generate": True}
EXAMPLES = {
    "num_beams": 3, "num_beam_groups": 4, "early_stopping": "never", "length_penalty_type": "gnmt", "mirostat": 1,
    "force_words_ids": [[1, 2], [[3], [4, 5]]], "dola_layers": "low", "bad_words_ids": [[1], [2, 3]],
    "sequence_bias": {(1, 2): -1.5}, "exponential_decay_length_penalty": (3, 1.5), "suppress_tokens": [1, 2],
    "begin_suppress_tokens": [1], "watermarking": {"bias": 2.0}, "dry_sequence_breakers": [[1]], "stop_strings": ["a", "b"],
    "assistant_acceptance": "matching", "cache_implementation": "quantized", "processor_order": "llamacpp",
    "grammar": "json", "regex": "a*", "guidance_scale": 1.5, "temperature": 0.5, "xtc_threshold": 0.2, "top_p": 0.5,
    "min_p": 0.1, "epsilon_cutoff": 0.1, "eta_cutoff": 0.1, "length_penalty": -0.5, "dry_base": 2.0, "penalty_alpha": 0.6,
    "use_cache": False, "renormalize_logits": True, "remove_invalid_values": True, "token_healing": True,
    "include_stop_str_in_output": True, "do_sample": True, "repetition_penalty": 1.2, "mirostat_m": 50}


def example(name):
    """A value that asks for something."""
    kind, neutral = TABLE[name].metadata["kind"], TABLE[name].metadata["neutral"]
    return next(value for value in (EXAMPLES.get(name), 0.5, 2, True, "a") if value is not None and kind.fits(value)
                and value != neutral)


def wishes(name):
    """An option with a value, and all that it needs beside it."""
    found, needs = {name: example(name)}, TABLE[name].metadata["needs"] or ()
    for need in needs[:1]:
        found = {**wishes(need), need: BESIDE[need], **found}
    found = {"diversity_penalty": 0.5, **found} if "num_beam_groups" in found else found
    return {"assistant_early_exit": 1, **found} if name in DRAFTS else found                # which a file must hold


@checks(GenerationConfig, option)
@pytest.mark.parametrize("name", TABLE)
def test_an_option_asks_only_with_a_value_that_is_not_neutral(name):
    config = GenerationConfig(**wishes(name))
    assert config.asks(name) and not GenerationConfig().asks(name)
    neutral = TABLE[name].metadata["neutral"]
    if neutral is not None:
        assert not GenerationConfig(**{name: neutral}).asks(name)                # and needs nothing beside it
    assert TABLE[name].metadata["help"] and "," not in name


@checks(GenerationConfig, check_option)
@pytest.mark.parametrize("name", TABLE)
@given(value=st.sampled_from([*STRANGE, math.nan, math.inf, -math.inf, -1, 10**30, "", [], {}, [[]], object()]))
def test_what_an_option_does_not_take_is_named(name, value):
    if not TABLE[name].metadata["kind"].fits(value) and value is not None:
        with pytest.raises(GenerationError, match=f"{name} must be "):
            GenerationConfig(**{name: value})


@checks(Kind, whole, number, choice, list_of, tuple_of)
@pytest.mark.parametrize("kind, good, bad", [
    (whole(2), [2, 5], [1, 2.0, "2", True, None]),
    (number(0, 1, low_open=True), [0.5, 1, 1.0], [0, -0.1, 1.1, math.nan, "1", True]),
    (number(0, 1, high_open=True), [0, 0.5], [1, 1.0]), (number(2), [2, 1e300], [1.9, math.inf]),
    (number(-math.inf), [-1e300, 0], [math.inf, math.nan]),
    (choice(True, False, "never"), [True, False, "never"], [1, 0, "always", None]),
    (list_of(whole(0), "tokens"), [[0], (1, 2)], [[], 1, [-1], [True], "12"]),
    (list_of(whole(0), "tokens", or_one=True), [[0], 1], [[], -1]),
    (tuple_of(whole(0), number(0)), [(1, 0.5), [0, 2]], [(1,), (1, 2, 3), (0.5, 1), 3])], ids=lambda one: None)
def test_kinds_take_what_their_rule_says(kind, good, bad):
    assert all(kind.fits(value) for value in good) and not any(kind.fits(value) for value in bad)


@checks(Kind)
@pytest.mark.parametrize("name, text, value", [
    ("num_beams", "4", 4), ("temperature", "0.5", 0.5), ("early_stopping", "never", "never"),
    ("early_stopping", "true", True), ("eos_token_id", "[1, 2]", [1, 2]), ("eos_token_id", "3", 3),
    ("dola_layers", "low", "low"), ("dola_layers", "[0, 2]", [0, 2]), ("bad_words_ids", "[[1], [2, 3]]", [[1], [2, 3]]),
    ("exponential_decay_length_penalty", "[3, 1.5]", [3, 1.5]), ("watermarking", '{"bias": 2.0}', {"bias": 2.0})])
def test_a_command_lines_text_becomes_the_value(name, text, value):
    kind = TABLE[name].metadata["kind"]
    assert kind.parse(text) == value and type(kind.parse(text)) is type(value) and kind.fits(value)


@checks(plain)
@pytest.mark.parametrize("value, same", [
    (np.int64(3), 3), (np.float32(0.5), 0.5), (np.array([[1, 2]]), [[1, 2]]), ([np.int64(1), [np.array([2])]], [1, [[2]]]),
    ({np.int64(1): np.array(2.0), (np.int8(1), 2): None}, {1: 2.0, (1, 2): None}), ((np.int64(1), "a"), (1, "a"))], ids=str)
def test_numbers_of_numpy_are_those_of_python(value, same):
    assert repr(plain(value)) == repr(same)


NEEDY = [name for name in TABLE if TABLE[name].metadata["needs"]]


@checks(check)
@pytest.mark.parametrize("name", NEEDY)
def test_an_option_that_acts_only_beside_another_says_so(name):
    with pytest.raises(GenerationError, match=f"{name} acts only with"):
        GenerationConfig(**{name: example(name)})


@checks(check)
@pytest.mark.parametrize("one", SEARCHES)
@pytest.mark.parametrize("other", SEARCHES)
def test_a_text_is_decoded_by_one_search(one, other):
    if one != other:
        with pytest.raises(GenerationError, match="one search at a time.*"):
            GenerationConfig(**{**wishes(one), **wishes(other)})


@checks(check)
@pytest.mark.parametrize("options", [
    dict(min_length=5, max_length=4, eos_token_id=1), dict(min_new_tokens=5, max_new_tokens=4, eos_token_id=1),
    dict(num_beams=2, num_return_sequences=3), dict(num_beams=4, num_beam_groups=2), dict(mirostat=2, mirostat_m=9),
    dict(use_cache=False, cache_implementation="static"),
    dict(num_beams=4, num_beam_groups=3), dict(num_beams=2, num_beam_groups=4),
    dict(num_beams=4, num_beam_groups=2, force_words_ids=[[1]]), dict(regex="a", grammar="json", eos_token_id=1),
    dict(forced_bos_token_id=2, suppress_tokens=[1, 2]), dict(forced_eos_token_id=[1, 2], suppress_tokens=[1, 2],
                                                              max_length=4), dict(dynatemp_range=1.0), dict(dynatemp_range=0.7, temperature=0.5)], ids=repr)
def test_options_that_contradict_each_other_are_refused_with_their_values(options):
    with pytest.raises(GenerationError, match="; got "):
        GenerationConfig(**options)


@checks(check_sampling)
@pytest.mark.parametrize("name", sorted(SAMPLING))
def test_what_shapes_chance_needs_chance(name):
    model, options = BigramLM(BigramConfig(12), rng=np.random.default_rng(0)), wishes(name)
    with pytest.raises(GenerationError, match=f"rng=np.random.default_rng.*{name}="):
        generate(model, [[1]], max_new_tokens=2, **options)
    assert generate(model, [[1]], max_new_tokens=2, rng=np.random.default_rng(0), **options).shape == (1, 3)


@checks(check_sampling)
@pytest.mark.parametrize("options", [
    dict(do_sample=True), dict(do_sample=False, rng=np.random.default_rng(0)), dict(num_return_sequences=2),
    dict(penalty_alpha=0.5, top_k=4, rng=np.random.default_rng(0)),
    dict(num_beams=4, num_beam_groups=2, rng=np.random.default_rng(0)),
    dict(num_beams=4, force_words_ids=[[1]], rng=np.random.default_rng(0))], ids=list)
def test_chance_and_its_generator_come_together(options):
    with pytest.raises(GenerationError, match="; got "):
        generate(BigramLM(BigramConfig(5), rng=np.random.default_rng(0)), [[1]], max_new_tokens=2, **options)


@checks(GenerationConfig, generate)
def test_an_option_that_does_not_exist_is_refused_by_name():
    for wrong in ({"temprature": 0.5}, {"other": {}}, {"filters": []}):
        with pytest.raises(GenerationError, match=f"no option {next(iter(wrong))}"):
            generate(BigramLM(BigramConfig(5), rng=np.random.default_rng(0)), [[1]], max_new_tokens=2, **wrong)


@checks(GenerationConfig, generate)
def test_a_config_and_its_options_give_the_same_text_and_what_is_passed_besides_wins():
    model = BigramLM(BigramConfig(5), rng=np.random.default_rng(0))
    config = GenerationConfig(max_new_tokens=4, do_sample=True, temperature=0.5, top_k=3, top_p=0.9, eos_token_id=[4])
    found = [generate(model, [[1], [2]], rng=np.random.default_rng(0), **options) for options in (
        config.options(), {"generation_config": config},
        dict(max_new_tokens=4, temperature=0.5, top_k=3, top_p=0.9, eos_token_id=[4]))]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    longer = generate(model, [[1], [2]], rng=np.random.default_rng(0), generation_config=config, max_new_tokens=2)
    np.testing.assert_array_equal(longer, found[0][:, :3])
    assert config.max_new_tokens == 4


def write(folder, values):
    (folder / FILE).write_text(values if isinstance(values, str) else json.dumps(values))
    return folder


@checks(GenerationConfig)
def test_a_folder_without_the_file_asks_for_nothing(tmp_path):
    assert GenerationConfig.from_pretrained(tmp_path) == GenerationConfig()
    assert GenerationConfig().options() == {}


@checks(GenerationConfig)
def test_sampling_options_count_only_where_the_file_says_do_sample(tmp_path):
    asked = {"temperature": 0.7, "top_k": 5, "top_p": 0.9, "eos_token_id": [1, 2], "pad_token_id": 0, "max_new_tokens": 7}
    always = {key: asked[key] for key in ("eos_token_id", "pad_token_id", "max_new_tokens")}
    assert GenerationConfig.from_pretrained(write(tmp_path, {**asked, "do_sample": True})).options() == asked
    assert GenerationConfig.from_pretrained(write(tmp_path, asked)).options() == always
    assert GenerationConfig.from_pretrained(write(tmp_path, {"do_sample": True, "top_k": 0})).options() == {}


@checks(GenerationConfig)
@pytest.mark.parametrize("name", TABLE)
def test_every_option_goes_to_a_folder_and_back_with_the_keys_of_others(name, tmp_path):
    config = GenerationConfig(**wishes(name), other={"transformers_version": "5.0"})
    config.save_pretrained(tmp_path)
    again = GenerationConfig.from_pretrained(tmp_path)
    assert again.asks(name) and again.other == {"transformers_version": "5.0"}
    again.save_pretrained(tmp_path)
    assert GenerationConfig.from_pretrained(tmp_path) == again


@checks(GenerationConfig)
@pytest.mark.parametrize("values", [
    "{", "[]", "null", '{"top_k": 1, "top_k": 2}', {"top_k": -1}, {"top_k": 1.5}, {"top_k": True}, {"top_p": 1.5},
    {"temperature": -1}, {"temperature": "hot"}, {"do_sample": 1}, {"eos_token_id": []}, {"eos_token_id": [0, -1]},
    {"eos_token_id": "x"}, {"max_new_tokens": 10**30}, {"pad_token_id": {}}, '{"temperature": 1e400}',
    {"num_beams": 2, "num_return_sequences": 3}], ids=repr)
def test_a_wrong_file_gets_one_error_that_names_it(values, tmp_path):
    with pytest.raises(GenerationError, match=re.escape(str(tmp_path / FILE))):
        GenerationConfig.from_pretrained(write(tmp_path, values))


@checks(GenerationConfig)
@pytest.mark.parametrize("options", [dict(watermarking={1: 2}), dict(num_beams=2, num_beam_groups=2,
                                                                     diversity_penalty=1e7)], ids=str)
def test_settings_have_names_and_a_penalty_is_one_that_float32_can_hold(options):
    with pytest.raises(GenerationError, match="must be an object of settings, by name|must be a number in .0, 1000000.0"):
        GenerationConfig(**options)


@checks(GenerationConfig)
@given(key=st.sampled_from(sorted(TABLE)), value=st.sampled_from(STRANGE))
def test_no_other_error_escapes(key, value):
    try:
        options = GenerationConfig(**{key: value}).options()
        assert options.keys() <= {key}
    except GenerationError as problem:
        assert key in str(problem)
