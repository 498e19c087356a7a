"""The linear layer and the three products of its backward pass."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, leads, scales, seeds, sizes

pytestmark = pytest.mark.filterwarnings("error")


@checks(formulas.linear)
@given(lead=leads, C_in=sizes, C_out=sizes, scale=scales, seed=seeds, biased=st.booleans())
def test_linear_equals_its_sums(lead, C_in, C_out, scale, seed, biased):
    x, W, b = draw(seed, (*lead, C_in), (C_in, C_out), (C_out,), scale=scale)
    b = b if biased else None
    assert_close(formulas.linear(x, W, b), oracles.linear(x, W, b))


@checks(formulas.linear, formulas.linear_backward)
@given(lead=leads, C_in=sizes, C_out=sizes, scale=scales, seed=seeds)
def test_gradients_of_linear(lead, C_in, C_out, scale, seed):
    x, W, b = draw(seed, (*lead, C_in), (C_in, C_out), (C_out,), scale=scale)
    check_twin(formulas.linear, lambda dy, x, W, b: formulas.linear_backward(dy, x, W), x, W, b, seed=seed)


@checks(formulas.linear)
@given(lead=leads, C=sizes, seed=seeds)
def test_linear_without_bias_is_linear_in_x(lead, C, seed):
    x, y, W = draw(seed, (*lead, C), (*lead, C), (C, C + 1))
    together = formulas.linear(2 * x - 3 * y, W)
    np.testing.assert_allclose(together, 2 * formulas.linear(x, W) - 3 * formulas.linear(y, W), rtol=1e-12, atol=1e-12)


@checks(formulas.linear_input_gradient, formulas.linear_weight_gradient, formulas.sum_rows, formulas.linear_backward)
@given(lead=leads, C_in=sizes, C_out=sizes, seed=seeds)
def test_the_parts_of_the_backward_pass_are_those_of_the_whole_also_written_into_a_buffer(lead, C_in, C_out, seed):
    dy, x, W = draw(seed, (*lead, C_out), (*lead, C_in), (C_in, C_out))
    dx, dW, db = formulas.linear_backward(dy, x, W)
    np.testing.assert_array_equal(formulas.linear_input_gradient(dy, W), dx)
    W_buffer, b_buffer = np.full((C_in, C_out), np.nan), np.full(C_out, np.nan)
    for out in (None, W_buffer):
        np.testing.assert_array_equal(formulas.linear_weight_gradient(x, dy, out=out), dW)
    for out in (None, b_buffer):
        np.testing.assert_array_equal(formulas.sum_rows(dy, out=out), db)
    np.testing.assert_array_equal(W_buffer, dW)
    np.testing.assert_array_equal(b_buffer, db)


@checks(formulas.rows)
@given(lead=leads, C=sizes, seed=seeds)
def test_rows_are_a_view_in_reading_order(lead, C, seed):
    x = draw(seed, (*lead, C))
    rows = formulas.rows(x)
    assert rows.base is not None and rows.shape == (x.size // C, C)
    np.testing.assert_array_equal(rows.ravel(), x.ravel())


@checks(formulas.linear, formulas.linear_backward)
def test_no_rows_give_no_rows_and_gradients_of_zero():
    x, W = np.empty((0, 3, 2)), np.ones((2, 4))
    assert formulas.linear(x, W, np.ones(4)).shape == (0, 3, 4)
    dx, dW, db = formulas.linear_backward(np.empty((0, 3, 4)), x, W)
    assert dx.shape == (0, 3, 2) and not dW.any() and not db.any()
    assert dW.shape == (2, 4) and db.shape == (4,)
