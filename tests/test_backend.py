"""The switch: which backend is current, and the operations that differ by device."""

import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import backend
from scratchgpt.errors import ConfigError, MissingExtraError
from tests.checks import checks
from tests.strict_device import StrictArray, StrictBackend

backend.register("strict", StrictBackend)
devices = pytest.mark.parametrize("device", ["numpy", "strict"])
HAS_CUPY = importlib.util.find_spec("cupy") is not None


@checks(backend.scatter_add)
@devices
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_scatter_add_adds_every_row_at_its_id_repeated_ones_included(device, V, C, N, seed):
    rng = np.random.default_rng(seed)
    ids, rows, start = rng.integers(0, V, N), rng.normal(size=(N, C)), rng.normal(size=(V, C))
    expected = start.copy()
    for id, row in zip(ids, rows):
        expected[id] += row
    with backend.use(device):
        out = backend.asarray(start.copy())
        backend.scatter_add(out, backend.asarray(ids), backend.asarray(rows))
    np.testing.assert_allclose(backend.to_host(out), expected, rtol=1e-12, atol=1e-13)


@checks(backend.scatter_add)
def test_scatter_add_gives_the_same_bits_each_time_and_leaves_its_arguments_alone():
    rng = np.random.default_rng(0)
    ids, rows = rng.integers(0, 3, 1000), rng.normal(size=(1000, 2)).astype(np.float32)
    ids.flags.writeable = rows.flags.writeable = False
    first, second = np.zeros((2, 3, 2), np.float32)
    for out in (first, second):
        backend.scatter_add(out, ids, rows)
    np.testing.assert_array_equal(first, second)


@checks(backend.use, backend.current, backend.register, backend.asarray)
def test_the_innermost_use_decides_and_the_outer_one_returns_after_it_even_after_an_error():
    assert backend.current().name == os.environ.get("SCRATCHGPT_BACKEND", "numpy")
    with backend.use("numpy"):
        with pytest.raises(KeyError), backend.use("strict"):
            assert backend.current().name == "strict" and isinstance(backend.asarray([1]), StrictArray)
            raise KeyError
        assert backend.current().name == "numpy" and type(backend.asarray([1])) is np.ndarray


@checks(backend.use)
def test_a_use_in_one_thread_does_not_reach_another():
    seen = []
    with backend.use("strict"):
        thread = threading.Thread(target=lambda: seen.append(backend.current().name))
        thread.start()
        thread.join()
    assert seen == ["numpy"]


@checks(backend.use)
@pytest.mark.parametrize("name", ["torch", "", "CUPY"])
def test_an_unknown_backend_is_refused_with_the_names_of_the_known(name):
    with pytest.raises(ConfigError, match=f"one of cupy, numpy.*got {name!r}"):
        with backend.use(name):
            pytest.fail("entered")


def python(code, **environment):
    """Run code in a fresh interpreter; returns what it printed."""
    root = str(Path(__file__).parents[1])
    return subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": root, **environment}, text=True,
                          capture_output=True)


@checks(backend.current, backend.NumPyBackend)
def test_the_environment_chooses_the_backend_of_a_whole_run():
    code = "from scratchgpt import backend; print(backend.current().name)"
    assert python(code, SCRATCHGPT_BACKEND="numpy").stdout == "numpy\n"
    assert python(code, SCRATCHGPT_BACKEND="").stdout == "numpy\n"
    assert "must be one of cupy, numpy; got 'tpu'" in python(code, SCRATCHGPT_BACKEND="tpu").stderr


@checks(backend.CuPyBackend, backend.use)
@pytest.mark.skipif(HAS_CUPY, reason="CuPy is installed")
def test_without_cupy_the_switch_says_how_to_install_it():
    for ask in (backend.CuPyBackend, lambda: backend.use("cupy").__enter__()):
        with pytest.raises(MissingExtraError, match=r'pip install "scratchgpt\[gpu\]"') as error:
            ask()
        assert isinstance(error.value, ImportError) and error.value.__suppress_context__


@checks(backend.asarray, backend.backend_of, backend.to_host)
@devices
def test_arrays_move_in_by_like_and_out_by_name(device):
    with backend.use(device):
        x = backend.asarray([[1, 2]], np.float32)
        assert backend.asarray(x) is x
    assert backend.backend_of(x).name == device
    y = backend.asarray(np.arange(3), np.float64, like=x)
    assert type(y) is type(x) and y.dtype == np.float64
    host = backend.to_host(y)
    assert type(host) is np.ndarray and host.tolist() == [0, 1, 2]
    assert type(backend.to_host([1, 2])) is np.ndarray and backend.backend_of([1]).name == "numpy"


@checks(backend.NumPyBackend)
def test_numpy_copies_nothing_that_is_an_array_already():
    x = np.zeros(3)
    assert backend.asarray(x) is x and backend.to_host(x) is x
    numpy = backend.NumPyBackend()
    assert numpy.owns(x) and numpy.owns(np.float32(1)) and not numpy.owns([1])


@checks(backend.keep_freed_memory)
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_keep_freed_memory_may_be_called_at_any_time_on_any_system(platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    assert backend.keep_freed_memory() is None


@checks(backend.keep_freed_memory)
def test_keep_freed_memory_asks_once_and_only_where_it_is_wanted(monkeypatch):
    asked = []

    class Library:
        mallopt = staticmethod(lambda *args: asked.append(args))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(backend.ctypes, "CDLL", lambda name: Library)
    monkeypatch.setenv("SCRATCHGPT_DEFAULT_MALLOC", "1")
    backend.keep_freed_memory()
    assert asked == []
    monkeypatch.delenv("SCRATCHGPT_DEFAULT_MALLOC")
    backend.keep_freed_memory()
    assert asked == [(-3, 1 << 30), (-1, (1 << 31) - 1)]
    monkeypatch.setattr(backend.ctypes, "CDLL", lambda name: object())                # a C library without mallopt
    backend.keep_freed_memory()
