"""A folder is loaded by what is in it."""

import json

import pytest

import scratchgpt
from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import AutoTokenizer, BPETokenizer, CharTokenizer
from tests.checks import checks

CLASSES = {"char": CharTokenizer, "bpe": BPETokenizer}


@pytest.fixture
def folders(tmp_path):
    CharTokenizer.train("abc").save_pretrained(tmp_path / "char")
    BPETokenizer.train("abc", 256).save_pretrained(tmp_path / "bpe")
    return tmp_path


@checks(AutoTokenizer, AutoTokenizer.from_pretrained)
@pytest.mark.parametrize("name", CLASSES)
def test_the_class_is_that_of_the_folder_with_or_without_its_name(folders, name):
    assert scratchgpt.AutoTokenizer is AutoTokenizer
    assert type(AutoTokenizer.from_pretrained(str(folders / name))) is CLASSES[name]
    (folders / name / "tokenizer_config.json").unlink()
    assert type(AutoTokenizer.from_pretrained(folders / name)) is CLASSES[name]


@checks(AutoTokenizer.from_pretrained)
def test_the_last_tokenizer_that_was_saved_into_a_folder_is_the_one_that_is_loaded(folders):
    CharTokenizer.train("abc").save_pretrained(folders / "bpe")
    assert type(AutoTokenizer.from_pretrained(folders / "bpe")) is CharTokenizer
    BPETokenizer.train("abc", 256).save_pretrained(folders / "bpe")
    assert type(AutoTokenizer.from_pretrained(folders / "bpe")) is BPETokenizer


@checks(AutoTokenizer.from_pretrained)
@pytest.mark.parametrize("name", ["GPT2Tokenizer", "LlamaTokenizerFast", "Qwen2Tokenizer", "NobodysTokenizer", None])
def test_byte_level_files_are_read_under_the_name_of_any_other_class(folders, name):
    path = folders / "bpe" / "tokenizer_config.json"
    path.write_text(json.dumps({"tokenizer_class": name}))
    assert type(AutoTokenizer.from_pretrained(folders / "bpe")) is BPETokenizer


@checks(AutoTokenizer.from_pretrained)
@pytest.mark.parametrize("files, message", [
    ([], "must hold tokenizer.json"), (["tokenizer.model"], "tokenizer.model: of this file alone"),
    (["vocab.txt"], "must hold tokenizer.json"), (["vocab.json"], "vocab.json"), (["merges.txt"], "vocab.json"),
    (["tokenizer.json"], "tokenizer.json"), (["char_vocab.json"], "char_vocab.json")])
def test_a_folder_without_a_tokenizer_is_refused_by_what_it_lacks(tmp_path, files, message):
    for name in files:
        (tmp_path / name).write_text("")
    with pytest.raises(TokenizerError, match=message):
        AutoTokenizer.from_pretrained(tmp_path)


@checks(AutoTokenizer)
def test_neither_a_missing_folder_nor_an_instance_is_a_tokenizer(folders):
    for path in (folders / "nowhere", folders / "bpe" / "vocab.json"):
        with pytest.raises(TokenizerError, match="must be a folder"):
            AutoTokenizer.from_pretrained(path)
    with pytest.raises(TokenizerError, match="from_pretrained"):
        AutoTokenizer(folders)
