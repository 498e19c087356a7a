"""What every formula and its twin obey, in one check, and the arrays that Hypothesis draws for it.

Before this file: `gradcheck`. After it: a test of a formula is one line for its oracle, one for its gradient, and
then what is true of that formula alone.
"""

import numpy as np
from hypothesis import strategies as st

from tests.gradcheck import check_gradient

seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([0.1, 1.0, 10.0])
sizes = st.integers(1, 4)
leads = st.lists(st.integers(1, 3), max_size=2).map(tuple)              # no, one or two leading axes


def draw(seed, *shapes, scale=1.0):
    """Float64 arrays of normal numbers that cannot be written to: whoever tries raises ValueError."""
    rng = np.random.default_rng(seed)
    arrays = [frozen(scale * rng.standard_normal(shape)) for shape in shapes]
    return arrays if len(arrays) > 1 else arrays[0]


def frozen(x):
    """x as an array that cannot be written to from here on."""
    x = np.asarray(x)
    x.flags.writeable = False
    return x


def assert_close(actual, expected):
    """To 11 digits, in float64 and of one shape: the contract between a formula and its oracle."""
    assert actual.dtype == np.float64 and actual.shape == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-13, equal_nan=False)


def check_twin(formula, backward, *inputs, seed=0):
    """Hold a formula, one result or the first of several, against its twin; neither may write to what it is handed.

        gradient:   backward(dy, *inputs) = d(dy . formula)/d(inputs), entry by entry, by the complex step
        linearity:  backward(2 a - 3 b, ...) = 2 backward(a, ...) - 3 backward(b, ...)
        dtype:      float32, float64 and complex128 come out as they went in, and float32 near float64

    formula   of `inputs` alone, all of them float64 and all with a gradient
    backward  returns one gradient for each input, in order; a tuple where there are several
    """
    a, b = draw([seed, 1], *2 * [_first(formula(*inputs)).shape])
    gradients = _tuple(backward(a, *inputs))
    check_gradient(formula, inputs, gradients, a)
    mixed = frozen(2 * a - 3 * b)
    for both, one, other in zip(*(_tuple(backward(dy, *inputs)) for dy in (mixed, a, b))):
        np.testing.assert_allclose(both, 2 * one - 3 * other, rtol=1e-11, atol=1e-11 * (1 + np.abs(one).max(initial=0)))
    for dtype in (np.float32, np.float64, np.complex128):
        dy, *cast = (frozen(x.astype(dtype)) for x in (a, *inputs))
        results = [*_tuple(formula(*cast)), *_tuple(backward(dy, *cast))]
        assert all(result.dtype in (dtype, dtype(0).real.dtype) for result in results)
        assert {_first(formula(*cast)).dtype, *(g.dtype for g in _tuple(backward(dy, *cast)))} == {np.dtype(dtype)}
        if dtype == np.float32:
            for result, exact in zip(results, [*_tuple(formula(*inputs)), *gradients]):
                np.testing.assert_allclose(result, exact, rtol=1e-4, atol=1e-5 * (1 + np.abs(exact).max(initial=0)))


def _tuple(results):
    return results if isinstance(results, tuple) else (results,)


def _first(results):
    return _tuple(results)[0]
