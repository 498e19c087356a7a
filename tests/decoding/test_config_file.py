"""Files of the field: they load, what they hold for nothing is kept and does nothing, and they are written back."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import GenerationConfig
from scratchgpt.decoding.config_file import FILE, read, supported, write
from scratchgpt.decoding.contradictions import check_sampling
from scratchgpt.errors import GenerationError
from tests.checkpoint.mutants import STRANGE
from tests.checks import checks

TABLE = GenerationConfig.table()
ASLEEP = [{"suppress_tokens": []}, {"bad_words_ids": []}, {"begin_suppress_tokens": []}, {"force_words_ids": []},
          {"sequence_bias": []}, {"top_k": 0}, {"pad_token_id": -1}, {"length_penalty": 2.0}, {"early_stopping": True},
          {"early_stopping": 1}, {"num_assistant_tokens": 20}, {"assistant_acceptance": "matching"},
          {"output_scores": True}, {"min_length": 5}, {"num_beam_groups": 2, "diversity_penalty": 0.5},
          {"cache_implementation": "hybrid"}, {"penalty_alpha": 0.6, "top_k": 0}, {"max_new_tokens": None}]


def loaded(folder, values):
    (folder / FILE).write_text(json.dumps(values))
    return GenerationConfig.from_pretrained(folder)


@checks(read, write)
@pytest.mark.parametrize("values", ASLEEP, ids=str)
def test_what_cannot_act_is_kept_asks_for_nothing_and_is_written_back(tmp_path, values):
    config = loaded(tmp_path, {**values, "max_length": 9, "transformers_version": "5.0"})
    assert config.options() == {"max_length": 9}
    check_sampling(config, sampled=False)
    config.save_pretrained(tmp_path)
    assert json.loads((tmp_path / FILE).read_text()) == {**values, "max_length": 9, "transformers_version": "5.0"}


@checks(read)
@pytest.mark.parametrize("values, options", [
    ({"num_beams": 4, "length_penalty": 2.0, "early_stopping": 1}, {"early_stopping": True}),
    ({"num_beams": 4, "early_stopping": 0}, {"early_stopping": False}),
    ({"assistant_early_exit": 1, "num_assistant_tokens": 20}, {}),
    ({"prompt_lookup_num_tokens": 3, "assistant_acceptance": "matching"}, {}),
    ({"return_dict_in_generate": True, "output_scores": True}, {}),
    ({"cache_implementation": "static"}, {}), ({"suppress_tokens": [1]}, {})], ids=str)
def test_what_can_act_does(tmp_path, values, options):
    config = loaded(tmp_path, values)
    assert config.options() == {**values, **options} and config.other == {}


@checks(read, write)
@pytest.mark.parametrize("biases", [{(1, 2): -math.inf, (3,): 0.5}, [[[1, 2], -math.inf], [[3], 0.5]]], ids=str)
def test_a_bias_that_forbids_goes_to_a_folder_and_back(tmp_path, biases):
    GenerationConfig(sequence_bias=biases).save_pretrained(tmp_path)
    assert json.loads((tmp_path / FILE).read_text()) == {"sequence_bias": [[[1, 2], "-inf"], [[3], 0.5]]}
    assert GenerationConfig.from_pretrained(tmp_path).sequence_bias == [[[1, 2], -math.inf], [[3], 0.5]]


@checks(read)
@pytest.mark.parametrize("values", [{"sequence_bias": [[[1], "inf"]]}, {"sequence_bias": [[1, "-inf"]]},
                                    {"sequence_bias": "-inf"}, {"sequence_bias": [["-inf", "-inf"], 3]},
                                    {"cache_implementation": 3}, {"early_stopping": 2, "num_beams": 2},
                                    {"top_k": False}, {"pad_token_id": -2}, {"eos_token_id": []}], ids=str)
def test_what_is_wrong_stays_wrong(tmp_path, values):
    with pytest.raises(GenerationError, match=f"{FILE}: {next(iter(values))} must be "):
        loaded(tmp_path, values)


@checks(read)
@given(key=st.sampled_from([one.name for one in TABLE]), value=st.sampled_from(STRANGE))
def test_options_and_the_rest_are_the_file(tmp_path_factory, key, value):
    folder = tmp_path_factory.mktemp("file")
    (folder / FILE).write_text(json.dumps({key: value, "num_beams": 2, "their": []}))
    given_, other = read(folder, TABLE)
    assert given_.keys() | other.keys() == {key, "num_beams", "their"} and not given_.keys() & other.keys()


@checks(supported)
def test_options_without_what_they_act_with_fall_away_one_after_the_other():
    options = {"num_beam_groups": 2, "diversity_penalty": 0.5, "min_length": 3, "top_k": 4}
    assert supported(options, {}, TABLE) == {"top_k": 4}
    assert supported(options, {"num_beams": 4, "eos_token_id": 0}, TABLE) == options
    assert supported(options, {"num_beams": 1}, TABLE) == {"top_k": 4}
