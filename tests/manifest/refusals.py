"""What the strict device refuses whoever asks: mixing host and device, waiting unasked, writing one place twice.

Before this file: `tests/manifest`, which refuses what CuPy has no name for. After it: `tests/strict_device.py`, the
array that stands behind both. CuPy raises on the mixtures too; it allows the waits, which cost a GPU its speed, and
leaves the double writes undefined, which no test on a CPU would ever show.
"""

from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

# parameters that say where and how many, not what: numbers on the host, never device arrays
LAYOUT = {"axes", "axis", "axis1", "axis2", "decimals", "destination", "dims", "indices_or_sections", "k", "kth", "M",
          "N", "ndmin", "new_shape", "newshape", "num", "offset", "optimize", "pad_width", "repeats", "reps", "shape",
          "shift", "source", "window_shape"}


class OnDevice:
    """What the array type is built on, so that this file can tell its arrays."""

    __slots__ = ()


_sync_allowed = ContextVar("sync_allowed", default=False)


@contextmanager
def allow_sync():
    """Let `float(x)`, `bool(x)`, `x.item()` and their like wait for the device, where a test means them to."""
    token = _sync_allowed.set(True)
    try:
        yield
    finally:
        _sync_allowed.reset(token)


def refuse_sync(what):
    if not _sync_allowed.get():
        raise TypeError(f"{what} makes the host wait for the device; say backend.to_host(x) where a value is needed")


def leaves(value):
    """The innermost values of nested tuples and lists, which is how np.concatenate and np.stack receive arrays."""
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from leaves(part)
    else:
        yield value


def refuse_mixture(what, arguments):
    """TypeError where a host array stands beside a device array, or a device array gives a size, axis or count."""
    layout = arguments if what == "np.arange" else LAYOUT
    for name, value in arguments.items():
        for leaf in leaves(value):
            if name in layout and isinstance(leaf, OnDevice):
                raise TypeError(f"{what}: {name} is a number on the host, not a device array")
            if isinstance(leaf, np.ndarray):
                raise TypeError(f"{what}: device array meets host array, at {name}")
            if isinstance(value, (tuple, list)) and name not in layout and isinstance(leaf, (int, float, np.generic)):
                raise TypeError(f"{what}: device array meets host array, a {type(value).__name__} at {name}")


def refuse_strangers(what, operands):
    """An operand of a ufunc is a device array or a scalar; CuPy refuses 0-d NumPy arrays too."""
    for x in operands:
        if isinstance(x, (np.ndarray, list, tuple)):
            raise TypeError(f"{what}: device array meets host array")
        if not isinstance(x, (OnDevice, bool, int, float, complex, np.generic)):
            raise TypeError(f"{what}: unsupported operand {type(x).__name__}")


def wrapped(ids, size):
    """Out-of-range ids wrap around modulo `size`, as in CuPy's kernels, so that no test can lean on IndexError."""
    return ids.astype(np.intp) % max(size, 1)


def refuse_duplicates(shape, value, pick):
    """ValueError where `pick`, the choice of places to assign to, names one twice and `value` is not one number."""
    places = pick(np.arange(np.prod(shape, dtype=int)).reshape(shape))
    if np.size(value) > 1 and np.unique(places).size < places.size:
        raise ValueError("duplicate indices in an assignment are undefined on CuPy; to add them up, say "
                         "backend.scatter_add")
