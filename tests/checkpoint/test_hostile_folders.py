"""Folders that lie, in their index or their config: one error that names file and field, before anything large."""

import json
import os
import time
import tracemalloc

import numpy as np
import pytest

from scratchgpt.checkpoint import load_file, load_pretrained, save_file
from scratchgpt.checkpoint.shards import open_folder, save_shards
from scratchgpt.errors import CheckpointError, ConfigError
from tests.checkpoint.folders import MODELS, make
from tests.checks import checks

INDEX = "model.safetensors.index.json"
FIRST, SECOND = (f"model-0000{i}-of-00002.safetensors" for i in (1, 2))
GOOD = {"metadata": {"total_size": 24}, "weight_map": {"a": FIRST, "b": FIRST, "c": SECOND}}
PATHS = {
    "the folder above": "../x.safetensors", "this folder": "./model-00001-of-00002.safetensors", "no name": "",
    "a dot": ".", "two dots": "..", "an absolute path": "/etc/passwd", "an absolute path of a weights file":
    "/x.safetensors", "a folder within": "sub/x.safetensors", "Windows' separators": "..\\x.safetensors",
    "Windows' drives": "C:x.safetensors", "Windows' absolute paths": "C:\\x.safetensors",
    "Windows' shares": "\\\\server\\x.safetensors", "a stream of a file": "x.safetensors:y.safetensors",
    "a NUL": "x\0.safetensors", "a NUL at the end": FIRST + "\0", "a newline": "x\n.safetensors",
    "another kind of file": "config.json", "the index itself": INDEX, "a hidden file": ".x.safetensors",
    "a home": "~/x.safetensors", "a pattern": "*.safetensors", "a lone surrogate": "\ud800.safetensors",
    "text that runs backwards": "x\u202e.safetensors", "a name of 5,000 letters": "x" * 5000 + ".safetensors",
    "an address": "https://x/y.safetensors", "a number": 1, "null": None, "a list": [FIRST], "an object": {"a": FIRST},
    "true": True, "not there": "model-00003-of-00002.safetensors",
}
INDICES = {
    **{f"a file named as {name}": {**GOOD, "weight_map": {**GOOD["weight_map"], "c": file}}
       for name, file in PATHS.items()},
    "empty": b"", "not JSON": b"{nope", "cut short": json.dumps(GOOD).encode()[:-9], "a list": [], "null": b"null",
    "bytes that are not UTF-8": b'{"\xff": 1}', "100,000 brackets": b"[" * 100_000, "an empty object": {},
    "100,000 braces": b'{"weight_map":' * 100_000 + b"1" + b"}" * 100_000, "no weight_map": {"metadata": {}},
    "a weight_map of null": {"weight_map": None}, "a weight_map of a list": {"weight_map": [FIRST]},
    "an empty weight_map": {"weight_map": {}}, "a weight_map of text": {"weight_map": FIRST},
    "metadata of a list": {**GOOD, "metadata": []}, "metadata of null": {**GOOD, "metadata": None},
    "a size of text": {**GOOD, "metadata": {"total_size": "24"}},
    "a negative size": {**GOOD, "metadata": {"total_size": -1}},
    "a size of true": {**GOOD, "metadata": {"total_size": True}},
    "a size of NaN": b'{"metadata": {"total_size": NaN}, "weight_map": {}}',
    "a size of 1e400": b'{"metadata": {"total_size": 1e400}, "weight_map": {}}',
    "a tensor twice": json.dumps(GOOD).replace('"b"', '"a"').encode(),
    "weight_map twice": b'{"weight_map": {"a": "x.safetensors"}, "weight_map": {"a": "y.safetensors"}}',
    "a tensor that its file lacks": {**GOOD, "weight_map": {**GOOD["weight_map"], "d": FIRST}},
    "a tensor that is in the other file": {**GOOD, "weight_map": {**GOOD["weight_map"], "b": SECOND}},
    "a tensor of a file that the index lacks": {**GOOD, "weight_map": {"a": FIRST, "c": SECOND}},
    "a tensor with a million letters": {**GOOD, "weight_map": {**GOOD["weight_map"], "x" * 10**6: FIRST}},
    "more than 16 MB": b" " * 16_000_001,
}


def refused(folder, load):
    """The error for a folder that must have one, seconds and peak bytes within bounds."""
    size = sum(path.lstat().st_size for path in folder.iterdir())
    tracemalloc.start()
    begun = time.perf_counter()
    try:
        with pytest.raises((CheckpointError, ConfigError)) as error:
            load(folder)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000 + 60 * size
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - begun < 5 and type(error.value) in (CheckpointError, ConfigError)
    message = str(error.value)
    assert message.startswith(str(folder)) and len(message) < len(str(folder)) + 1000
    message.encode()                                                          # it can be printed
    return message


@pytest.fixture
def sharded(tmp_path):
    """A folder of two shards, a and b in the first, c in the second."""
    save_shards({name: np.zeros(2, np.float32) for name in "abc"}, tmp_path, 16)
    assert json.loads((tmp_path / INDEX).read_text())["weight_map"] == GOOD["weight_map"]
    return tmp_path


@checks(open_folder)
@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_a_hostile_index_gets_one_error_that_names_it(index, sharded):
    (sharded / INDEX).write_bytes(index if isinstance(index, bytes) else json.dumps(index).encode())
    message = refused(sharded, open_folder)
    assert INDEX in message or "model-00003-of-00002" in message


@checks(open_folder)
def test_the_index_that_the_hostile_ones_are_made_from_is_read_and_so_are_its_harmless_forms(sharded):
    for index in (GOOD, {"weight_map": GOOD["weight_map"]}, {**GOOD, "metadata": {}}, {**GOOD, "more": 1},
                  {**GOOD, "metadata": {"total_size": 24.0, "format": "pt"}}):
        (sharded / INDEX).write_text(json.dumps(index))
        assert list(open_folder(sharded)[1]) == ["a", "b", "c"]


@checks(open_folder)
@pytest.mark.parametrize("way, says", [
    (lambda path: path.unlink(), "cannot be read"), (lambda path: path.write_bytes(b""), "header must fit the file"),
    (lambda path: os.truncate(path, path.stat().st_size - 1), "data_offsets|must end where the file ends"),
    (lambda path: (path.unlink(), path.mkdir()), "not a regular file"),
    (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), "link out of it"),
    (lambda path: (path.unlink(), path.symlink_to(path.name)), "cannot be read|link"),
    (lambda path: save_file({"c": np.zeros(2), "a": np.zeros(2)}, path), "'a' is in .*2-of-00002.* is in .*1-of-00002"),
    (lambda path: save_file({}, path), "'c' is not in model-00002"),
], ids=["gone", "empty", "cut", "a folder", "a device", "a circle", "a tensor of another shard", "no tensors"])
def test_a_shard_that_is_not_what_the_index_says_is_named(way, says, sharded):
    way(sharded / SECOND)
    message = refused(sharded, open_folder)
    with pytest.raises(CheckpointError, match=says):
        raise CheckpointError(message)
    assert SECOND in message


CONFIGS = {
    "a quantized model": {"quantization_config": {"quant_method": "fp8"}},
    "another model": {"model_type": "bert"}, "no model": {"model_type": None},
    "a list of models": {"model_type": ["gpt2"]},
    "a size of text": {"vocab_size": "7"}, "a size of true": {"vocab_size": True}, "a size of 7.0": {"vocab_size": 7.0},
    "no size": {"vocab_size": None}, "no tokens": {"vocab_size": 0}, "fewer than none": {"vocab_size": -7},
    "2^31 tokens": {"vocab_size": 2**31}, "10^400 tokens": {"vocab_size": 10**400},
    "more tokens than the file has": {"vocab_size": 8}, "many more": {"vocab_size": 2**31 - 1},
}
GPT2_CONFIGS = {
    "more layers than the file has": {"n_layer": 3}, "fewer": {"n_layer": 1}, "10^9 layers": {"n_layer": 10**9},
    "heads that do not divide": {"n_head": 3}, "other mathematics": {"scale_attn_weights": False},
    "more other mathematics": {"scale_attn_by_inverse_layer_idx": True},
    "a head of its own": {"tie_word_embeddings": False},
    "cross-attention": {"add_cross_attention": True}, "a function nobody knows": {"activation_function": "gelu_newer"},
    "an epsilon of 0": {"layer_norm_epsilon": 0}, "an epsilon of text": {"layer_norm_epsilon": "1e-5"},
    "a probability of 1": {"resid_pdrop": 1}, "a truth of 1": {"scale_attn_weights": 1},
}
BROKEN = {"empty": b"", "not JSON": b"{nope", "a list": b"[]", "a number": b"1", "nested": b'{"a":' * 100_000,
          "a key twice": b'{"model_type": "gpt2", "model_type": "gpt2"}', "NaN": b'{"vocab_size": NaN}',
          "not UTF-8": b'{"model_type": "\xff"}', "10 MB of blanks and nothing": b" " * 10**7}


@pytest.fixture(params=MODELS)
def saved(request, tmp_path):
    """A model of each kind, and its folder."""
    model = make(request.param)
    model.save_pretrained(tmp_path)
    return model, tmp_path


def edit_config(folder, changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@checks(load_pretrained)
@pytest.mark.parametrize("changes", CONFIGS.values(), ids=CONFIGS)
def test_a_hostile_config_gets_one_error_that_names_the_file_and_the_field(changes, saved):
    model, folder = saved
    edit_config(folder, changes)
    message = refused(folder, type(model).from_pretrained)
    assert "config.json" in message and next(iter(changes)) in message or "model.safetensors: " in message


@checks(load_pretrained)
@pytest.mark.parametrize("changes", GPT2_CONFIGS.values(), ids=GPT2_CONFIGS)
def test_a_hostile_config_of_a_gpt2_as_well(changes, tmp_path):
    model = make("gpt2")
    model.save_pretrained(tmp_path)
    edit_config(tmp_path, changes)
    message = refused(tmp_path, type(model).from_pretrained)
    assert next(iter(changes)) in message or "n_layer" in changes and "model.safetensors: " in message


@checks(load_pretrained)
@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_a_config_that_is_none_is_named(raw, saved):
    model, folder = saved
    (folder / "config.json").write_bytes(raw)
    assert "config.json: " in refused(folder, type(model).from_pretrained)


@checks(load_pretrained)
@pytest.mark.parametrize("size", [700, "50GB"])
def test_missing_misshapen_and_unexpected_tensors_are_named_with_the_file_that_lists_them(size, tmp_path):
    model = make("gpt2")
    tensors = {f"transformer.{name}": np.array(array) for name, array in load_named(model, tmp_path).items()}
    del tensors["transformer.ln_f.bias"]
    tensors["transformer.wpe.weight"] = tensors["transformer.wpe.weight"].T
    tensors["more"] = np.zeros(3, np.float32)
    (tmp_path / "model.safetensors").unlink()
    save_shards(tensors, tmp_path, size)
    message = refused(tmp_path, type(model).from_pretrained)
    file = "model.safetensors: " if size == "50GB" else f"{INDEX}: "
    for part in (file, "missing ln_f.bias", "unexpected 'more'", "wpe.weight must be (9, 4)"):
        assert part in message


def load_named(model, folder):
    model.save_pretrained(folder)
    return {name.removeprefix("transformer."): array for name, array in
            load_file(folder / "model.safetensors")[0].items()}
