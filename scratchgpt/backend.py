"""The NumPy/CuPy switch, and the only file that knows CuPy.

Before this file: `errors`. After it: the reader may forget that GPUs exist. CuPy's arrays implement NumPy's array
protocols, so `x @ W` and `np.exp(x)` run where their arrays live, and only the operations below differ by device:
moving in and out, and adding rows at repeated indices.

    with scratchgpt.use("cupy"):                 # or SCRATCHGPT_BACKEND=cupy for a whole run
        model = GPT2(config, rng=rng)            # its parameters live on the GPU, and so does all that follows
"""

import ctypes
import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

from .errors import ConfigError, MissingExtraError


class NumPyBackend:
    """Arrays in the computer's own memory; what a method is for stands at the function of its name below."""

    name = "numpy"

    def owns(self, x):
        """Whether `x` is an array of this backend."""
        return isinstance(x, (np.ndarray, np.generic))

    def asarray(self, x, dtype=None):
        """`x` on this backend."""
        return np.asarray(x, dtype)

    def to_host(self, x):
        """`x` as a NumPy array."""
        return np.asarray(x)

    def scatter_add(self, out, ids, rows):
        """out[ids[n]] += rows[n], repeated ids included."""
        if ids.size == 0:
            return
        order = np.argsort(ids, kind="stable")                  # equal ids side by side, each in its first order
        ids = ids[order]
        first = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
        out[ids[first]] += np.add.reduceat(rows[order], first, axis=0)


class CuPyBackend(NumPyBackend):
    """Arrays on an NVIDIA GPU."""

    name = "cupy"

    def __init__(self):
        try:
            import cupy
            import cupyx
        except ImportError:
            raise MissingExtraError('the GPU switch needs CuPy: pip install "scratchgpt[gpu]"') from None
        self.cupy, self.cupyx = cupy, cupyx

    def owns(self, x):
        return isinstance(x, self.cupy.ndarray)

    def asarray(self, x, dtype=None):
        return self.cupy.asarray(x, dtype)

    def to_host(self, x):
        return self.cupy.asnumpy(x)

    def scatter_add(self, out, ids, rows):
        self.cupyx.scatter_add(out, ids, rows)


_makers = {"numpy": NumPyBackend, "cupy": CuPyBackend}
_made = {}
_current = ContextVar("backend")


def register(name, maker):
    """Add a backend under `name`; `maker()` makes it at its first use. The tests add a strict one."""
    _makers[name] = maker


def _backend(name):
    if name not in _makers:
        raise ConfigError(f"the backend must be one of {', '.join(sorted(_makers))}; got {name!r}")
    if name not in _made:
        _made[name] = _makers[name]()
    return _made[name]


def current():
    """The backend on which new parameters are made: that of the innermost `use`, else of SCRATCHGPT_BACKEND."""
    return _current.get(None) or _backend(os.environ.get("SCRATCHGPT_BACKEND") or "numpy")


@contextmanager
def use(name):
    """Create parameters on backend `name`, "numpy" or "cupy", inside the `with` block.

    Raises ConfigError for another name, MissingExtraError where CuPy is not installed.
    """
    token = _current.set(_backend(name))
    try:
        yield
    finally:
        _current.reset(token)


def backend_of(x):
    """The backend whose array `x` is; NumPy for plain lists and numbers."""
    host = _backend("numpy")
    if isinstance(x, np.ndarray):
        return host
    return next((made for made in _made.values() if made.owns(x)), host)


def asarray(x, dtype=None, like=None):
    """`x` as an array of `like`'s backend, or of the current one; no copy where it is one already."""
    return (current() if like is None else backend_of(like)).asarray(x, dtype)


def to_host(x):
    """`x` as a NumPy array. On the GPU this waits for the computation, so it stands only where a value is needed."""
    return backend_of(x).to_host(x)


def scatter_add(out, ids, rows):
    """out[ids[n]] += rows[n] for every n, in place, repeated ids included: the transpose of `out[ids]`.

    out (V, C)    ids (N,) integers in [0, V)    rows (N, C)
    """
    backend_of(out).scatter_add(out, ids, rows)


def keep_freed_memory():
    """Ask glibc to keep large freed blocks for reuse instead of returning them to the kernel; nothing elsewhere.

    A training step frees and asks for the same hundreds of megabytes each time. By default glibc maps every large
    block anew, and the kernel clears it page by page: 10-50% of a step. Source: mallopt(3).
    """
    if sys.platform == "linux" and not os.environ.get("SCRATCHGPT_DEFAULT_MALLOC"):
        try:
            mallopt = ctypes.CDLL(None).mallopt
        except (OSError, AttributeError):                       # another C library, such as musl
            return
        M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
        mallopt(M_MMAP_THRESHOLD, 1 << 30)
        mallopt(M_TRIM_THRESHOLD, (1 << 31) - 1)


keep_freed_memory()
