"""The laws that every module obeys, whatever it computes.

Before this file: the second rule of the package, `y, backward = module(x)`, and `gradcheck`. After it: the reader can
put a module of their own under law by writing one `Case` for it. The laws take a case, sizes and a seed, and raise
AssertionError; `layers/cases.py` is the table of cases, `layers/test_laws.py` runs every law over every case.
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np

from scratchgpt import backend
from tests.gradcheck import check_gradient


def call_plainly(module, *inputs, rng=None):
    return module(*inputs)


def call_with_rng(module, *inputs, rng=None):
    return module(*inputs, rng=rng)


@dataclass(frozen=True)
class Case:
    """A module under law.

    build    rng -> module                 inputs  (rng, B, T) -> arrays, the batch first; integers have no gradient
    call     (module, *inputs, rng=) -> y, backward
    keeps    (B, T) -> (numbers of the working precision, bytes besides) that a backward holds on to: what the
             docstring says, as a formula
    random   draws from rng in its call     rows_mix  its rows depend on each other, as BatchNorm's do
    """

    name: str
    build: Callable
    inputs: Callable
    keeps: Callable
    call: Callable = call_plainly
    random: bool = False
    rows_mix: bool = False

    def make(self, seed, dtype=np.float64):
        """The module, with parameters of unit size, as zeros and ones would hide mistakes; on the current backend."""
        rng = np.random.default_rng(seed)
        module = self.build(rng).astype(dtype)
        for parameter in module.parameters():
            if parameter.trainable:
                parameter.data = backend.asarray(rng.normal(size=parameter.shape).astype(dtype))
        return module

    def draw(self, seed, B, T, dtype=np.float64):
        """Inputs that nobody may write to."""
        arrays = self.inputs(np.random.default_rng(seed + 1), B, T)
        arrays = [x.astype(dtype) if x.dtype.kind == "f" else x for x in arrays]
        for x in arrays:
            x.flags.writeable = False
        return arrays

    def run(self, module, inputs, seed):
        """y, and backward(dy) -> one gradient for each input, None for those that have none."""
        y, backward = self.call(module, *inputs, rng=np.random.default_rng(seed))

        def gradients(dy):
            result = backward(dy)
            result = result if isinstance(result, tuple) else (result,)
            return result + (None,) * (len(inputs) - len(result))
        return y, gradients


def upstream(y, seed):
    """A gradient to start from, which nobody may write to."""
    dy = np.random.default_rng(seed + 2).normal(size=y.shape).astype(y.dtype)
    dy.flags.writeable = False
    return dy


def all_gradients(module, pullback, dy):
    """{name: gradient} of parameters and inputs after one backward pass; those that have none are left out."""
    module.zero_grad()
    of_inputs = {f"input {i}": dx for i, dx in enumerate(pullback(dy))}
    of_parameters = {name: parameter.grad for name, parameter in module.named_parameters()}
    return {name: np.array(g) for name, g in {**of_inputs, **of_parameters}.items() if g is not None}


def assert_same(found, expected, **tolerances):
    """Two dicts of arrays are equal: bit for bit, or within `tolerances`."""
    assert found.keys() == expected.keys()
    for name in expected:
        if tolerances:
            np.testing.assert_allclose(found[name], expected[name], err_msg=name, **tolerances)
        else:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


# the laws ------------------------------------------------------------------------------------------------------------


def gradients_match(case, B, T, seed):
    """Every entry of every gradient is the derivative, and whatever is trainable and used has one."""
    module, inputs = case.make(seed), case.draw(seed, B, T)
    y, pullback = case.run(module, inputs, seed)
    dy = upstream(y, seed)
    gradients = all_gradients(module, pullback, dy)
    arrays = {f"input {i}": x for i, x in enumerate(inputs)}
    parameters = {name: parameter for name, parameter in module.named_parameters() if parameter.trainable}
    wanted = {name for name, x in arrays.items() if x.dtype.kind == "f"} | parameters.keys()
    assert gradients.keys() == wanted
    arrays.update({name: parameter.data for name, parameter in parameters.items()})

    def f(arrays):
        for name, parameter in parameters.items():
            parameter.data = arrays[name]
        return case.run(module, [arrays[f"input {i}"] for i in range(len(inputs))], seed)[0]
    check_gradient(f, arrays, gradients, dy)


def backward_is_linear(case, B, T, seed):
    """backward(2 dy - 3 dz) = 2 backward(dy) - 3 backward(dz), and neither pass writes to what it was given."""
    module, inputs = case.make(seed), case.draw(seed, B, T)
    for parameter in module.parameters():
        parameter.data.flags.writeable = False
    y, pullback = case.run(module, inputs, seed)
    y.flags.writeable = False
    dy, dz = upstream(y, seed), upstream(y, seed + 1)
    of_dy, of_dz, of_both = (all_gradients(module, pullback, d) for d in (dy, dz, 2 * dy - 3 * dz))
    assert_same(of_both, {name: 2 * of_dy[name] - 3 * of_dz[name] for name in of_dy}, rtol=1e-9, atol=1e-11)


def two_calls_live_side_by_side(case, B, T, seed):
    """Backward passes in either order give what each gives alone."""
    module, first, second = case.make(seed), case.draw(seed, B, T), case.draw(seed + 5, B, T + 1)
    alone = [_gradients(case, module, inputs, seed) for inputs in (first, second)]
    for order in ((0, 1), (1, 0)):
        calls = [case.run(module, inputs, seed) for inputs in (first, second)]
        for i in order:
            y, pullback = calls[i]
            assert_same(all_gradients(module, pullback, upstream(y, seed)), alone[i])


def _gradients(case, module, inputs, seed):
    y, pullback = case.run(module, inputs, seed)
    return all_gradients(module, pullback, upstream(y, seed))


def dtype_is_kept(case, B, T, seed, dtype):
    """y and every gradient have the dtype of inputs and parameters."""
    module, inputs = case.make(seed, dtype), case.draw(seed, B, T, dtype)
    y, pullback = case.run(module, inputs, seed)
    dtypes = {name: g.dtype for name, g in all_gradients(module, pullback, upstream(y, seed)).items()}
    assert y.dtype == dtype and set(dtypes.values()) == {np.dtype(dtype)}, (y.dtype, dtypes)


def other_rows_after_changing_row_0(case, B, T, seed):
    """Row 1 and on of y and of the gradients of the inputs: before, and after row 0 of inputs and dy has changed."""
    module, inputs = case.make(seed), case.draw(seed, B, T)
    changed = [x.copy() for x in inputs]
    for x, other in zip(changed, case.draw(seed + 5, B, T)):
        x[0] = other[0]
    rows = []
    for version, dy_seed in ((inputs, seed), (changed, seed + 1)):
        y, pullback = case.run(module, version, seed)
        dy = upstream(y, seed).copy()
        dy[0] = upstream(y, dy_seed)[0]
        rows.append([array[1:] for array in (y, *pullback(dy)) if array is not None])
    return rows


def a_row_alone_is_the_same(case, B, T, seed):
    """Row i of a batch gives what it gives as a batch of one."""
    module, inputs = case.make(seed), case.draw(seed, B, T)
    y, _ = case.run(module, inputs, seed)
    for i in range(B):
        alone, _ = case.run(module, [x[i:i + 1] for x in inputs], seed)
        np.testing.assert_allclose(alone[0], y[i], rtol=1e-11, atol=1e-12)


def freezing_changes_nothing_else(case, B, T, seed):
    """A frozen parameter gets no gradient; every other gradient keeps its bits."""
    module, inputs = case.make(seed), case.draw(seed, B, T)
    expected = _gradients(case, module, inputs, seed)
    for name, parameter in module.named_parameters():
        if parameter.trainable:
            parameter.trainable = False
            found = _gradients(case, module, inputs, seed)
            parameter.trainable = True
            assert_same(found, {other: g for other, g in expected.items() if other != name})


def gradients_add_up(case, B, T, seed):
    """Two backward passes add; after zero_grad the memory is used again and the gradient is as at first."""
    module, inputs = case.make(seed), case.draw(seed, B, T)
    y, pullback = case.run(module, inputs, seed)
    dy, dz = upstream(y, seed), upstream(y, seed + 1)
    alone = [all_gradients(module, pullback, d) for d in (dy, dz)]
    module.zero_grad()
    assert all(parameter.grad is None for parameter in module.parameters())
    pullback(dy), pullback(dz)
    for name, parameter in module.named_parameters():
        if parameter.trainable:
            np.testing.assert_allclose(parameter.grad, alone[0][name] + alone[1][name], rtol=1e-12, atol=1e-12)
    assert_same(all_gradients(module, pullback, dy), alone[0])


def strict_agrees(case, B, T, seed):
    """Forward and backward run on the strict device, and give what NumPy gives, in float32 up to its rounding."""
    results = []
    for name in ("numpy", "strict"):
        with backend.use(name):
            module = case.make(seed, np.float32)
            inputs = [backend.asarray(x) for x in case.draw(seed, B, T, np.float32)]
            y, pullback = case.run(module, inputs, seed)
            of_inputs = pullback(backend.asarray(upstream(backend.to_host(y), seed)))
            arrays = [y, *of_inputs, *(parameter.grad for parameter in module.parameters())]
            arrays = [array for array in arrays if array is not None]
            assert all(backend.current().owns(array) for array in arrays)
            results.append([backend.to_host(array) for array in arrays])
    for found, expected in zip(*results, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
