"""Ten thousand files and folders with random damage: they load, or they raise one of our errors, and nothing else."""

import json
import os
import struct

import numpy as np
import pytest

from scratchgpt.checkpoint import load_file, load_pretrained, save_file
from scratchgpt.errors import CheckpointError, ScratchGPTError
from scratchgpt.formulas import Packed
from tests.checkpoint.folders import MODELS, make
from tests.checkpoint.mutants import blob, damaged, strangely
from tests.checks import checks

COUNTS = {"bytes": 4000, "headers": 2800, "indices": 700, "folders": 800, "configs": 1700}           # 10,000


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def is_refused(content):
    """Whether a file is; if it is not, every byte of what is found is touched."""
    with open("mutant", "wb") as file:
        file.write(content)
    try:
        for array in load_file("mutant")[0].values():
            array.tobytes()
        return False
    except CheckpointError as error:
        assert str(error).startswith("mutant: ")
        return True
    finally:
        os.unlink("mutant")


def seed_file():
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.zeros(0, np.int8), "c": np.float64(2)[...],
              "flags": np.ones(3, bool), "half": Packed(np.arange(4, dtype=np.uint16), "bfloat16"),
              "quarter": Packed(np.arange(4, dtype=np.uint8), "float8_e4m3fn")}
    save_file(arrays, "seed", {"format": "pt"})
    with open("seed", "rb") as file:
        return file.read()


@checks(load_file)
def test_damaged_files_raise_nothing_but_checkpoint_errors():
    raw, rng, count = seed_file(), np.random.default_rng(0), COUNTS["bytes"]
    assert sum(is_refused(damaged(raw, rng)) for _ in range(count)) > 0.75 * count


@checks(load_file)
def test_lying_headers_raise_nothing_but_checkpoint_errors():
    raw, rng, count = seed_file(), np.random.default_rng(1), COUNTS["headers"]
    length = struct.unpack("<Q", raw[:8])[0]
    header, data = json.loads(raw[8:8 + length]), raw[8 + length:]
    assert sum(is_refused(blob(strangely(header, rng, rng.integers(1, 4)), data)) for _ in range(count)) > 0.75 * count


def refuses(model_class, folder):
    """Whether a folder is refused, by an error that names it."""
    try:
        model_class.from_pretrained(folder)
        return False
    except ScratchGPTError as error:
        assert str(folder) in str(error)
        return True


@checks(load_pretrained)
@pytest.mark.parametrize("kind", MODELS)
def test_lying_configs_raise_nothing_but_our_errors(kind, tmp_path):
    model, rng, count = make(kind), np.random.default_rng(2), -(-COUNTS["configs"] // len(MODELS))
    model.save_pretrained(tmp_path)
    values, refused = json.loads((tmp_path / "config.json").read_text()), 0
    for _ in range(count):
        (tmp_path / "config.json").write_text(json.dumps(strangely(values, rng, rng.integers(1, 3))))
        refused += refuses(type(model), tmp_path)
    assert refused > 0.3 * count


@checks(load_pretrained)
def test_lying_indices_raise_nothing_but_our_errors(tmp_path):
    model, rng, count = make("gpt2"), np.random.default_rng(3), COUNTS["indices"]
    model.save_pretrained(tmp_path, max_shard_size=700)
    path, refused = tmp_path / "model.safetensors.index.json", 0
    index = json.loads(path.read_text())
    for _ in range(count):
        path.write_text(json.dumps(strangely(index, rng, rng.integers(1, 3))))
        refused += refuses(type(model), tmp_path)
    assert refused > 0.75 * count


@checks(load_pretrained)
@pytest.mark.parametrize("size", [700, "50GB"])
def test_damaged_folders_raise_nothing_but_our_errors(size, tmp_path):
    """One file of a whole folder is damaged, cut, emptied, taken away, or put in another's place."""
    model, rng, count = make("gpt2"), np.random.default_rng(4), COUNTS["folders"] // 2
    model.save_pretrained(tmp_path, max_shard_size=size)
    files = {path: path.read_bytes() for path in sorted(tmp_path.iterdir())}
    paths, refused = list(files), 0
    for _ in range(count):
        path, other, way = paths[rng.integers(len(paths))], paths[rng.integers(len(paths))], rng.integers(5)
        raw = files[path]
        if way == 4:
            path.unlink()
        else:
            path.write_bytes([damaged(raw, rng), raw[:rng.integers(len(raw))], b"", files[other]][way])
        refused += refuses(type(model), tmp_path)
        path.write_bytes(raw)
    assert refused > 0.6 * count and not refuses(type(model), tmp_path)
