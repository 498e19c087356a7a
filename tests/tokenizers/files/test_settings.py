"""The settings of a tokenizer in its files: roles, sides, lengths, templates, of both kinds of tokenizer."""

import json
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import AutoTokenizer, BPETokenizer, CharTokenizer
from scratchgpt.tokenizers.chat.templates import JINJA, TEMPLATES
from scratchgpt.tokenizers.files.fields import added_entries
from scratchgpt.tokenizers.files.chat_template import read_template, template_source
from scratchgpt.tokenizers.files.settings import Settings, read_settings, write_settings
from tests.checks import checks

CONFIG, MAP = "tokenizer_config.json", "special_tokens_map.json"
SPECIAL = ["<s>", "</s>", "<x>"]
NO_JSON = ("tokenizer.json", MAP)
ROLES = ("bos_token", "eos_token", "unk_token", "pad_token")


def char_tokenizer():
    tokenizer = CharTokenizer.train("abc")
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    return tokenizer


def loaded(folder, config, special_map=None, template=None):
    """A GPT-2 folder with the given settings."""
    BPETokenizer.train("", 259, special_tokens=SPECIAL).save_pretrained(folder)
    (folder / "tokenizer.json").unlink()
    for name, value in ((CONFIG, config), (MAP, special_map)):
        (folder / name).unlink()
        if value is not None:
            (folder / name).write_text(json.dumps(value), "utf-8")
    if template is not None:
        (folder / "chat_template.jinja").write_text(template, "utf-8")
    return AutoTokenizer.from_pretrained(folder)


@checks(write_settings, read_settings, Settings, added_entries, CharTokenizer.save_pretrained)
@given(steps=st.lists(st.tuples(st.booleans(), st.text(min_size=2, max_size=4)), max_size=6,
                      unique_by=lambda step: step[1]),
       sides=st.tuples(*[st.sampled_from(["left", "right"])] * 2), length=st.none() | st.integers(1, 10 ** 20 - 1),
       template=st.sampled_from([None, *TEMPLATES, "{{ a }}", *TEMPLATES.values()]), data=st.data())
def test_a_char_tokenizer_keeps_all_that_a_bpe_tokenizer_keeps(tmp_path_factory, steps, sides, length, template, data):
    saved = char_tokenizer()
    for is_special, token in steps:
        if token not in saved.get_vocab():
            if is_special:
                saved.add_special_tokens({"additional_special_tokens": [token]})
            else:
                saved.add_tokens([token])
    saved.padding_side, saved.truncation_side = sides
    saved.model_max_length, saved.chat_template = length, template
    saved.add_bos_token, saved.add_eos_token = data.draw(st.tuples(st.booleans(), st.booleans()))
    for role in ROLES:
        setattr(saved, role, data.draw(st.none() | st.sampled_from(SPECIAL)))
    folder = tmp_path_factory.mktemp("char")
    saved.save_pretrained(folder)
    again = AutoTokenizer.from_pretrained(folder)
    assert again.get_vocab() == saved.get_vocab() and again.characters == ["a", "b", "c"]
    for name in ("special_tokens", "added_tokens", *ROLES, "add_bos_token", "add_eos_token", "padding_side",
                 "truncation_side", "model_max_length"):
        assert getattr(again, name) == getattr(saved, name), name
    assert template_source(again.chat_template) == template_source(template)


@checks(read_settings)
def test_everything_that_a_configuration_may_say_is_taken_up(tmp_path):
    tokenizer = loaded(tmp_path, {
        "bos_token": "<s>", "eos_token": {"content": "</s>", "__type": "AddedToken", "lstrip": False},
        "pad_token": None,
        "add_bos_token": True, "add_eos_token": None, "padding_side": "left", "truncation_side": "left",
        "model_max_length": 1024, "chat_template": "{{ 1 }}", "additional_special_tokens": ["<x>"],
        "mask_token": {"content": "<m>"}, "image_token": "<i>", "extra_special_tokens": {"video": "<v>"},
        "added_tokens_decoder": {str(259 + i): {"content": token} for i,
                                 token in enumerate(["<m>", "<i>", "<v>", "plain"])},
        "unknown_key": [1, {"a": None}], "errors": "replace"})
    assert [getattr(tokenizer, role) for role in ROLES] == ["<s>", "</s>", None, None]
    assert (tokenizer.add_bos_token, tokenizer.add_eos_token, tokenizer.model_max_length) == (True, False, 1024)
    assert (tokenizer.padding_side, tokenizer.truncation_side, tokenizer.chat_template) == ("left", "left", "{{ 1 }}")
    assert tokenizer.additional_special_tokens == ["<x>", "<m>", "<i>", "<v>"]
    assert tokenizer.added_tokens == {"plain": 262}


@checks(read_settings)
@pytest.mark.parametrize("length", [10 ** 30, int(1e30), 1e30, 10 ** 20, None])
def test_a_length_beyond_all_bounds_is_none(tmp_path, length):
    assert loaded(tmp_path, {"model_max_length": length}).model_max_length is None


@checks(read_settings)
def test_the_map_of_special_tokens_is_right_only_where_no_added_tokens_are_given(tmp_path):
    config, special_map = {"bos_token": "<s>"}, {"bos_token": {"content": "</s>"}, "eos_token": "<x>"}
    tokenizer = loaded(tmp_path, config, special_map)
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("</s>", "<x>")
    tokenizer = loaded(tmp_path, config | {"added_tokens_decoder": {}}, special_map)
    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<s>", None)


@checks(read_settings, read_template, template_source)
def test_a_chat_template_is_found_in_each_of_its_places_and_known_by_its_name(tmp_path):
    several = [{"name": "tool_use", "template": "{{ 1 }}"}, {"name": "default", "template": "{{ 2 }}"}]
    assert loaded(tmp_path, {"chat_template": several}).chat_template == "{{ 2 }}"
    assert loaded(tmp_path, {"chat_template": several[:1]}).chat_template is None
    assert loaded(tmp_path, {"chat_template": {"default": "{{ 3 }}"}}).chat_template == "{{ 3 }}"
    for name, source in JINJA.items():
        assert loaded(tmp_path, {"chat_template": source}).chat_template == name
        assert template_source(name) == template_source(TEMPLATES[name]) == template_source(source) == source
    assert loaded(tmp_path, {"chat_template": "{{ 1 }}"}, template="{{ 4 }}\n").chat_template == "{{ 4 }}\n"
    assert loaded(tmp_path, None, template=JINJA["vicuna"]).chat_template == "vicuna"
    assert template_source(None) is None


@checks(template_source, write_settings)
def test_a_function_of_ones_own_cannot_be_saved_and_an_old_template_file_does_not_stay(tmp_path):
    tokenizer = char_tokenizer()
    (tmp_path / "chat_template.jinja").write_text("{{ old }}")
    tokenizer.chat_template = TEMPLATES["chatml"]
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).chat_template == "chatml"
    tokenizer.chat_template = lambda messages: "text"
    with pytest.raises(TokenizerError, match="chat_template to be saved"):
        tokenizer.save_pretrained(tmp_path)


@checks(added_entries)
def test_what_is_written_can_be_read_however_long_a_token_is_and_too_many_are_refused(tmp_path):
    tokenizer = char_tokenizer()
    tokenizer.add_tokens(["x" * 1_000])
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).added_tokens == tokenizer.added_tokens
    tokenizer.add_tokens([f"<{number}>" for number in range(9_997)])
    with pytest.raises(TokenizerError, match="at most 10000 tokens; got 10001"):
        tokenizer.save_pretrained(tmp_path)


@checks(write_settings)
@pytest.mark.parametrize("name, value", [
    ("model_max_length", "long"), ("chat_template", "\ud800{{ messages }}"), ("padding_side", "up"), ("add_bos_token", 1),
    ("truncation_side", 5)])
def test_settings_that_could_not_be_read_again_are_not_written(tmp_path, name, value):
    tokenizer = char_tokenizer()
    setattr(tokenizer, name, value)
    with pytest.raises(TokenizerError, match=name):
        tokenizer.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@checks(write_settings, read_settings)
def test_a_length_may_be_an_integer_of_numpy(tmp_path):
    tokenizer = char_tokenizer()
    tokenizer.model_max_length = np.int64(12)
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path).model_max_length == 12


@checks(read_settings)
def test_thousands_of_added_tokens_are_taken_up_in_time(tmp_path):
    tokenizer = CharTokenizer([chr(i) for i in range(0x4E00, 0x4E00 + 20_000)])
    tokenizer.add_tokens([f"<{n}>" for n in range(5_000)])
    tokenizer.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8"))
    for number, entry in config["added_tokens_decoder"].items():
        entry["special"] = int(number) % 2 == 0                 # the two kinds by turns
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    start = time.monotonic()
    assert AutoTokenizer.from_pretrained(tmp_path).vocab_size == 25_000
    assert time.monotonic() - start < 10                        # 0.2 s is usual


@checks(read_settings, BPETokenizer.from_pretrained)
def test_added_tokens_json_of_transformers_4_is_read(tmp_path):
    BPETokenizer.train("the theme of the thesis", 262).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (tmp_path / name).unlink()
    (tmp_path / "added_tokens.json").write_text('{"<tool>": 262, "</s>": 263}')
    (tmp_path / "special_tokens_map.json").write_text('{"eos_token": "</s>"}')
    read = AutoTokenizer.from_pretrained(tmp_path)
    assert read.encode("<tool>the")[0] == 262 and read.eos_token_id == 263
    for wrong in ('{"<tool>": -1}', '{"<tool>": "262"}', '{"": 262}', "[]", '{"<tool>": 300}'):
        (tmp_path / "added_tokens.json").write_text(wrong)
        with pytest.raises(TokenizerError):
            AutoTokenizer.from_pretrained(tmp_path)


@checks(write_settings)
def test_the_files_have_the_form_of_transformers(tmp_path):
    tokenizer = char_tokenizer()
    tokenizer.add_tokens(["plain"])
    tokenizer.bos_token, tokenizer.model_max_length = "<s>", 9
    write_settings(tmp_path / "new", tokenizer, {"other.json": [1]}, tokenizer_class="Any")
    tmp_path /= "new"
    assert json.loads((tmp_path / "other.json").read_text("utf-8")) == [1]
    config = json.loads((tmp_path / CONFIG).read_text("utf-8"))
    flags = {"single_word": False, "lstrip": False, "rstrip": False}
    assert config["added_tokens_decoder"]["3"] == {"content": "<s>", **flags, "normalized": False, "special": True}
    assert config["added_tokens_decoder"]["6"] == {"content": "plain", **flags, "normalized": True, "special": False}
    assert (config["tokenizer_class"], config["bos_token"], config["eos_token"]) == ("Any", "<s>", None)
    assert config["model_max_length"] == 9 and "chat_template" not in config
    assert json.loads((tmp_path / MAP).read_text("utf-8")) == {"bos_token": "<s>",
                                                              "additional_special_tokens": ["</s>", "<x>"]}


@checks(read_settings)
@pytest.mark.parametrize("config, field", [
    ({"padding_side": "up"}, "padding_side"), ({"truncation_side": 1}, "truncation_side"),
    ({"bos_token": 5}, "bos_token"),
    ({"bos_token": "<new>"}, "bos_token must be a token"), ({"pad_token": {"content": "<new>"}}, "pad_token"),
    ({"pad_token": {"content": "<s>", "lstrip": True}}, "pad_token: lstrip"), ({"pad_token": {}}, "pad_token: content"),
    ({"unk_token": "!"}, "unk_token"), ({"mask_token": "<m>"}, "mask_token"),
    ({"mask_token": {"content": 1}}, "mask_token"),
    ({"additional_special_tokens": ["<new>"]}, "additional_special_tokens"), ({"eos_token": "\ud800"}, "eos_token"),
    ({"additional_special_tokens": "<s>"}, "additional_special_tokens"), ({"eos_token": ""}, "eos_token"),
    ({"additional_special_tokens": [5]}, "additional_special_tokens"),
    ({"extra_special_tokens": 1}, "extra_special_tokens"),
    ({"extra_special_tokens": {"a": "<new>"}}, "extra_special_tokens"),
    ({"extra_special_tokens": [None]}, "extra_special"),
    ({"add_bos_token": "yes"}, "add_bos_token"), ({"add_eos_token": 1}, "add_eos_token"),
    ({"model_max_length": 0}, "model_max_length"), ({"model_max_length": "9"}, "model_max_length"),
    ({"model_max_length": 1.5}, "model_max_length"), ({"model_max_length": True}, "model_max_length"),
    ({"add_prefix_space": True}, "add_prefix_space"), ({"split_special_tokens": True}, "split_special_tokens"),
    ({"do_lower_case": True}, "do_lower_case"), ({"tokenizer_class": 1}, "tokenizer_class"),
    ({"chat_template": 1}, "chat_template"), ({"chat_template": ["a"]}, "chat_template"),
    ({"chat_template": [{"name": "a"}]}, "chat_template: template"), ({"chat_template": "\ud800"}, "chat_template"),
    ({"chat_template": {"default": 1}}, "chat_template: default"),
    ({"rank_by_token": 1}, "rank_by_token"), ({"added_tokens_decoder": {"259": "<n>"}}, "added_tokens_decoder, 259"),
    ({"added_tokens_decoder": {"-1": {"content": "<n>"}}}, "added_tokens_decoder"),
    ({"added_tokens_decoder": {"9" * 99: {"content": "<n>"}}}, "added_tokens_decoder"),
    ({"added_tokens_decoder": {"259": {"content": "a\ud800"}}}, "added_tokens_decoder, 259"),
    ({"added_tokens_decoder": {"259": {"content": "<n>", "rstrip": True}}}, "added_tokens_decoder, 259: rstrip"),
    ({"added_tokens_decoder": {"259": {"content": "<n>"}, "260": {"content": "<n>"}}}, "must have one id"),
])
def test_a_setting_that_cannot_be_is_refused_by_file_and_field(tmp_path, config, field):
    with pytest.raises(TokenizerError, match=rf"tokenizer_config\.json: .*{field}"):
        loaded(tmp_path, config)


@checks(read_settings)
@pytest.mark.parametrize("special_map, field",
                         [({"bos_token": "<new>"}, "bos_token"), ({"bos_token": 1}, "bos_token"), ([], "")])
def test_a_map_of_special_tokens_that_cannot_be_is_refused_by_its_name(tmp_path, special_map, field):
    with pytest.raises(TokenizerError, match=rf"special_tokens_map\.json: .*{field}"):
        loaded(tmp_path, {}, special_map)


@checks(CharTokenizer.from_pretrained)
@pytest.mark.parametrize("number, token", [("5", "<s>"), ("3", "a"), ("2", "<s>")])
def test_tokens_that_do_not_continue_an_alphabet_are_refused(tmp_path, number, token):
    CharTokenizer.train("abc").save_pretrained(tmp_path)
    (tmp_path / CONFIG).write_text(json.dumps({"added_tokens_decoder": {number: {"content": token, "special": True}}}))
    with pytest.raises(TokenizerError, match="tokenizer_config.json: "):
        CharTokenizer.from_pretrained(tmp_path)
