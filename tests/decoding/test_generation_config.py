"""generation_config.json: what it asks for is what generate gets, and what cannot be done is said."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import GenerationConfig, generate
from scratchgpt.decoding.generation_config import FILE, NEUTRAL
from scratchgpt.errors import GenerationError
from scratchgpt.models import BigramConfig, BigramLM
from tests.checks import checks
from tests.checkpoint.mutants import STRANGE


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


@checks(GenerationConfig, generate)
def test_its_options_are_those_of_generate():
    model = BigramLM(BigramConfig(5), rng=np.random.default_rng(0))
    config = GenerationConfig(max_new_tokens=4, do_sample=True, temperature=0.5, top_k=3, top_p=0.9, eos_token_id=[4])
    found = generate(model, [[1], [2]], rng=np.random.default_rng(0), **config.options())
    expected = generate(model, [[1], [2]], max_new_tokens=4, temperature=0.5, top_k=3, top_p=0.9, eos_token_id=[4],
                        rng=np.random.default_rng(0))
    np.testing.assert_array_equal(found, expected)


@checks(GenerationConfig)
def test_a_config_goes_to_a_folder_and_back_with_the_keys_of_others(tmp_path):
    values = {"eos_token_id": 3, "pad_token_id": 0, "do_sample": True, "temperature": 0.6, "transformers_version": "5.0", "num_beams": 1}
    config = GenerationConfig.from_pretrained(write(tmp_path, values))
    (tmp_path / "copy").mkdir()
    config.save_pretrained(tmp_path / "copy")
    assert json.loads((tmp_path / "copy" / FILE).read_text()) == values
    assert GenerationConfig.from_pretrained(tmp_path / "copy") == config


@checks(GenerationConfig)
@pytest.mark.parametrize("key", NEUTRAL)
def test_a_key_that_would_change_the_text_is_named_and_its_neutral_value_is_none(key, tmp_path):
    for value in (NEUTRAL[key], None):
        assert GenerationConfig.from_pretrained(write(tmp_path, {key: value})).options() == {}
    config = GenerationConfig.from_pretrained(write(tmp_path, {key: 7}))
    with pytest.raises(GenerationError, match=f"{key}=7"):
        config.options()


@checks(GenerationConfig)
@pytest.mark.parametrize("values", [
    "{", "[]", "null", '{"top_k": 1, "top_k": 2}', {"top_k": -1}, {"top_k": 1.5}, {"top_k": True}, {"top_p": 1.5},
    {"temperature": -1}, {"temperature": "hot"}, {"do_sample": 1}, {"eos_token_id": []}, {"eos_token_id": [0, -1]},
    {"eos_token_id": "x"}, {"max_new_tokens": 10**30}, {"pad_token_id": {}}, '{"temperature": 1e400}'], ids=repr)
def test_a_wrong_file_gets_one_error_that_names_it(values, tmp_path):
    with pytest.raises(GenerationError, match=re.escape(str(tmp_path / FILE))):
        GenerationConfig.from_pretrained(write(tmp_path, values))


@checks(GenerationConfig)
@given(key=st.sampled_from([*GenerationConfig.__dataclass_fields__, *NEUTRAL]), value=st.sampled_from(STRANGE))
def test_no_other_error_escapes(key, value):
    try:
        options = GenerationConfig(**({key: value} if key in GenerationConfig.__dataclass_fields__ and key != "other"
                                      else {"other": {key: value}})).options()
        assert options.keys() <= {"max_new_tokens", "eos_token_id", "pad_token_id", "temperature", "top_k", "top_p"}
    except GenerationError as problem:
        assert key in str(problem)
