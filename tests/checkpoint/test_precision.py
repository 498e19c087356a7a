"""Weights of 8, 16 and 32 bits in folders: mapped, not copied; held as asked; written as they are held."""

import json
import os
import tracemalloc

import numpy as np
import pytest

from scratchgpt import backend
from scratchgpt.checkpoint import load_file, load_pretrained, open_file, save_file, save_pretrained
from scratchgpt.errors import CheckpointError, ConfigError
from scratchgpt.formulas import Packed
from scratchgpt.formulas.number_formats import ENCODERS
from scratchgpt.models import GPT2, GPT2Config, Llama, LlamaConfig
from scratchgpt.module import BLANK
from scratchgpt.optim import AdamW
from tests.checkpoint.folders import MODELS, make
from tests.checks import checks
from tests.strict_device import StrictBackend

backend.register("strict", StrictBackend)
IDS = np.array([[1, 2, 3, 4]])
kinds = pytest.mark.parametrize("kind", MODELS)
halves = pytest.mark.parametrize("dtype", ENCODERS)


def owner(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def save_as(model, folder, dtype):
    """Save a copy of a model whose weights are rounded to `dtype`, as this; returns what they are then, in float32."""
    model.pack(dtype).save_pretrained(folder)
    return {name: tensor.decode() for name, tensor in model.state_dict().items()}


def dtype_in(folder):
    return json.loads((folder / "config.json").read_text())["dtype"]


@checks(load_pretrained)
@kinds
def test_a_file_of_float32_is_a_view_of_the_file_until_it_is_written_to(kind, tmp_path):
    model = make(kind)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    again.logits(IDS)
    memory = {id(owner(parameter.data)) for parameter in again.parameters()}
    assert len(memory) == 1 and all(isinstance(owner(p.data), np.memmap) for p in again.parameters())
    assert dtype_in(tmp_path) == "float32"


@checks(load_pretrained, save_pretrained)
@kinds
@halves
def test_16_bits_of_a_file_wait_there_until_a_weight_is_used_and_are_float32_then(kind, dtype, tmp_path):
    model = make(kind)
    rounded = save_as(model, tmp_path, dtype)
    again = type(model).from_pretrained(tmp_path)
    assert dtype_in(tmp_path) == dtype
    for name, parameter in again.named_parameters():
        assert isinstance(parameter.held, Packed) and isinstance(owner(parameter.held.bits), np.memmap)
        assert parameter.trainable and parameter.packed_as is None
        np.testing.assert_array_equal(parameter.data, rounded[name])
        assert isinstance(parameter.held, np.ndarray) and parameter.data.dtype == np.float32
    again.save_pretrained(tmp_path)
    assert dtype_in(tmp_path) == "float32"


@checks(load_pretrained)
@kinds
def test_a_model_from_16_bits_trains_as_one_from_32(kind, tmp_path):
    rounded = save_as(make(kind), tmp_path / "16", "bfloat16")
    plain = make(kind)
    plain.load_state_dict(rounded)
    plain.save_pretrained(tmp_path / "32")
    states = []
    for folder in ("16", "32"):
        model = type(plain).from_pretrained(tmp_path / folder)
        optimizer = AdamW(model.parameters(), lr=0.1)
        for _ in range(3):
            model.zero_grad()
            model.loss(IDS, IDS)[1]()
            optimizer.step()
        states.append(model.state_dict())
    for name, array in states[0].items():
        np.testing.assert_array_equal(array, states[1][name])


@checks(load_pretrained, save_pretrained)
@kinds
@halves
@pytest.mark.parametrize("stored", ["float32", "bfloat16", "float16"])
def test_weights_can_be_held_in_16_bits_whatever_the_file_has(kind, dtype, stored, tmp_path):
    model = make(kind)
    before = save_as(model, tmp_path, stored) if stored in ENCODERS else model.state_dict()
    if stored == "float32":
        model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path, dtype=dtype)
    for name, parameter in again.named_parameters():
        assert parameter.packed_as == dtype and not parameter.trainable and parameter.held.nbytes == 2 * parameter.size
        assert isinstance(owner(parameter.held.bits), np.memmap) == (stored == dtype)
        np.testing.assert_array_equal(parameter.data, Packed.encode(before[name], dtype).decode())
    with pytest.raises(ConfigError, match="at least one trainable parameter"):
        AdamW(again.parameters())
    again.save_pretrained(tmp_path / "again")
    assert dtype_in(tmp_path / "again") == dtype
    found, _ = open_file(tmp_path / "again" / "model.safetensors")
    assert {str(tensor.dtype) for tensor in found.values()} == {dtype}


@checks(load_pretrained)
@pytest.mark.parametrize("dtype", ["float64", "float8_e5m2", "", None, np.float16, np.dtype("float16"), ["float32"], 16])
def test_another_dtype_to_hold_is_refused(dtype, tmp_path):
    make("gpt2").save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="dtype must be one of float32, bfloat16, float16; got"):
        GPT2.from_pretrained(tmp_path, dtype=dtype)


@checks(load_pretrained)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("model", [
    GPT2(GPT2Config(vocab_size=40_000, n_positions=16, n_embd=128, n_head=2, n_layer=2), rng=BLANK),
    Llama(LlamaConfig(vocab_size=40_000, hidden_size=128, intermediate_size=512, num_hidden_layers=2,
                      num_attention_heads=2), rng=BLANK)], ids=["gpt2", "llama"])
def test_loading_costs_no_memory_and_a_row_of_a_table_costs_a_row(model, dtype, tmp_path):
    for parameter in model.parameters():
        parameter.held[...] = 0
    if dtype != "float32":
        model.pack(dtype)
    model.save_pretrained(tmp_path, max_shard_size="4MB")
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    tracemalloc.start()
    again = type(model).from_pretrained(tmp_path, dtype=dtype)
    current, peak = tracemalloc.get_traced_memory()
    assert current < 300_000 < size / 20
    tracemalloc.reset_peak()
    table = again.wte if isinstance(again, GPT2) else again.embed_tokens
    table(IDS)
    assert tracemalloc.get_traced_memory()[1] < current + 100_000
    tracemalloc.stop()
    assert all(parameter.held.base is not None for parameter in again.parameters() if dtype == "float32")


def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


@checks(load_pretrained)
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="resident memory is not told here")
def test_a_blank_model_of_200_mb_touches_none_of_them():
    before = resident()
    model = GPT2(GPT2Config(vocab_size=40_000, n_embd=768, n_layer=3), rng=BLANK)
    assert model.num_parameters > 50_000_000 and resident() - before < 20_000_000


@checks(load_pretrained, save_pretrained)
@kinds
@pytest.mark.parametrize("stored", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("held", ["float32", "bfloat16", "float16"])
def test_on_a_device_a_folder_is_loaded_there_and_saved_from_there(kind, stored, held, tmp_path):
    model = make(kind)
    model.save_pretrained(tmp_path) if stored == "float32" else save_as(model, tmp_path, stored)
    with backend.use("strict"):
        there = type(model).from_pretrained(tmp_path, dtype=held)
    here = type(model).from_pretrained(tmp_path, dtype=held)
    np.testing.assert_array_equal(backend.to_host(there.logits(IDS)), here.logits(IDS))
    there.save_pretrained(tmp_path / "there")
    here.save_pretrained(tmp_path / "here")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


@checks(load_pretrained)
def test_float8_weights_are_read_as_the_numbers_they_are(tmp_path):
    model = make("llama")
    state = model.state_dict()
    model.save_pretrained(tmp_path)
    tensors = open_file(tmp_path / "model.safetensors")[0]
    bits = np.random.default_rng(0).integers(0, 0x7e, (7, 4), np.uint8)
    tensors["model.embed_tokens.weight"] = Packed(bits, "float8_e4m3fn")
    save_file(tensors, tmp_path / "model.safetensors")
    again = Llama.from_pretrained(tmp_path)
    np.testing.assert_array_equal(again.embed_tokens.weight.data, load_file(tmp_path / "model.safetensors")[0][
        "model.embed_tokens.weight"])
    np.testing.assert_array_equal(again.norm.weight.data, state["norm.weight"])


@checks(save_pretrained)
def test_the_config_says_what_most_weights_are_and_forgets_the_older_word(tmp_path):
    model = make("gpt2")
    model.wte.weight.pack("bfloat16")
    model.config.other["torch_dtype"] = "float16"
    model.save_pretrained(tmp_path)
    assert dtype_in(tmp_path) == "float32" and "torch_dtype" not in json.loads((tmp_path / "config.json").read_text())
    assert open_file(tmp_path / "model.safetensors")[0]["transformer.wte.weight"].dtype == "bfloat16"
    again = GPT2.from_pretrained(tmp_path)
    np.testing.assert_array_equal(again.logits(IDS), model.logits(IDS))
    model.astype(np.float64).save_pretrained(tmp_path)
    assert dtype_in(tmp_path) == "float64"


@checks(load_pretrained)
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.complex64])
def test_weights_that_are_no_real_numbers_are_refused_and_constants_that_are_none_passed_over(dtype, tmp_path):
    make("gpt2").save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    arrays = {name: array.copy() for name, array in load_file(path)[0].items()}
    save_file({**arrays, "h.0.attn.bias": np.ones((1, 1, 9, 9), dtype)}, path)
    GPT2.from_pretrained(tmp_path)
    save_file({**arrays, "transformer.wpe.weight": np.ones((9, 4), dtype)}, path)
    with pytest.raises(CheckpointError, match="model.safetensors: weights must be real numbers, .*; wpe.weight is "):
        GPT2.from_pretrained(tmp_path)
