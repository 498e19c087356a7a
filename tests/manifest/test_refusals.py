"""Every misuse that the strict device exists to catch, planted.

Before this file: `refusals`. After it: the reader has seen, line by line, what code for both libraries cannot say.
"""

import numpy as np
import pytest

from tests.manifest import CUPY
from tests.strict_device import StrictBackend, allow_sync

HOST = np.arange(12, dtype=np.float32).reshape(3, 4)


def device(values):
    return StrictBackend().asarray(values)


NOT_IN_CUPY = {
    "where in a reduction": lambda x: np.sum(x, where=x > 0),
    "where in a method": lambda x: x.mean(where=x > 0),
    "initial in a reduction": lambda x: np.max(x, initial=0),
    "initial in a method": lambda x: x.max(initial=0),
    "initial in add.reduce": lambda x: np.add.reduce(x, initial=0),
    "maximum.reduce": np.maximum.reduce,
    "maximum.accumulate": np.maximum.accumulate,
    "logical_or.reduce": np.logical_or.reduce,
    "multiply.reduceat": lambda x: np.multiply.reduceat(x, device([0, 1])),
    "multiply.at": lambda x: np.multiply.at(x, device([0]), 2),
    "add.at on complex": lambda x: np.add.at(x.astype(complex), device([0]), 2),
    "add.at on booleans": lambda x: np.add.at(x > 0, device([0]), True),
    "einsum with out": lambda x: np.einsum("ij->ij", x, out=x),
    "order in a ufunc": lambda x: np.add(x, 1, order="C"),
    "out in a ufunc of two results": lambda x: np.divmod(x, 2, out=(x, x)),
    "a ufunc without a complex loop": lambda x: np.heaviside(x.astype(complex), 1),
    "vecdot": lambda x: np.vecdot(x, x),
    "spacing": np.spacing,
    "insert": lambda x: np.insert(x, 0, 1),
    "block": lambda x: np.block([[x, x]]),
    "linalg.vector_norm": lambda x: np.linalg.vector_norm(x),
    "ones with like, which passes device=": lambda x: np.ones(3, like=x),
    "full with like, which passes device=": lambda x: np.full(3, 2.0, like=x),
    "eye with like, which passes device=": lambda x: np.eye(3, like=x),
    "take with mode": lambda x: np.take(x, device([0]), mode="clip"),
    "clip by min and max": lambda x: np.clip(x, min=0, max=1),
    "stable in argsort": lambda x: np.argsort(x, stable=True),
    "correction in var": lambda x: np.var(x, correction=1),
    "casting in astype": lambda x: x.astype(np.float64, casting="unsafe"),
    "an index given to item": lambda x: x.item(0),
    "matmul in place": lambda x: x.__imatmul__(x),
    "dtype object": lambda x: np.asarray([None], dtype=object, like=x),
    "dtype longdouble": lambda x: x.astype(np.longdouble),
    "two masks in an index": lambda x: x[x[:, 0] > 0, x[0] > 0],
}

MIXTURES = {
    "device + host": lambda x: x + HOST,
    "host + device": lambda x: HOST + x,
    "device + list": lambda x: x + [1, 2, 3, 4],
    "list * device": lambda x: [1, 2, 3, 4] * x,
    "0-d host array": lambda x: x * np.array(2.0),
    "host @ device": lambda x: HOST @ x.T,
    "device += host": lambda x: x.__iadd__(HOST),
    "host += device": lambda x: HOST.copy().__iadd__(x),
    "host out": lambda x: np.exp(x, out=HOST.copy()),
    "host mask": lambda x: np.exp(x, where=HOST > 0),
    "where": lambda x: np.where(x > 0, x, HOST),
    "concatenate": lambda x: np.concatenate([x, HOST]),
    "stack with numbers": lambda x: np.stack([x[0, 0], 1.0]),
    "dot": lambda x: np.dot(HOST, x.T),
    "einsum": lambda x: np.einsum("ij,ij->i", x, HOST),
    "a method": lambda x: x.dot(HOST.T),
    "take from host": lambda x: np.take(HOST, device([0])),
    "take by a list": lambda x: np.take(x, [0, 1]),
    "copyto": lambda x: np.copyto(x, HOST),
    "assignment": lambda x: x.__setitem__(slice(None), HOST),
    "assignment of a list": lambda x: x.__setitem__(0, [1, 2, 3, 4]),
    "host assignment": lambda x: HOST.copy().__setitem__(slice(None), x),
    "index": lambda x: x[np.array([0, 1])],
    "index by a list": lambda x: x[[0, 1]],
    "index by a host mask": lambda x: x[HOST > 0],
    "host index": lambda x: HOST[device([0, 1])],
    "axis": lambda x: np.sum(x, axis=device(0)),
    "repeats": lambda x: np.repeat(x, device([1, 2, 3]), axis=0),
    "arange to a device number": lambda x: np.arange(x[0, 3], like=x),
    "comparison with None": lambda x: x == None,                        # noqa: E711
}

WAITS = {
    "float": lambda x: float(x[1, 1]), "int": lambda x: int(x[1, 1]), "complex": lambda x: complex(x[1, 1]),
    "bool": lambda x: bool(x[1, 1]), "if": lambda x: 1 if np.all(x < 99) else 0, "and": lambda x: x[1, 1] and True,
    "item": lambda x: x[1, 1].item(), "tolist": lambda x: x.tolist(), "tobytes": lambda x: x.tobytes(),
    "iteration": list, "unpacking": lambda x: (lambda a, b, c: a)(*x), "format": lambda x: f"{x[1, 1]:.3f}",
    "if allclose": lambda x: 1 if np.allclose(x, x) else 0, "max of Python": lambda x: max(x[0]),
}


@pytest.mark.parametrize("misuse", NOT_IN_CUPY.values(), ids=NOT_IN_CUPY)
def test_what_cupy_lacks_is_refused(misuse):
    with pytest.raises(TypeError, match=CUPY):
        misuse(device(HOST))


@pytest.mark.parametrize("misuse", MIXTURES.values(), ids=MIXTURES)
def test_host_and_device_never_meet(misuse):
    x = device(HOST)
    with pytest.raises(TypeError, match="host array|on the host|NumPy array|unsupported operand"):
        misuse(x)
    np.testing.assert_array_equal(x.get(), HOST)                        # refused before anything was written


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_a_wait_for_the_device_must_be_asked_for(wait):
    with pytest.raises(TypeError, match="wait for the device"):
        wait(device(HOST))
    with allow_sync():
        wait(device(HOST))
    with pytest.raises(TypeError, match="wait for the device"):         # and the permission ends with its block
        wait(device(HOST))
