"""The strict device, tested: where CuPy differs silently it does as CuPy, and all that it allows computes as NumPy.

Before this file: `strict_device`, and `manifest/test_refusals.py`, which plants the misuses that raise. After it: a
suite that passes on `StrictArray`s may be called API-checked.
"""

import copy

import numpy as np
import pytest
from hypothesis import given, strategies as st

from scratchgpt import backend
from tests.strict_device import StrictArray, StrictBackend, allow_sync

STRICT = StrictBackend()


def device(values, dtype=None):
    return STRICT.asarray(np.array(values, dtype))


def grid(dtype=np.float32):
    """The array that the examples below call x: 0 to 11 in three rows."""
    return device(np.arange(12).reshape(3, 4), dtype)


HOST = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize("convert", [np.asarray, np.array, lambda x: np.array([x, x]), np.ascontiguousarray,
                                     lambda x: np.random.default_rng(0).permutation(x)])
def test_no_function_of_numpy_copies_to_the_host_unasked(convert):
    with allow_sync(), pytest.raises(TypeError, match="implicit conversion"):       # nor where waiting is allowed
        convert(grid())


@pytest.mark.parametrize("name", ["ctypes", "__array_interface__", "setflags", "resize", "itemset", "device", "flat",
                                  "data", "scatter_add", "reduced_view", "nonsense"])
def test_only_attributes_that_both_libraries_have(name):
    with pytest.raises(AttributeError, match=name):
        getattr(grid(), name)


def test_arrays_are_unhashable_and_have_no_room_for_notes():
    with pytest.raises(TypeError):
        hash(grid())
    with pytest.raises(AttributeError):
        grid().gradient = 0
    with pytest.raises(AttributeError, match="writeable"):
        grid().flags.writeable


@given(st.integers(1, 9), st.lists(st.integers(-50, 50), min_size=1, max_size=9))
def test_ids_out_of_range_wrap_around_silently(n, ids):
    x, expected = device(np.arange(n) * 10), np.array(ids) % n * 10
    for read in [x[device(ids)], x.take(device(ids)), np.take(x, device(ids)), np.take_along_axis(x, device(ids), 0),
                 np.broadcast_to(x, (2, n))[1, device(ids)], np.stack([x, x], 1)[device(ids), ..., 0]]:
        np.testing.assert_array_equal(read.get(), expected)
    with pytest.raises(IndexError):
        x[n]                                                            # a Python number is checked, as on CuPy
    with pytest.raises(IndexError):
        x[:0][device(ids)]


@pytest.mark.parametrize("assign", [
    lambda x, ids, v: x.__setitem__(ids, v), lambda x, ids, v: np.put(x, ids, v), lambda x, ids, v: x.put(ids, v),
    lambda x, ids, v: np.put_along_axis(x, ids, v, 0),
], ids=["x[ids] = v", "np.put", "x.put", "np.put_along_axis"])
def test_assigning_to_one_place_twice_is_refused_unless_it_is_one_number(assign):
    x = device(np.zeros(4))
    for twice in ([1, 3, 1], [1, 3, 5]):                                # 5 wraps to 1
        with pytest.raises(ValueError, match="scatter_add"):
            assign(x, device(twice), device([1.0, 2.0, 3.0]))
    assign(x, device([0, 2, -1]), device([1.0, 2.0, 3.0]))
    assign(x, device([1, 1, 5]), 9.0)
    np.testing.assert_array_equal(x.get(), [1, 9, 2, 3])


def test_ids_wrap_modulo_the_axis_that_they_index():
    x, ids = device(np.arange(24).reshape(2, 3, 4)), device([5, -6])
    expected = np.arange(24).reshape(2, 3, 4)
    np.testing.assert_array_equal(x[..., ids].get(), expected[..., [1, 2]])
    np.testing.assert_array_equal(x[:, ids, None].get(), expected[:, [2, 0], None])
    np.testing.assert_array_equal(x[x[..., 0] > 0, ids[:1]].get(), expected[expected[..., 0] > 0, 1])


def test_a_host_number_in_an_array_may_be_compared_and_nothing_else():
    x = grid()
    np.testing.assert_array_equal((np.array(5.0) < x).get(), HOST > 5)
    with pytest.raises(TypeError, match="host array"):
        np.array(5.0) + x


def test_adding_at_one_place_twice_through_an_index_is_refused():
    x = device(np.zeros((4, 2)))
    with pytest.raises(ValueError, match="scatter_add"):
        x[device([1, 1])] += device(np.ones((2, 2)))


def test_indexing_and_reshaping_give_views_even_of_one_element():
    x = grid()
    x[0] += 1
    x[2, 3][...] = 50
    x[:, 1:2].reshape(3)[...] = 7
    x.T[2] *= 2
    expected = HOST.copy()
    expected[0] += 1
    expected[2, 3], expected[:, 1] = 50, 7
    expected[:, 2] *= 2
    np.testing.assert_array_equal(x.get(), expected)
    assert x[0, 0].base is not None and x.base is None


def test_a_result_is_a_device_array_even_of_no_dimension():
    x = grid()
    for y in [x.sum(), x.max(), np.mean(x), x[0, 0], x.dot(x.T)[0, 0], np.linalg.norm(x), np.exp(x[0, 0]), x[0] @ x[0],
              np.array_equal(x, x), np.allclose(x, x), np.count_nonzero(x), x.argmax(), np.float32(2) * x[0, 0]]:
        assert type(y) is StrictArray and y.shape == ()


def test_an_output_array_comes_back_as_itself():
    x, y = grid(), grid()
    assert np.exp(x, out=y) is y and np.sum(x, axis=0, out=y[0]) is not y and x.astype(np.float32, copy=False) is x
    row = y[0]
    assert np.sum(x, 0, out=row) is row and np.matmul(x, x.T, out=(square := x @ x.T)) is square
    assert copy.deepcopy(x) is not x and not np.shares_memory(copy.copy(x), x)


def test_dtypes_follow_numpy_2():
    x = grid()
    assert (x * 2.5).dtype == np.float32 and (x * np.float64(2)).dtype == np.float64
    x *= np.float64(2)
    assert x.dtype == np.float32
    with pytest.raises(TypeError, match="Cannot cast"):
        grid(np.int64).__iadd__(1.5)


def test_nothing_warns_because_cupy_never_does(recwarn):
    x = device([0.0, -1.0, 1e300])
    np.log(x), 1 / x, np.sqrt(x), x.astype(np.float16), np.cumprod(x[1:] * x[2:])
    assert not recwarn.list


ALLOWED = {
    "arithmetic": lambda x, y, ids: (x + y, 2 - x, x / 3.0, -x, x * y > 1, abs(x), x ** 2, np.float32(2) * x),
    "ufuncs": lambda x, y, ids: (np.exp(x), np.tanh(x), np.maximum(x, 0), np.log1p(x * x), np.hypot(x, y)),
    "ufuncs with keywords": lambda x, y, ids: np.add(x, y, out=np.zeros_like(x), where=x > 0, casting="same_kind"),
    "ufunc methods": lambda x, y, ids: (np.add.reduce(x, axis=0), np.multiply.accumulate(x), np.subtract.outer(x, y)),
    "add.at": lambda x, y, ids: np.add.at(x, ids, y[ids]),
    "reductions": lambda x, y, ids: (x.sum(axis=-1, keepdims=True), np.max(x), x.var(0), np.all(x < 9), x.argmax(1)),
    "products": lambda x, y, ids: (x @ y.T, np.dot(x, y.T), np.einsum("ij,ij->i", x, y), np.tensordot(x, y, 2)),
    "shapes": lambda x, y, ids: (x.reshape(-1), x.T, x.swapaxes(0, 1), x[None, :, ::2], x[..., None], x.ravel()),
    "joins and splits": lambda x, y, ids: (np.concatenate([x, y]), np.stack((x, y), 1), np.split(x, [1], axis=1)),
    "fresh arrays": lambda x, y, ids: (np.zeros((2, 3), x.dtype, like=x), np.arange(5, like=x), np.ones_like(x),
                                       np.full_like(x, 2.0, shape=(2,)), np.asarray([1, 2], like=x), np.tri(3, like=x)),
    "ids": lambda x, y, ids: (x[ids], x[:, 0][ids], np.take(x, ids, axis=0), np.take_along_axis(x, ids[:, None], 0)),
    "masks": lambda x, y, ids: (x[x > 0], np.where(x > 0, x, 0), np.tril(np.ones_like(x)), np.triu(x, k=1)),
    "mask assignment": lambda x, y, ids: x.__setitem__(x > y, 0),
    "assignment": lambda x, y, ids: x.__setitem__((slice(None), slice(1, None)), y[:, 1:]),
    "in place": lambda x, y, ids: (x.__iadd__(y), x.__itruediv__(2), np.negative(x, out=x), x.fill(3.0), x.sort()),
    "sorting": lambda x, y, ids: (np.sort(x), np.argsort(x, axis=0, kind="stable"), np.unique(ids), np.partition(x, 0)),
    "scans": lambda x, y, ids: (np.cumsum(x, axis=-1), x.cumsum(0), np.diff(x), np.bincount(ids, minlength=9)),
    "facts": lambda x, y, ids: (x.shape, x.ndim, x.size, x.dtype, x.strides, x.nbytes, len(x), np.shape(x),
                                x.flags.c_contiguous, x.T.flags["F_CONTIGUOUS"], np.iscomplexobj(x), x.real, x.imag),
}


def leaves(result):
    return [leaf for part in result for leaf in leaves(part)] if isinstance(result, (tuple, list)) else [result]


@pytest.mark.parametrize("operation", ALLOWED.values(), ids=ALLOWED)
@given(rows=st.integers(1, 4), columns=st.integers(2, 5), dtype=st.sampled_from([np.float32, np.float64]),
       seed=st.integers(0, 2**32 - 1))
def test_what_is_allowed_computes_as_numpy(operation, rows, columns, dtype, seed):
    rng = np.random.default_rng(seed)
    host = [rng.normal(size=(rows, columns)).astype(dtype), rng.normal(size=(rows, columns)).astype(dtype),
            rng.integers(rows, size=rows)]
    on_device = [device(x) for x in host]
    expected, found = operation(*host), operation(*on_device)
    for want, got in zip([*leaves(expected), *host], [*leaves(found), *on_device], strict=True):
        assert isinstance(got, StrictArray) == isinstance(want, (np.ndarray, np.generic))
        assert getattr(got, "dtype", None) == getattr(want, "dtype", None)
        np.testing.assert_array_equal(STRICT.to_host(got) if isinstance(got, StrictArray) else got, want)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_scatter_add_of_the_backend(V, C, N, seed):
    rng = np.random.default_rng(seed)
    ids, rows, out = rng.integers(V, size=N), rng.integers(9, size=(N, C)), np.zeros((V, C), int)
    total = device(out)
    STRICT.scatter_add(total, device(ids), device(rows))
    for n in range(N):
        out[ids[n]] += rows[n]
    np.testing.assert_array_equal(total.get(), out)


def test_the_strict_backend_offers_what_the_switch_asks_of_one():
    asked = {name for name in dir(backend.NumPyBackend) if not name.startswith("_")}
    assert asked <= set(dir(StrictBackend))
    x = STRICT.asarray([1, 2], np.float32)
    assert STRICT.owns(x) and not STRICT.owns(HOST) and STRICT.asarray(x) is x
    assert STRICT.asarray(x, np.float64).dtype == np.float64
    copied = STRICT.asarray(host := np.zeros(2))
    host += 1                                                           # moving in copies: the two share no memory
    np.testing.assert_array_equal(STRICT.to_host(copied), [0, 0])
    np.testing.assert_array_equal(STRICT.to_host(HOST), HOST)
