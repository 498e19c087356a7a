"""Files and JSON gone wrong, for tests that let nothing but one kind of error escape."""

import copy
import json
import struct


def blob(header, data=b"", length=None):
    """A safetensors file from a header, as an object, text or bytes, and its data."""
    text = header if isinstance(header, (str, bytes)) else json.dumps(header)
    text = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape, offsets, dtype="F32", **more):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


STRANGE = [None, True, -1, 0, 1, 2**31, 2**63, 2**64, 10**30, 10**400, int("9" * 4000), 0.5, 1e300, "", "x", "F32",
           "I8", "BF16", "../x.safetensors", "model-00001-of-00003.safetensors", [], [0], [[]], {}, {"a": 1},
           [0, 24], [2**62, 4], "\ud800"]


def places(value, path=()):
    """The path of every value inside a JSON value, its own, (), first."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def strangely(value, rng, count=1):
    """A copy of a JSON object in which `count` times a value, or a name, became something strange."""
    value = copy.deepcopy(value)
    for _ in range(count):
        paths = list(places(value))[1:]
        if not paths:
            break
        *path, key = paths[rng.integers(len(paths))]
        inside = value
        for step in path:
            inside = inside[step]
        strange = STRANGE[rng.integers(len(STRANGE))]
        if isinstance(inside, dict) and rng.integers(6) == 0:
            inside[str(strange)] = inside.pop(key)
        else:
            inside[key] = copy.deepcopy(strange)
    return value


def damaged(raw, rng):
    """Some bytes changed, lost, put in, or said again; never none at all."""
    mutant = bytearray(raw)
    for _ in range(rng.integers(1, 4)):
        at, kind = int(rng.integers(len(mutant))), rng.integers(4)
        if kind == 0:
            mutant[at] = rng.integers(256)
        elif kind == 1:
            del mutant[at:at + rng.integers(1, 20)]
        elif kind == 2:
            mutant[at:at] = rng.bytes(rng.integers(1, 5))
        else:
            mutant[at:at] = mutant[int(rng.integers(len(mutant))):][:20]
        mutant = mutant or bytearray(b"\0")
    return bytes(mutant)
