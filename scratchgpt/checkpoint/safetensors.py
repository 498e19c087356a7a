"""The safetensors format: named arrays in one file, mapped into memory, and nothing that runs.

Before this file: `files`. After it: the reader could write the format from memory. It is a length, a JSON header
that says where each array lies, and the bytes, end to end.

    u64 N | N bytes of JSON: {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...} | data

A file is checked in full before an array is touched: every claim of its header against every other and against the
file's size.
"""

import json
import math
import struct
from pathlib import Path

import numpy as np

from ..errors import CheckpointError
from ..files import atomic_write, parse_json

DTYPES = {"BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
          "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8", "C64": "<c8"}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
LONGEST_HEADER = 16_000_000


def save_file(arrays, path, metadata=None):
    """Write {name: array} to `path`, atomically.

    Arrays come in the order of descending alignment, then name, as the format's own writer has it.
    metadata  {str: str} for the header's `__metadata__`
    Raises CheckpointError for a dtype that the format does not have, or an array named `__metadata__`.
    """
    if "__metadata__" in arrays:
        raise CheckpointError("__metadata__: the format keeps this name for itself; give the array another")
    for name, array in arrays.items():
        if array.dtype.newbyteorder("<") not in NAMES:
            raise CheckpointError(f"{name}: the dtype must be one of {', '.join(DTYPES)}; got {array.dtype}")
    header, end = ({"__metadata__": metadata} if metadata else {}), 0
    ordered = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    for name in ordered:
        array = arrays[name]
        header[name] = {"dtype": NAMES[array.dtype.newbyteorder("<")], "shape": list(array.shape),
                        "data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (-len(text) % 8)
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in ordered:
            array = np.ascontiguousarray(arrays[name], arrays[name].dtype.newbyteorder("<"))
            file.write(memoryview(array.reshape(-1).view(np.uint8)))


def load_file(path):
    """Read {name: array} and the metadata {str: str}: arrays are views of the mapped file, copied only when written to.

    Raises CheckpointError naming the file and the field for anything that is not as the format says.
    """
    path = Path(path)
    try:
        header, start, size = _read_header(path)
        data = np.memmap(path, np.uint8, "c", start, (size - start,)) if size > start else np.empty(0, np.uint8)
    except OSError as problem:
        raise CheckpointError(f"{path}: cannot be read ({problem.strerror})") from None
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise CheckpointError(f"{path}: __metadata__ must map strings to strings")
    _check_layout(path, header, size - start)
    return {name: _view(data, entry) for name, entry in header.items()}, metadata


def _read_header(path):
    size = path.stat().st_size
    with open(path, "rb") as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else None
        if length is None or length > min(size - 8, LONGEST_HEADER):
            raise CheckpointError(f"{path}: the header must fit the file and {LONGEST_HEADER} bytes; the file has "
                                  f"{size} bytes and says {length}: it is truncated or no safetensors file")
        text = file.read(length)
    try:
        header = parse_json(text.decode(), path) if text[:1] == b"{" else None      # bytes might pass as UTF-16
    except UnicodeDecodeError:
        raise CheckpointError(f"{path}: the header must be UTF-8") from None
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: the header must be a JSON object")
    return header, 8 + length, size


def _check_entry(path, name, entry):
    """One array's dtype, shape and place agree with each other."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"{path}: {name} must have exactly dtype, shape and data_offsets")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in DTYPES:
        raise CheckpointError(f"{path}: {name} has the dtype {str(entry['dtype'])[:40]!r}; "
                              f"supported are {', '.join(DTYPES)}")
    shape, offsets = entry["shape"], entry["data_offsets"]
    for key, value in (("shape", shape), ("data_offsets", offsets)):
        if (not isinstance(value, list) or len(value) > 32
                or not all(type(n) is int and 0 <= n < 1 << 63 for n in value)):
            raise CheckpointError(f"{path}: {name}: {key} must be a list of at most 32 integers >= 0")
    itemsize = np.dtype(DTYPES[entry["dtype"]]).itemsize
    if math.prod(n for n in shape if n) * itemsize >= 1 << 63:      # even where another axis is 0, NumPy would refuse
        raise CheckpointError(f"{path}: {name}: the shape must be one that memory can have; got {shape[:3]}...")
    nbytes = math.prod(shape) * itemsize
    if len(offsets) != 2 or offsets[1] - offsets[0] != nbytes:
        raise CheckpointError(f"{path}: {name}: data_offsets must span the {nbytes} bytes of its shape; "
                              f"got {offsets[:3]}")


def _check_layout(path, header, size):
    """Every entry is well formed, and together they cover the data without holes or overlaps."""
    for name, entry in header.items():
        _check_entry(path, repr(name[:80]), entry)
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, next_end = entry["data_offsets"]
        if begin != end:
            raise CheckpointError(f"{path}: {name[:80]!r} must begin where the data before it ends, at {end}; got {begin}")
        end = next_end
    if end != size:
        raise CheckpointError(f"{path}: the arrays must end where the file ends, at {size}; got {end}: "
                              "the file is truncated or has been added to")


def _view(data, entry):
    begin, end = entry["data_offsets"]
    dtype = np.dtype(DTYPES[entry["dtype"]])
    flat = data[begin:end].view(dtype)
    if not flat.flags.aligned:                                   # the format allows unaligned data; NumPy would crawl
        flat = flat.copy()
    return np.asarray(flat.reshape(entry["shape"]))
