"""Weights in one file or several: split, listed, replaced whole, and never mixed."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.checkpoint import open_file, save_file, save_pretrained
from scratchgpt.checkpoint.shards import INDEX_FILE, open_folder, save_shards, split
from scratchgpt.errors import CheckpointError, ConfigError
from scratchgpt.formulas import Packed
from tests.checkpoint.folders import MODELS, make
from tests.checks import checks

SIZES = st.lists(st.integers(0, 9), max_size=12)
LIMITS = [40, 100, 10**9]


def tensors_of(sizes, value=0):
    return {f"t{i}": np.full(size, value, np.uint8) for i, size in enumerate(sizes)}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@checks(split)
@given(SIZES, st.integers(1, 30))
def test_a_shard_begins_where_the_one_before_would_grow_too_large(sizes, limit):
    tensors = tensors_of(sizes)
    shards = split(tensors, limit)
    assert [name for names in shards for name in names] == list(tensors)             # all of them, in order
    total = [sum(tensors[name].nbytes for name in names) for names in shards]
    for names, size, following in zip(shards, total, [*shards[1:], None]):
        assert size <= limit or len(names) == 1
        assert following is None or size + tensors[following[0]].nbytes > limit


@checks(split)
@pytest.mark.parametrize("text, size", [("5GB", 5 * 10**9), ("200MB", 2 * 10**8), ("1.5 kb", 1500), ("2TB", 2 * 10**12),
                                        (" 8B ", 8), ("50gb", 50 * 10**9)])
def test_a_size_may_be_a_text_as_transformers_takes_it(text, size):
    class Tensor:
        nbytes = size // 2
    tensors = {"a": Tensor, "b": Tensor}
    assert len(split(tensors, text)) == 1 and len(split(tensors, size - 1)) == 2


@checks(split, save_pretrained)
@pytest.mark.parametrize("size", [0, -1, "5", "5GiB", "", "GB", "-5GB", "1e3MB", "0GB", None, True, float("nan"),
                                  float("inf"), [5], "nanGB"])
def test_another_size_is_refused_before_anything_is_written(size, tmp_path):
    with pytest.raises(ConfigError, match='max_shard_size must be a number of bytes >= 1, or a text such as "5GB"'):
        save_pretrained(make("gpt2"), tmp_path / "folder", size)
    assert not (tmp_path / "folder").exists()


@checks(save_shards, open_folder)
@given(sizes=SIZES, limit=st.sampled_from([1, 5, 20, 1000]))
def test_what_is_split_comes_back_whole_and_the_index_says_where_it_lies(tmp_path_factory, sizes, limit):
    folder, tensors = tmp_path_factory.mktemp("folder"), tensors_of(sizes)
    tensors["packed"] = Packed(np.arange(3, dtype=np.uint16), "bfloat16")
    save_shards(tensors, folder, limit)
    count, names = len(split(tensors, limit)), names_in(folder)
    path, found = open_folder(folder)
    assert path.name == names[-1] if count > 1 else names == ["model.safetensors"]
    assert {name: np.asarray(tensor).tolist() for name, tensor in found.items()} == {
        name: np.asarray(tensor).tolist() for name, tensor in tensors.items()}
    if count > 1:
        files = [f"model-{i:05d}-of-{count:05d}.safetensors" for i in range(1, count + 1)]
        assert names == [*files, INDEX_FILE]
        index = json.loads((folder / INDEX_FILE).read_text())
        assert index["metadata"] == {"total_parameters": sum(sizes) + 3, "total_size": sum(sizes) + 6}
        assert index["weight_map"] == {name: file for file in files for name in open_file(folder / file)[0]}
        assert all(open_file(folder / file)[1] == {"format": "pt"} for file in files)


@checks(save_shards, open_folder)
@given(limits=st.lists(st.sampled_from(LIMITS), min_size=1, max_size=3))
def test_after_any_saves_the_folder_holds_the_last_one_and_nothing_else(tmp_path_factory, limits):
    folder = tmp_path_factory.mktemp("folder")
    (folder / "notes-00001-of-00002.safetensors").write_text("mine")
    for value, limit in enumerate(limits):
        tensors = tensors_of([30, 30, 30, 30], value)
        save_shards(tensors, folder, limit)
        path, found = open_folder(folder)
        assert all((tensor == value).all() for tensor in found.values()) and len(found) == 4
    count = len(split(tensors, limits[-1]))
    expected = 2 + count if count > 1 else 2
    assert len(names_in(folder)) == expected and (folder / "notes-00001-of-00002.safetensors").read_text() == "mine"


class Killed(BaseException):
    """In place of the end of the process."""


def fail_at(monkeypatch, step):
    """Let the renames and removals before number `step` happen, and none after."""
    count = [0]

    def counted(function):
        def call(*args, **options):
            count[0] += 1
            if count[0] > step:
                raise Killed
            return function(*args, **options)
        return call
    monkeypatch.setattr(os, "replace", counted(os.replace))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))


@checks(save_shards, open_folder)
@pytest.mark.parametrize("old", LIMITS)
@pytest.mark.parametrize("new", LIMITS)
def test_cut_short_at_any_step_a_save_leaves_the_old_tensors_or_the_new_and_the_next_one_cleans_up(old, new, tmp_path):
    step, done, seen = 0, False, set()
    while not done:
        folder = tmp_path / str(step)
        folder.mkdir()
        save_shards(tensors_of([30] * 4, 1), folder, old)
        with pytest.MonkeyPatch.context() as patch:
            fail_at(patch, step)
            try:
                save_shards(tensors_of([30] * 4, 2), folder, new)
                done = True
            except Killed:
                pass
        values = {x for tensor in open_folder(folder)[1].values() for x in tensor.tolist()}
        assert values in ({1}, {2})
        seen |= values
        save_shards(tensors_of([30] * 4, 3), folder, new)
        assert all((tensor == 3).all() for tensor in open_folder(folder)[1].values())
        kept = [name for name in names_in(folder) if not name.endswith(".tmp")]
        assert len(kept) == (1 if new == 10**9 else 1 + len(split(tensors_of([30] * 4), new)))
        step += 1
    assert seen == {1, 2}


@checks(open_folder)
def test_where_there_is_one_file_the_index_beside_it_is_not_even_read(tmp_path):
    save_file({"x": np.ones(3)}, tmp_path / "model.safetensors")
    (tmp_path / INDEX_FILE).write_text("nonsense")
    path, found = open_folder(tmp_path)
    assert path.name == "model.safetensors" and list(found) == ["x"]


@checks(open_folder)
def test_each_file_is_opened_once(tmp_path, monkeypatch):
    save_shards(tensors_of([30] * 9), tmp_path, 100)
    opened = []
    monkeypatch.setattr("scratchgpt.checkpoint.shards.open_file", lambda path: opened.append(path) or open_file(path))
    assert len(open_folder(tmp_path)[1]) == 9
    assert len(opened) == len(set(opened)) == 3


@checks(save_pretrained)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("size", [1, 300, "1KB", "50GB"])
def test_a_model_of_any_kind_comes_back_from_its_shards(kind, size, tmp_path):
    model = make(kind)
    model.save_pretrained(tmp_path, max_shard_size=size)
    again = type(model).from_pretrained(tmp_path)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], array)


@checks(open_folder)
def test_a_link_within_the_folder_is_followed_and_one_out_of_it_is_not(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    save_shards(tensors_of([30, 30]), folder, 1)
    (folder / "model-00002-of-00002.safetensors").rename(folder / "elsewhere")
    (folder / "model-00002-of-00002.safetensors").symlink_to("elsewhere")
    assert len(open_folder(folder)[1]) == 2
    (folder / "elsewhere").rename(tmp_path / "outside")
    (folder / "model-00002-of-00002.safetensors").unlink()
    (folder / "model-00002-of-00002.safetensors").symlink_to("../outside")
    with pytest.raises(CheckpointError, match="index.json: weight_map: model-00002.* is a link out of it; copy the"):
        open_folder(folder)
    (tmp_path / "link").symlink_to(folder)                                       # the folder itself may be one
    (folder / "model-00002-of-00002.safetensors").unlink()
    (tmp_path / "outside").rename(folder / "model-00002-of-00002.safetensors")
    assert len(open_folder(tmp_path / "link")[1]) == 2


@checks(open_folder)
def test_a_folder_of_pickled_weights_is_told_what_to_do(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match="pytorch_model.bin is a pickle.*convert it"):
        open_folder(tmp_path)
