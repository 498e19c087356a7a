"""The checker, checked: it must pass what is right, and must not pass what is nearly right."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gradcheck import MODES, check_gradient

X = np.array([[0.3, -1.2, 2.5], [-0.7, 0.1, 1.9]])
DY = np.array([[1.0, -2.0, 0.5], [0.3, 4.0, -1.1]])
both_modes = pytest.mark.parametrize("mode", sorted(MODES))


def cube_sine(x):
    return np.sin(x * x * x)


def cube_sine_gradient(dy, x):
    return dy * np.cos(x * x * x) * 3 * x * x


def refused(*args, **options):
    with pytest.raises(AssertionError):
        check_gradient(*args, **options)


@both_modes
@given(n=st.integers(1, 6), seed=st.integers(0, 2**32))
def test_the_right_gradient_passes(mode, n, seed):
    x, dy = np.random.default_rng(seed).standard_normal((2, n))
    check_gradient(cube_sine, [x], [cube_sine_gradient(dy, x)], dy, mode=mode)


@both_modes
def test_an_error_of_a_tenth_of_a_percent_fails(mode):
    refused(cube_sine, [X], [1.001 * cube_sine_gradient(DY, X)], DY, mode=mode)


@both_modes
@pytest.mark.parametrize("index", list(np.ndindex(X.shape)))
def test_an_error_in_a_single_entry_fails_wherever_it_is(mode, index):
    gradient = cube_sine_gradient(DY, X)
    gradient[index] += 0.001
    refused(cube_sine, [X], [gradient], DY, mode=mode)


def test_a_constant_that_is_wrong_in_its_fourth_digit_fails():
    def gelu_tanh(x, a):
        return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + a * x * x * x))) / 2

    def gradient(dy, x, a):
        t = np.tanh(math.sqrt(2 / math.pi) * (x + a * x * x * x))
        return dy * (1 + t + x * (1 - t * t) * math.sqrt(2 / math.pi) * (1 + 3 * a * x * x)) / 2

    check_gradient(lambda x: gelu_tanh(x, 0.044715), [X], [gradient(DY, X, 0.044715)], DY)
    refused(lambda x: gelu_tanh(x, 0.044715), [X], [gradient(DY, X, 0.04472)], DY)


def test_the_complex_step_sees_an_error_in_the_eleventh_digit():
    refused(cube_sine, [X], [cube_sine_gradient(DY, X) * (1 + 1e-10)], DY)


def test_each_of_several_inputs_is_checked():
    def product(x, w):
        return x @ w
    w = DY.T.copy()
    dy = np.array([[1.0, -2.0], [0.5, 3.0]])
    check_gradient(product, [X, w], [dy @ w.T, X.T @ dy], dy)
    refused(product, [X, w], [dy @ w.T, X.T @ dy * 1.001], dy)
    refused(product, [X, w], [dy @ w.T * 1.001, X.T @ dy], dy)
    refused(product, [X, w], [None, X.T @ dy * 1.001], dy)


@both_modes
def test_a_loss_of_named_arrays_is_checked_name_by_name(mode):
    def loss(arrays):
        return np.sum(arrays["x"] * arrays["x"] * arrays["w"])
    arrays = {"x": X, "w": DY}
    check_gradient(loss, arrays, {"x": 2 * X * DY, "w": X * X}, mode=mode)
    check_gradient(loss, arrays, {"w": X * X}, mode=mode)
    refused(loss, arrays, {"x": 2 * X * DY, "w": 1.001 * X * X}, mode=mode)


def test_only_the_first_of_several_results_counts_and_integers_stay_as_they_are():
    ids = np.array([2, 0])
    gradient = np.zeros(3)
    gradient[ids] = [1.0, 5.0]
    check_gradient(lambda table, ids: (table[ids], np.conj(table)), [X[0], ids], [gradient, None], np.array([1.0, 5.0]))


@pytest.mark.parametrize("f, claim", [
    (np.abs, np.sign(X)), (np.abs, np.zeros_like(X)),                                      # real all the way
    (lambda x: x * np.abs(x), 2 * np.abs(X)), (lambda x: x * np.abs(x), np.abs(X)),        # lost in one factor
    (lambda x: x.real * x, 2 * X), (lambda x: x.real * x, X), (lambda x: np.conj(x) * x, 0 * X),
], ids=["abs", "abs as a constant", "x abs", "x abs, half", "real", "real, half", "conj"])
def test_a_function_that_drops_the_imaginary_part_is_detected_whatever_is_claimed(f, claim):
    refused(f, [X], [claim])


def test_central_differences_take_what_is_not_analytic():
    check_gradient(np.abs, [X], [np.sign(X)], mode="central differences")
    refused(np.abs, [X], [1.001 * np.sign(X)], mode="central differences")


@both_modes
def test_nan_is_never_right(mode):
    refused(lambda x: x * np.nan, [X], [np.full_like(X, np.nan)], mode=mode)
    refused(cube_sine, [X], [np.full_like(X, np.nan)], mode=mode)


def test_a_gradient_of_another_shape_or_none_at_all_is_no_gradient():
    refused(lambda x: x, [X], [np.ones(3)])
    refused(lambda x: x, [X], [None])
    refused(lambda x: x, [X.astype(np.float32)], [np.ones_like(X)])
