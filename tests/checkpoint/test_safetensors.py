"""The safetensors format, written and read."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.checkpoint import load_file, open_file, save_file
from scratchgpt.checkpoint.safetensors import DTYPES
from scratchgpt.errors import CheckpointError
from scratchgpt.formulas.number_formats import FORMATS, Packed
from tests.checks import checks

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMES = TEXTS.filter(lambda name: name != "__metadata__")
SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)


def tensor_of(dtype, shape, seed):
    """Any bytes that `dtype` can hold, NaN and infinities among them; booleans of 0 and 1. Packed where NumPy must."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    packed = dtype in FORMATS and dtype != "float16"
    stored = FORMATS[dtype][0] if packed else np.dtype(dtype)
    array = np.frombuffer(rng.bytes(stored.itemsize * int(np.prod(shape, dtype=int))), stored).reshape(shape)
    return Packed(array, dtype) if packed else array


def bits_of(tensor):
    return tensor.bits if isinstance(tensor, Packed) else tensor


def header_of(path):
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    return json.loads(raw[8:8 + length]), 8 + length, raw


@checks(save_file, open_file)
@given(table=st.dictionaries(NAMES, st.tuples(st.sampled_from(sorted(DTYPES.values())), SHAPES, st.integers(0, 99)),
                             max_size=5), metadata=st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_every_tensor_and_every_string_comes_back_bit_for_bit(tmp_path_factory, table, metadata):
    path = tmp_path_factory.mktemp("file") / "a.safetensors"
    tensors = {name: tensor_of(*what) for name, what in table.items()}
    save_file(tensors, path, metadata)
    found, strings = open_file(path)
    assert found.keys() == tensors.keys() and strings == metadata
    for name, tensor in tensors.items():
        assert type(found[name]) is type(tensor)
        assert found[name].dtype == tensor.dtype and found[name].shape == tensor.shape
        assert bits_of(found[name]).tobytes() == bits_of(tensor).tobytes()
    assert [file.name for file in path.parent.iterdir()] == ["a.safetensors"]


@checks(load_file)
@pytest.mark.parametrize("dtype", DTYPES.values())
def test_a_file_is_loaded_as_arrays_of_what_it_holds_or_of_float32_where_numpy_lacks_it(dtype, tmp_path):
    tensor = tensor_of(dtype, (3, 4), 0)
    save_file({"x": tensor}, tmp_path / "x", {"a": "b"})
    found, strings = load_file(tmp_path / "x")
    assert type(found["x"]) is np.ndarray and strings == {"a": "b"}
    assert found["x"].dtype == ("float32" if isinstance(tensor, Packed) else dtype)
    np.testing.assert_array_equal(found["x"], np.asarray(tensor))


@checks(save_file)
@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (1, 2, 3, 1)])
def test_the_header_says_what_lies_where(name, shape, tmp_path):
    tensor = tensor_of(DTYPES[name], shape, 0)
    save_file({"x": tensor}, tmp_path / "x")
    header, start, raw = header_of(tmp_path / "x")
    assert header == {"x": {"dtype": name, "shape": list(shape), "data_offsets": [0, tensor.nbytes]}}
    assert start % 8 == 0 and raw[8:9] == b"{" and raw[start:] == bits_of(tensor).tobytes()


@checks(save_file)
def test_arrays_lie_by_descending_alignment_then_dtype_then_name_end_to_end(tmp_path):
    arrays = {name: np.zeros(3, dtype) for name, dtype in
              [("b", "f4"), ("a", "f4"), ("tiny", "u1"), ("z", "f8"), ("half", "f2"), ("flag", "?")]}
    arrays["brain"] = Packed(np.zeros(3, np.uint16), "bfloat16")
    save_file(arrays, tmp_path / "x")
    header, start, raw = header_of(tmp_path / "x")
    assert list(header) == ["z", "a", "b", "brain", "half", "tiny", "flag"]
    ends = [entry["data_offsets"] for entry in header.values()]
    assert [begin for begin, _ in ends] == [0] + [end for _, end in ends[:-1]] and start + ends[-1][1] == len(raw)


@checks(save_file)
def test_views_transposes_and_foreign_byte_order_are_written_as_their_values(tmp_path):
    table = np.arange(12, dtype=np.float32).reshape(3, 4)
    arrays = {"transposed": table.T, "strided": table[::2, ::-1], "big-endian": table.astype(">f4"),
              "rank 0": table[1, 2, ...], "packed": Packed.encode(table, "bfloat16").T}
    save_file(arrays, tmp_path / "x")
    found, _ = load_file(tmp_path / "x")
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.dtype("<f4")


def owner(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


@checks(load_file, open_file)
def test_a_file_is_mapped_and_copied_only_when_written_to(tmp_path):
    tensors = {"x": np.zeros(1000, np.float32), "y": np.ones(4, np.int8), "z": tensor_of("bfloat16", (9,), 0),
               "quarter": tensor_of("float8_e5m2", (9,), 0)}
    save_file(tensors, tmp_path / "x")
    raw = (tmp_path / "x").read_bytes()
    first, second, lazy = load_file(tmp_path / "x")[0], load_file(tmp_path / "x")[0], open_file(tmp_path / "x")[0]
    assert type(first["x"]) is np.ndarray
    assert all(isinstance(owner(bits_of(x)), np.memmap) for x in [first["x"], first["y"], *lazy.values()])
    first["x"][:] = 7
    assert not second["x"].any() and (tmp_path / "x").read_bytes() == raw


@checks(load_file)
@pytest.mark.parametrize("pad", range(8))
def test_a_header_of_any_length_gives_aligned_arrays(pad, tmp_path):
    values = np.arange(5, dtype=np.float64)
    text = json.dumps({"x": {"dtype": "F64", "shape": [5], "data_offsets": [0, 40]},
                       "odd": {"dtype": "U8", "shape": [3], "data_offsets": [40, 43]},
                       "y": {"dtype": "F64", "shape": [5], "data_offsets": [43, 83]}}).encode() + b" " * pad
    data = values.tobytes() + b"\1\2\3" + values.tobytes()
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(text)) + text + data)
    found, _ = load_file(tmp_path / "x")
    assert found["odd"].tolist() == [1, 2, 3] and found["x"].flags.aligned and found["y"].flags.aligned
    np.testing.assert_array_equal([found["x"], found["y"]], [values, values])


@checks(save_file)
@pytest.mark.parametrize("array", [np.zeros(2, np.complex128), np.array(["a"]), np.array([None]), np.zeros(2, "M8[s]"),
                                   np.zeros(2, [("a", "f4")])], ids=lambda array: str(array.dtype))
def test_a_dtype_that_the_format_lacks_is_refused_by_name_before_anything_is_written(array, tmp_path):
    with pytest.raises(CheckpointError, match="^x: the dtype must be one of U64.*BOOL; got "):
        save_file({"x": array}, tmp_path / "x")
    assert not list(tmp_path.iterdir())


@checks(save_file)
def test_an_array_cannot_take_the_name_of_the_metadata(tmp_path):
    with pytest.raises(CheckpointError, match="__metadata__"):
        save_file({"__metadata__": np.zeros(2, np.float32)}, tmp_path / "x")
    assert not list(tmp_path.iterdir())


@checks(save_file)
def test_saving_over_a_file_leaves_readers_of_the_old_one_undisturbed(tmp_path):
    save_file({"x": np.zeros(1000)}, tmp_path / "x")
    old, _ = load_file(tmp_path / "x")
    save_file({"x": np.ones(3)}, tmp_path / "x")
    assert old["x"].shape == (1000,) and not old["x"].any()
    assert load_file(tmp_path / "x")[0]["x"].tolist() == [1, 1, 1]
