"""Is a gradient right? Ask the formula itself, one step off the real line.

Before this file: a formula f and a claim about its derivative. After it: the reader knows why a complex step sees a
constant that is wrong in its fourth digit, where finite differences at usual tolerances see nothing: nothing is
subtracted, so nothing cancels, and the step may be as small as floating point allows.

    f(x + ih) = f(x) + ih f'(x) - h^2 f''(x) / 2 - ...      so      f'(x) = Im f(x + ih) / h      with error O(h^2)

The price: f must be analytic where it is asked. `abs`, `conj` and casts to real lose the imaginary part, so every
check also holds the slope along one direction against a difference of plain real values.
"""

import numpy as np

COMPLEX_STEP, STEP = 1e-200, 1e-6


def check_gradient(f, arrays, gradients, dy=1.0, mode="complex step"):
    """Raise AssertionError unless every entry of `gradients` is the derivative of sum(dy f) by that entry of `arrays`.

        complex step:          dL/dx_i = Im L(x + i h e_i) / h                   h = 1e-200, rtol 1e-11, atol 1e-12
        central differences:   dL/dx_i = (L(x + h e_i) - L(x - h e_i)) / 2h      h = 1e-6,   rtol 1e-5

    f          f(*arrays) -> y, or a tuple of which the first is y; where `arrays` is a dict: f(arrays) -> y
    arrays     float64, a sequence or {name: array}; every entry is moved, so they should be small
    gradients  of the same form; None, or a missing name, leaves an array out, such as one of integers
    dy         the upstream gradient, of the shape of y; 1.0 where y is a loss
    Source: Squire & Trapp 1998, SIAM Review 40; Martins, Sturdza & Alonso 2003, ACM TOMS 29.
    """
    if not isinstance(arrays, dict):
        plain, arrays, gradients = f, dict(enumerate(arrays)), dict(enumerate(gradients))
        f = lambda named: plain(*named.values())
    claims = {name: gradient for name, gradient in gradients.items() if gradient is not None}
    assert claims, "a check of no gradient at all proves nothing"
    assert all(arrays[name].dtype == np.float64 for name in claims), "gradients are checked in float64"

    def loss(arrays):
        y = f(arrays)
        return np.sum(dy * (y[0] if isinstance(y, tuple) else y))

    derivative, tolerances = MODES[mode]
    found = {name: derivative(loss, arrays, name) for name in claims}
    if mode == "complex step":
        _check_analytic(loss, arrays, found)
    for name, claim in claims.items():
        assert np.shape(claim) == arrays[name].shape, f"gradient {name}: {np.shape(claim)}, not {arrays[name].shape}"
        np.testing.assert_allclose(claim, found[name], **tolerances, equal_nan=False, err_msg=f"gradient {name}")


def _complex_step(loss, arrays, name):
    """Im L(x + i h e_i) / h for every entry of one array; all arrays are complex, so that f mixes no dtypes."""
    lifted = {key: x.astype(np.complex128) if x.dtype == np.float64 else x for key, x in arrays.items()}
    x, slopes = lifted[name], np.empty(arrays[name].shape)
    for index in np.ndindex(x.shape):
        moved = x.copy()
        moved[index] += 1j * COMPLEX_STEP
        y = loss({**lifted, name: moved})
        assert np.iscomplexobj(y), f"f made complex numbers real: nothing is left of the step in {name}"
        slopes[index] = y.imag / COMPLEX_STEP
    return slopes


def _central_differences(loss, arrays, name):
    """(L(x + h e_i) - L(x - h e_i)) / 2h for every entry of one array."""
    slopes = np.empty(arrays[name].shape)
    for index in np.ndindex(slopes.shape):
        direction = np.zeros(slopes.shape)
        direction[index] = 1
        slopes[index] = _slope(loss, arrays, {name: direction})
    return slopes


def _slope(loss, arrays, directions):
    """(L(x + h d) - L(x - h d)) / 2h."""
    ahead, behind = ({**arrays, **{name: arrays[name] + step * d for name, d in directions.items()}}
                     for step in (STEP, -STEP))
    return (loss(ahead) - loss(behind)) / (2 * STEP)


def _check_analytic(loss, arrays, found):
    """An imaginary part that f lost on the way would make the complex step wrong, and a wrong claim right."""
    rng = np.random.default_rng(0)
    directions = {name: rng.choice([-1.0, 1.0], slopes.shape) for name, slopes in found.items()}
    by_complex_step = sum(np.sum(found[name] * d) for name, d in directions.items())
    by_differences = _slope(loss, arrays, directions)
    assert abs(by_complex_step - by_differences) <= 1e-4 * abs(by_differences) + 1e-7 * (1 + abs(loss(arrays))), (
        f"f is not analytic here, is there an abs, a conj or a cast? Along one direction the complex step finds "
        f"{by_complex_step}, differences of real values find {by_differences}")


MODES = {"complex step": (_complex_step, {"rtol": 1e-11, "atol": 1e-12}),
         "central differences": (_central_differences, {"rtol": 1e-5, "atol": 1e-8})}
