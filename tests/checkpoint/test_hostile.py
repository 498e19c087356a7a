"""Files that lie: each gets one CheckpointError that names it, soon, and before anything large is allocated."""

import json
import os
import struct
import time
import tracemalloc

import numpy as np
import pytest

from scratchgpt.checkpoint import load_file, save_file
from scratchgpt.errors import CheckpointError
from tests.checkpoint.mutants import blob, entry
from tests.checks import checks


def one(shape=(2,), offsets=(0, 8), dtype="F32", data=b"\0" * 8, **more):
    return blob({"x": entry(shape, offsets, dtype, **more)}, data)


GOOD = one()
TWO = {"a": entry([1], [0, 4]), "b": entry([1], [4, 8])}
HOSTILE = {
    "empty": b"",
    "shorter than the length": b"\0" * 7,
    "a length and nothing else": struct.pack("<Q", 2),
    "a header longer than the file": blob("{}", length=100),
    "a header of 2^64 - 1 bytes": blob("{}", length=2**64 - 1),
    "a header of no bytes": blob(""),
    "cut within the header": GOOD[:30],
    "cut by a byte": GOOD[:-1],
    "one byte too many": GOOD + b"\0",
    "not JSON": blob("{nope"),
    "JSON cut short": blob('{"x": '),
    "two objects": blob("{}{}"),
    "a space before the brace": blob(" {}"),
    "a byte order mark": blob(b"\xef\xbb\xbf{}"),
    "an array": blob("[]"),
    "a number": blob("1"),
    "null": blob("null"),
    "a NUL after the brace": blob(b"{}\0\0"),
    "bytes that are not UTF-8": blob(b'{"\xff": 1}'),
    "UTF-16": blob(json.dumps({"x": entry([2], [0, 8])}).encode("utf-16-le"), b"\0" * 8),
    "UTF-32": blob("{}".encode("utf-32-le")),
    "an array's name twice": blob('{"x":%s,"x":%s}' % ((json.dumps(entry([2], [0, 8])),) * 2), b"\0" * 8),
    "a key twice": blob('{"x":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}', b"\0" * 8),
    "NaN": blob('{"x":NaN}'),
    "Infinity in a shape": blob('{"x":{"dtype":"F32","shape":[Infinity],"data_offsets":[0,8]}}', b"\0" * 8),
    "1e400": blob('{"x":1e400}'),
    "an integer of 5,000 digits": blob('{"x":{"dtype":"F32","shape":[%s],"data_offsets":[0,8]}}' % ("9" * 5000)),
    "100,000 brackets": blob('{"x":' + "[" * 100_000),
    "100,000 braces, closed": blob('{"a":' * 100_000 + "1" + "}" * 100_000),
    "an entry that is a list": blob({"x": []}),
    "an entry that is null": blob({"x": None}),
    "a key missing": blob({"x": {"dtype": "F32", "shape": [0]}}),
    "an unknown key": one(strides=[1]),
    "an unknown dtype": one(dtype="F33"),
    "a dtype in lower case": one(dtype="f32"),
    "F4, which is not supported": one([16], dtype="F4"),
    "F8_E8M0, which is not supported": one([8], dtype="F8_E8M0"),
    "BF16 of the size of F32": one([2], dtype="BF16"),
    "F8_E4M3 of the size of BF16": one([4], dtype="F8_E4M3"),
    "no F8_E5M2 of a shape that float32 cannot have": one([0, 2**62], (0, 0), dtype="F8_E5M2", data=b""),
    "a third truth": one([8], dtype="BOOL", data=b"\0\1\0\2\0\0\0\0"),
    "a negative truth": one([8], dtype="BOOL", data=b"\xff" * 8),
    "a dtype that is a list": one(dtype=["F32"]),
    "a dtype that is an object": one(dtype={}),
    "a dtype that is null": one(dtype=None),
    "a dtype that is a number": one(dtype=4),
    "a negative axis": one([-2]),
    "two negative axes": one([-1, -2]),
    "an axis of 2.0": one([2.0]),
    "an axis of true": one([True, 2]),
    "an axis of text": one(["2"]),
    "a shape that is a number": one(2),
    "a shape that is null": one(None),
    "a shape that is text": one("2"),
    "a shape that wraps to 0 in 64 bits": one([2**32, 2**32], (0, 0), data=b""),
    "a shape that wraps to 2 in 64 bits": one([2**63 + 1, 2]),
    "an axis of 2^64 + 2": one([2**64 + 2]),
    "no elements of an impossible shape": one([0, 2**62, 2**62], (0, 0), data=b""),
    "300 axes of 2^62": one([2**62] * 300),
    "300,000 axes of 2^62": one([2**62] * 300_000),
    "65 axes of 1": one([1] * 65, (0, 4), data=b"\0" * 4),
    "data too short for the shape": one([3]),
    "data too long for the shape": one([1]),
    "offsets backwards": one(offsets=(8, 0)),
    "negative offsets": one(offsets=(-8, 0)),
    "offsets past the end": one(offsets=(8, 16)),
    "offsets of 2^63": one(offsets=(2**63, 2**63 + 8)),
    "a name of a million letters": blob({"x" * 10**6: entry([2], [8, 0])}, b"\0" * 8),
    "a name of a million letters, with a hole": blob({"x" * 10**6: entry([1], [4, 8])}, b"\0" * 8),
    "one offset": one(offsets=(0,)),
    "three offsets": one(offsets=(0, 8, 8)),
    "offsets that are null": one(offsets=None),
    "offsets of floats": one(offsets=(0.0, 8.0)),
    "offsets of booleans": one([0], offsets=(False, False), data=b""),
    "a hole at the start": one([1], (4, 8)),
    "a hole at the end": one([1], (0, 4)),
    "a hole in the middle": blob({**TWO, "b": entry([1], [8, 12])}, b"\0" * 12),
    "an overlap": blob({**TWO, "b": entry([1], [2, 6])}, b"\0" * 6),
    "the same bytes twice": blob({**TWO, "b": entry([1], [0, 4])}, b"\0" * 4),
    "nothing, but within another's bytes": blob({"x": entry([2], [0, 8]), "y": entry([0], [4, 4])}, b"\0" * 8),
    "data that nobody claims": blob({}, b"\0" * 8),
    "metadata of null": blob({"__metadata__": None}),
    "metadata of a list": blob({"__metadata__": []}),
    "metadata of a number": blob({"__metadata__": {"a": 1}}),
    "metadata of objects": blob({"__metadata__": {"a": {}}}),
}


def refused(path):
    """The CheckpointError for a file that must have one, seconds and peak bytes within bounds."""
    tracemalloc.start()
    begun = time.perf_counter()
    try:
        with pytest.raises(CheckpointError) as error:
            load_file(path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000 + 60 * os.path.getsize(path)
    finally:
        tracemalloc.stop()
    assert time.perf_counter() - begun < 5
    assert type(error.value) is CheckpointError
    return str(error.value)


@checks(load_file)
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_gets_one_error_that_names_it(content, tmp_path):
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(content)
    message = refused(path)
    assert message.startswith(f"{path}: ") and len(message) < len(str(path)) + 400


@checks(load_file)
def test_the_file_that_the_hostile_ones_are_made_from_is_read(tmp_path):
    (tmp_path / "good").write_bytes(GOOD)
    assert load_file(tmp_path / "good")[0]["x"].tolist() == [0, 0]
    (tmp_path / "none").write_bytes(blob("{}"))
    assert load_file(tmp_path / "none") == ({}, {})


@checks(load_file)
def test_a_header_over_the_limit_is_not_even_read(tmp_path):
    with open(tmp_path / "long", "wb") as file:
        file.write(struct.pack("<Q", 1 << 30) + b"{")
        file.truncate((1 << 30) + 100)                                       # sparse: it takes no room on the disk
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="16000000"):
        load_file(tmp_path / "long")
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


@checks(load_file)
def test_what_is_no_file_is_named(tmp_path):
    for path in (tmp_path, tmp_path / "absent", tmp_path / "absent" / "x"):
        with pytest.raises(CheckpointError, match=f"^{path}: "):
            load_file(path)


@checks(load_file)
@pytest.mark.parametrize("name, says", [
    ("an unknown dtype", "'x'.*F33.*U64.*BF16.*BOOL"), ("an array's name twice", "'x' appears 2 times"),
    ("a hole in the middle", "'b' must begin where the data before it ends, at 4; got 8"),
    ("a third truth", "'x': booleans must be 0 or 1; got 2")])
def test_the_error_names_the_array_and_the_repair(name, says, tmp_path):
    (tmp_path / "x").write_bytes(HOSTILE[name])
    with pytest.raises(CheckpointError, match=says):
        load_file(tmp_path / "x")


@checks(load_file)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="pipe: cannot be read .not a regular file"):
        load_file(tmp_path / "pipe")


@checks(load_file)
def test_only_booleans_are_looked_at_and_without_another_gigabyte(tmp_path):
    path, size = tmp_path / "large", 1 << 28
    with open(path, "wb") as file:
        file.write(blob({"x": entry([size], [0, size], "BOOL"), "y": entry([4 * size], [size, 5 * size], "U8")}))
        file.truncate(file.tell() + 5 * size)                                # sparse: it takes no room on the disk
    tracemalloc.start()
    begun = time.perf_counter()
    load_file(path)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000 and time.perf_counter() - begun < 5
    tracemalloc.stop()
