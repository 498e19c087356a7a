"""The safetensors format: named arrays in one file, mapped into memory, and nothing that runs.

Before this file: `files`, `formulas.number_formats`. After it: the reader could write the format from memory. It is a
length, a JSON header that says where each array lies, and the bytes, end to end.

    u64 N | N bytes of JSON: {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...} | data

A file is checked in full before an array is touched: every claim of its header against every other and against the
file's size.
"""

import json
import math
import os
import stat
import struct

import numpy as np

from ..errors import CheckpointError
from ..files import atomic_write, parse_json
from ..formulas.number_formats import FORMATS, Packed

# the format's dtypes, in the order in which its own writer lays out their arrays: the most aligned first
DTYPES = {"U64": "uint64", "I64": "int64", "F64": "float64", "C64": "complex64", "F32": "float32", "U32": "uint32",
          "I32": "int32", "BF16": "bfloat16", "F16": "float16", "U16": "uint16", "I16": "int16",
          "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "I8": "int8", "U8": "uint8", "BOOL": "bool"}
CODES = {dtype: code for code, dtype in DTYPES.items()}
RANKS = {dtype: rank for rank, dtype in enumerate(DTYPES.values())}
PACKED = {code for code, dtype in DTYPES.items() if dtype in FORMATS and code != "F16"}        # those that NumPy lacks
LONGEST_HEADER = 16_000_000


def save_file(tensors, path, metadata=None):
    """Write {name: NumPy array or Packed} to `path`, atomically.

    Tensors come in the order of descending alignment, then dtype, then name, as the format's own writer has it.
    metadata  {str: str} for the header's `__metadata__`
    Raises CheckpointError for a dtype that the format does not have, or a tensor named `__metadata__`.
    """
    if "__metadata__" in tensors:
        raise CheckpointError("__metadata__: the format keeps this name for itself; give the array another")
    dtypes = {name: _dtype(tensor) for name, tensor in tensors.items()}
    for name, dtype in dtypes.items():
        if dtype not in CODES:
            raise CheckpointError(f"{name}: the dtype must be one of {', '.join(DTYPES)}; got {dtype}")
    header, end = ({"__metadata__": metadata} if metadata else {}), 0
    ordered = sorted(tensors, key=lambda name: (RANKS[dtypes[name]], name))
    for name in ordered:
        begin, end = end, end + tensors[name].nbytes
        header[name] = {"dtype": CODES[dtypes[name]], "shape": list(tensors[name].shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (-len(text) % 8)
    with atomic_write(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in ordered:
            array = tensors[name].bits if isinstance(tensors[name], Packed) else tensors[name]
            array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            file.write(memoryview(array.reshape(-1).view(np.uint8)))


def load_file(path):
    """Read {name: array} and the metadata {str: str}: as `open_file`, with what NumPy has no dtype for as float32."""
    tensors, metadata = open_file(path)
    return {name: x.decode() if isinstance(x, Packed) else x for name, x in tensors.items()}, metadata


def open_file(path):
    """Map {name: array or Packed} and the metadata {str: str}. Nothing is read of a tensor until it is used.

    Arrays are views of the mapped file, copied only when written to; what the format knows and NumPy does not, bfloat16
    and floats of 8 bits, is `Packed`. Data that is not aligned is copied, and booleans are looked at: each is 0 or 1.
    Raises CheckpointError naming the file and the field for anything that is not as the format says.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):                  # a pipe could be endless
            raise CheckpointError(f"{path}: cannot be read (not a regular file)")
        with open(path, "rb") as file:
            header, start, size = _read_header(path, file)
            data = np.memmap(file, np.uint8, "c", start, (size - start,)) if size > start else np.empty(0, np.uint8)
    except OSError as problem:
        raise CheckpointError(f"{path}: cannot be read ({problem.strerror})") from None
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise CheckpointError(f"{path}: __metadata__ must map strings to strings")
    _check_layout(path, header, size - start)
    return {name: _view(path, data, name, entry) for name, entry in header.items()}, metadata


def _dtype(tensor):
    """The name of its dtype, whatever its byte order."""
    return tensor.dtype if isinstance(tensor, Packed) else str(tensor.dtype.newbyteorder("="))


def _stored(code):
    """The dtype of the bits of a tensor in a file."""
    dtype = DTYPES[code]
    return (FORMATS[dtype][0] if code in PACKED else np.dtype(dtype)).newbyteorder("<")


def _read_header(path, file):
    """The header, where the data begins, and the size of the file."""
    size = os.fstat(file.fileno()).st_size
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
        raise CheckpointError(f"{path}: the header must be a JSON object, from its first byte")
    return header, 8 + length, size


def _check_entry(path, name, entry):
    """One tensor's dtype, shape and place agree with each other."""
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
    itemsize = _stored(entry["dtype"]).itemsize
    if math.prod(n for n in shape if n) * max(itemsize, 4) >= 1 << 63:      # also as float32, and where an axis is 0:
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
            raise CheckpointError(f"{path}: {name[:80]!r} must begin where the data before it ends, at {end}; "
                                  f"got {begin}")
        end = next_end
    if end != size:
        raise CheckpointError(f"{path}: the arrays must end where the file ends, at {size}; got {end}: "
                              "the file is truncated or has been added to")


def _view(path, data, name, entry):
    begin, end = entry["data_offsets"]
    if entry["dtype"] == "BOOL" and end > begin and data[begin:end].max() > 1:    # NumPy would take 2 for a third truth
        raise CheckpointError(f"{path}: {name[:80]!r}: booleans must be 0 or 1; got {data[begin:end].max()}")
    flat = data[begin:end].view(_stored(entry["dtype"]))
    if not flat.flags.aligned:                                   # the format allows unaligned data; NumPy would crawl
        flat = flat.copy()
    array = np.asarray(flat.reshape(entry["shape"]))
    return Packed(array, DTYPES[entry["dtype"]]) if entry["dtype"] in PACKED else array
