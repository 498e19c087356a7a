"""A model as a folder: saved, loaded, renamed, refused, and killed halfway."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.checkpoint import load_file, load_pretrained, save_file, save_pretrained
from scratchgpt.checkpoint.config_file import read_config
from scratchgpt.checkpoint.names import from_foreign
from scratchgpt.errors import CheckpointError, ConfigError
from scratchgpt.models import GPT2, BigramLM
from scratchgpt.models.pretrained_model import PretrainedModel
from tests.checkpoint.folders import MODELS
from tests.checks import checks
from tests.layers.cases import gpt2

BLOCK = ["ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias", "attn.c_proj.weight", "attn.c_proj.bias",
         "ln_2.weight", "ln_2.bias", "mlp.c_fc.weight", "mlp.c_fc.bias", "mlp.c_proj.weight", "mlp.c_proj.bias"]
FIELD = ["transformer.wte.weight", "transformer.wpe.weight", "transformer.ln_f.weight", "transformer.ln_f.bias",
         *(f"transformer.h.{i}.{part}" for i in range(2) for part in BLOCK)]
models = pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)


@pytest.fixture
def saved(tmp_path):
    """A GPT-2, and the folder that it was saved to."""
    model = gpt2(np.random.default_rng(0))
    model.save_pretrained(tmp_path)
    return model, tmp_path


def rewrite(folder, change, metadata=None):
    """Replace the arrays of a saved model by change(arrays)."""
    arrays = {name: array.copy() for name, array in load_file(folder / "model.safetensors")[0].items()}
    save_file(change(arrays), folder / "model.safetensors", metadata)


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@checks(save_pretrained, load_pretrained, PretrainedModel, GPT2, BigramLM)
@models
@settings(max_examples=5)
@given(seed=st.integers(0, 99))
def test_what_was_saved_comes_back_bit_for_bit(make, tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("model") / "made" / "if need be"
    model = make(np.random.default_rng(seed))
    model.save_pretrained(folder)
    again = type(model).from_pretrained(folder)
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert again.num_parameters == model.num_parameters == model.config.num_parameters
    assert again.config == model.config and again.state_dict().keys() == model.state_dict().keys()
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], array)
        assert again.state_dict()[name].dtype == np.float32


@checks(load_pretrained)
def test_a_loaded_model_trains_and_leaves_its_file_alone(saved):
    model, folder = saved
    raw = (folder / "model.safetensors").read_bytes()
    again = GPT2.from_pretrained(folder)
    for net in (model, again):
        net.loss([[1, 2, 3]], [[2, 3, 4]])[1]()
        for parameter in net.parameters():
            parameter.data -= 0.1 * parameter.grad
    for found, expected in zip(again.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(found.data, expected.data)
    assert (folder / "model.safetensors").read_bytes() == raw


@checks(save_pretrained)
def test_a_file_names_its_tensors_as_the_field_does(saved):
    model, folder = saved
    arrays, metadata = load_file(folder / "model.safetensors")
    assert set(arrays) == set(FIELD) and metadata == {"format": "pt"}
    assert arrays["transformer.h.0.attn.c_attn.weight"].shape == (4, 12)
    np.testing.assert_array_equal(arrays["transformer.h.1.mlp.c_proj.weight"], model.h[1].mlp.down.weight.data)
    assert json.loads((folder / "config.json").read_text())["architectures"] == ["GPT2LMHeadModel"]


@checks(load_pretrained, from_foreign)
def test_a_file_from_the_hub_loads_without_the_prefix_and_with_its_constant_buffers(saved):
    model, folder = saved

    def as_on_the_hub(arrays):
        bare = {name.removeprefix("transformer."): array for name, array in arrays.items()}
        for i in range(2):
            bare[f"h.{i}.attn.bias"] = np.tril(np.ones((1, 1, 9, 9), np.float32))
            bare[f"h.{i}.attn.masked_bias"] = np.float32(-1e4)[...]
        return bare
    rewrite(folder, as_on_the_hub)
    again = GPT2.from_pretrained(folder)
    for found, expected in zip(again.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(found.data, expected.data)


@checks(load_pretrained)
@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_weights_of_another_precision_are_cast(saved, dtype):
    model, folder = saved
    rewrite(folder, lambda arrays: {name: array.astype(dtype) for name, array in arrays.items()})
    for found, expected in zip(GPT2.from_pretrained(folder).parameters(), model.parameters(), strict=True):
        assert found.data.dtype == np.float32
        np.testing.assert_array_equal(found.data, expected.data.astype(dtype).astype(np.float32))


@checks(load_pretrained)
def test_missing_unexpected_and_misshapen_tensors_are_all_in_one_error(saved):
    _, folder = saved

    def spoil(arrays):
        del arrays["transformer.h.0.ln_1.weight"]
        arrays["extra.weight"] = np.zeros((30, 3), np.float32)
        arrays["transformer.wpe.weight"] = np.zeros((4, 9), np.float32)
        return arrays
    rewrite(folder, spoil)
    with pytest.raises(CheckpointError) as error:
        GPT2.from_pretrained(folder)
    for part in (str(folder / "model.safetensors"), "missing h.0.norm1.weight", "unexpected 'extra.weight'",
                 "wpe.weight must be (9, 4), got (4, 9)"):
        assert part in str(error.value)


@checks(load_pretrained)
def test_a_single_missing_tensor_is_named_and_so_are_those_of_a_missing_layer(saved):
    _, folder = saved
    rewrite(folder, lambda arrays: {name: array for name, array in arrays.items() if name != "transformer.ln_f.bias"})
    edit_config(folder, n_layer=3)
    with pytest.raises(CheckpointError, match="missing h.2.norm1.weight; .*h.2.mlp.down.bias; missing ln_f.bias"):
        GPT2.from_pretrained(folder)


@checks(from_foreign, load_pretrained)
@pytest.mark.parametrize("name", ["wte.weight", "h.0.norm1.weight", "h.0.ln_1.weight"])
def test_a_tensor_under_two_names_is_refused_because_one_would_win_silently(saved, name):
    _, folder = saved
    rewrite(folder, lambda arrays: {**arrays, name: np.zeros((7, 4) if "wte" in name else 4, np.float32)})
    with pytest.raises(CheckpointError, match=f"unexpected '(transformer.)?{name}'"):
        GPT2.from_pretrained(folder)


@checks(load_pretrained)
@pytest.mark.parametrize("changes", [{"n_layer": 10**9}, {"vocab_size": 2**31 - 1}, {"n_embd": 2**30, "n_head": 1},
                                     {"n_positions": 2**31 - 1, "n_inner": 2**31 - 1}, {"n_layer": 10_000}])
def test_a_config_that_promises_more_than_the_file_holds_is_refused_before_allocation(saved, changes):
    _, folder = saved
    edit_config(folder, **changes)
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=r"model\.safetensors: the config promises \d+ parameters in \d+ tensors"):
        GPT2.from_pretrained(folder)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


@checks(load_pretrained)
def test_a_file_of_few_tensors_cannot_make_a_model_of_many_layers(saved):
    _, folder = saved
    edit_config(folder, n_layer=10_000, n_embd=1, n_head=1, n_inner=1)
    rewrite(folder, lambda arrays: {"x": np.zeros(1_000_000, np.int8)})
    begun = time.perf_counter()
    with pytest.raises(CheckpointError, match="tensors"):
        GPT2.from_pretrained(folder)
    assert time.perf_counter() - begun < 0.2


@checks(load_pretrained)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_tied_head_that_a_file_has_must_be_the_table_or_it_would_be_dropped_silently(saved, dtype):
    model, folder = saved
    rewrite(folder, lambda arrays: {name: array.astype(dtype) for name, array in arrays.items()})
    rewrite(folder, lambda arrays: {**arrays, "lm_head.weight": arrays["transformer.wte.weight"]})
    GPT2.from_pretrained(folder)
    for change in (lambda head: head + dtype(0.01), lambda head: head[:-1]):
        rewrite(folder, lambda arrays, change=change: {**arrays, "lm_head.weight": change(arrays["lm_head.weight"])})
        with pytest.raises(CheckpointError, match="lm_head.weight must be .* set tie_word_embeddings to false"):
            GPT2.from_pretrained(folder)


@checks(load_pretrained)
@pytest.mark.parametrize("changes, says", [
    ({"n_head": 3}, "n_embd must be divisible"), ({"n_embd": "4"}, "n_embd must be an integer"),
    ({"resid_pdrop": 1.5}, "resid_pdrop"), ({"layer_norm_epsilon": 0}, "layer_norm_epsilon"),
    ({"activation_function": ["relu"]}, "activation_function"), ({"tie_word_embeddings": False}, "tie_word_embeddings"),
])
def test_a_config_that_cannot_be_is_refused_by_file_and_field(saved, changes, says):
    _, folder = saved
    edit_config(folder, **changes)
    with pytest.raises(ConfigError, match=f"config.json: {says}"):
        GPT2.from_pretrained(folder)


@checks(load_pretrained, read_config)
def test_folders_and_configs_that_are_none_are_named(saved, tmp_path):
    _, folder = saved
    with pytest.raises(CheckpointError, match="no such folder"):
        GPT2.from_pretrained(folder / "absent")
    with pytest.raises(CheckpointError, match="no such folder"):
        GPT2.from_pretrained(folder / ("long" * 1000))
    with pytest.raises(CheckpointError, match="model_type must be 'bigram'; got 'gpt2'"):
        BigramLM.from_pretrained(folder)
    for text, says in (("[]", "got list"), ("3", "got int"), ("{}", "got None"), ("{", "not valid JSON"),
                       ('{"a":1,"a":2}', "2 times")):
        (folder / "config.json").write_text(text)
        with pytest.raises(CheckpointError, match=f"config.json: .*{says}"):
            GPT2.from_pretrained(folder)
    for name in ("config.json", "model.safetensors"):
        (folder / "config.json").write_text(json.dumps(gpt2(np.random.default_rng(0)).config.to_dict()))
        (folder / name).unlink()
        with pytest.raises(CheckpointError, match=f"{name}: cannot be read"):
            GPT2.from_pretrained(folder)


@checks(save_pretrained)
@pytest.mark.parametrize("size, fails", [("5GB", "save_file"), (500, "save_file"), (500, "write_json")])
def test_a_save_that_fails_on_the_way_leaves_the_old_model_with_its_own_config(size, fails, saved, monkeypatch):
    model, folder = saved
    files = sorted(path.name for path in folder.iterdir())

    def full_disk(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")
    larger = GPT2(replace(model.config, vocab_size=9, n_embd=8), rng=np.random.default_rng(1))
    with monkeypatch.context() as patch:
        patch.setattr(f"scratchgpt.checkpoint.shards.{fails}", full_disk)
        with pytest.raises(OSError, match="No space"):
            larger.save_pretrained(folder, size)
    again = GPT2.from_pretrained(folder)
    assert again.config == model.config
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], array)
    larger.save_pretrained(folder)
    assert sorted(path.name for path in folder.iterdir()) == files
    assert GPT2.from_pretrained(folder).config == larger.config


@checks(save_pretrained)
def test_the_config_takes_its_place_only_behind_the_weights(saved, monkeypatch):
    """Between the two renames a kill can still fall, but not in the long time for which weights are written."""
    model, folder = saved
    old, seen = (folder / "config.json").read_bytes(), []

    def watched(tensors, path, *arguments):
        seen.append((folder / "config.json").read_bytes())
        save_file(tensors, path, *arguments)
        seen.append((folder / "config.json").read_bytes())
    monkeypatch.setattr("scratchgpt.checkpoint.shards.save_file", watched)
    GPT2(replace(model.config, vocab_size=9), rng=np.random.default_rng(1)).save_pretrained(folder)
    assert seen == [old, old] != [(folder / "config.json").read_bytes()] * 2


SAVER = """
import sys
import numpy as np
from scratchgpt.models import GPT2, GPT2Config
model = GPT2(GPT2Config(vocab_size=500, n_positions=64, n_embd=64, n_head=2, n_layer=3), rng=np.random.default_rng(0))
for i in range(100_000):
    for parameter in model.parameters():
        parameter.data[...] = i
    model.save_pretrained(sys.argv[1])
    print(i, flush=True)
"""


@checks(save_pretrained, save_file)
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_kill_at_any_moment_leaves_a_whole_model_the_old_or_the_new(tmp_path):
    rng, root = np.random.default_rng(0), Path(__file__).parents[2]
    for _ in range(5):
        saver = subprocess.Popen([sys.executable, "-c", SAVER, tmp_path], stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, "PYTHONPATH": str(root)})
        first = saver.stdout.readline()
        time.sleep(rng.uniform(0, 0.05))
        saver.kill()
        done = [int(line) for line in (first + saver.stdout.read()).split()]
        saver.wait(), saver.stdout.close()
        state = GPT2.from_pretrained(tmp_path).state_dict()
        values = {float(x) for array in state.values() for x in (array.min(), array.max())}
        assert len(values) == 1 and values <= {done[-1], done[-1] + 1.0}


@checks(load_pretrained, save_pretrained)
def test_defaults_for_decoding_come_with_the_folder_and_go_with_the_model(tmp_path):
    model = gpt2(np.random.default_rng(0))
    model.save_pretrained(tmp_path)
    assert not (tmp_path / "generation_config.json").exists()
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": 3, "transformers_version": "5"}')
    loaded = GPT2.from_pretrained(tmp_path)
    assert loaded.generation_config.options() == {"eos_token_id": 3} and model.generation_config.options() == {}
    loaded.save_pretrained(tmp_path / "copy")
    copied = json.loads((tmp_path / "copy" / "generation_config.json").read_text())
    assert copied == {"eos_token_id": 3, "transformers_version": "5"}
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": "three"}')
    with pytest.raises(CheckpointError, match="generation_config.json: eos_token_id"):
        GPT2.from_pretrained(tmp_path)
