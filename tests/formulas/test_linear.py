"""The linear layer, the three products of its backward pass, and its product by blocks where there are few rows."""

import importlib
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt import formulas
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, leads, scales, seeds, sizes
from tests.test_pieces import threads

pytestmark = pytest.mark.filterwarnings("error")
linear_file = importlib.import_module("scratchgpt.formulas.linear")        # its name is that of its first formula

LAYOUTS = {"row by row": lambda W: W, "column by column": lambda W: np.ascontiguousarray(W.T).T}
each_layout = pytest.mark.parametrize("layout", LAYOUTS)


@contextmanager
def limits(**values):
    """Other limits, such as LARGE=0: then small products are done by blocks. Yields the ways that were taken."""
    ways = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"BLOCKS": True, **values}.items():
            patch.setattr(linear_file, name, value)
        for way in (linear_file._by_columns, linear_file._by_rows):
            patch.setattr(linear_file, way.__name__, lambda x, W, way=way: ways.append(way.__name__) or way(x, W))
        yield ways


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


# few rows: by blocks --------------------------------------------------------------------------------------------------

@checks(formulas.linear)
@each_layout
@given(M=st.integers(2, 8), K=st.integers(1, 40), N=st.integers(1, 40), block=st.integers(64, 3000),
       share=st.integers(1, 500), n_threads=st.integers(1, 3), seed=seeds)
@example(M=2, K=16, N=4, block=64, share=32, n_threads=2, seed=0)               # nothing left over
@example(M=2, K=7, N=1, block=3000, share=500, n_threads=2, seed=0)             # all left over
def test_few_rows_by_blocks_equal_the_textbook_line(layout, M, K, N, block, share, n_threads, seed):
    x, W, b = draw(seed, (M, K), (K, N), (N,))
    block = max(block, M * linear_file.HEIGHT * N)                              # wider ones are not done by rows
    with threads(n_threads), limits(LARGE=0, BLOCK=block, SHARE=share) as ways:
        y = formulas.linear(x, LAYOUTS[layout](W), b)
    assert ways == (["_by_columns"] if min(K, N) == 1 or layout == "column by column" else ["_by_rows"])
    assert y.flags.c_contiguous
    np.testing.assert_allclose(y, x @ W + b, rtol=1e-12, atol=1e-12)


@checks(formulas.linear)
@each_layout
@pytest.mark.parametrize("K, N", [(768, 768), (768, 2304), (3072, 768), (773, 1021)])
@pytest.mark.parametrize("M", [2, 5, 8])
def test_few_rows_of_large_products_equal_the_textbook_line_bit_by_bit_on_one_thread_or_many(layout, K, N, M):
    x, W, b = (a.astype(np.float32) for a in draw(0, (M, 1, K), (K, N), (N,)))
    with limits() as ways:
        results = []
        for n_threads in (1, 2, 5):
            with threads(n_threads):
                results.append(formulas.linear(x, LAYOUTS[layout](W), b))
    assert set(ways) == {"_by_rows" if layout == "row by row" else "_by_columns"} and len(ways) == 3
    assert len({y.tobytes() for y in results}) == 1
    assert results[0].dtype == np.float32 and results[0].shape == (M, 1, N)
    np.testing.assert_allclose(results[0], x.astype(np.float64) @ W + b, rtol=1e-4, atol=1e-4)


@checks(formulas.linear)
@each_layout
@pytest.mark.parametrize("M, dtypes", [(1, "ff"), (17, "ff"), (0, "ff"), (4, "FF"), (4, "Df"), (4, "df"), (4, "fd")])
def test_one_row_many_rows_and_other_numbers_are_left_to_the_textbook_line(layout, M, dtypes):
    x, W = (a.astype(dtype) for a, dtype in zip(draw(0, (M, 24), (24, 16)), dtypes))
    W = LAYOUTS[layout](W)
    with limits(LARGE=0) as ways:
        y = formulas.linear(x, W)
    assert ways == [] and y.dtype == (x @ W).dtype
    np.testing.assert_array_equal(y, x @ W)


@checks(formulas.linear)
def test_small_weights_and_those_with_gaps_are_left_to_the_textbook_line():
    x, W = draw(0, (4, 24), (24, 16))
    with limits() as ways:
        formulas.linear(x, W)
    assert ways == []
    with limits(LARGE=0) as ways:
        formulas.linear(x[:, :12], W[::2])
        formulas.linear(x, W[:, ::2])
        formulas.linear(x, W[:, ::-1])
    assert ways == []
    with limits(LARGE=0, BLOCK=4 * linear_file.HEIGHT * 16 - 1) as ways:        # too wide for blocks of rows
        formulas.linear(x, W)
        formulas.linear(x, LAYOUTS["column by column"](W))
    assert ways == ["_by_columns"]


@checks(formulas.linear)
@pytest.mark.parametrize("name, baseline, found, expected", [
    ("scipy-openblas", ["X86_V2"], ["X86_V3", "X86_V4"], True), ("openblas", ["SSE"], ["AVX2", "AVX512_SKX"], True),
    ("scipy-openblas", ["X86_V4"], None, True), ("scipy-openblas", ["X86_V2"], ["X86_V3"], False),
    ("mkl-sdl", ["X86_V2"], ["X86_V4"], False), ("accelerate", ["NEON"], None, False), (None, None, None, False)])
def test_blocks_are_for_a_blas_that_is_known_to_take_them_as_they_lie(monkeypatch, name, baseline, found, expected):
    processor = {key: names for key, names in (("baseline", baseline), ("found", found)) if names is not None}
    config = {"Build Dependencies": {"blas": {} if name is None else {"name": name}}, "SIMD Extensions": processor}
    monkeypatch.setattr(np, "show_config", lambda mode: config)
    assert linear_file._blas_takes_blocks() is expected
    with limits(LARGE=0, BLOCKS=expected) as ways:
        formulas.linear(*draw(0, (4, 24), (24, 16)))
    assert len(ways) == expected


@checks(formulas.linear, formulas.linear_backward)
@each_layout
def test_gradients_of_few_rows(layout):
    x, W, b = draw(0, (3, 24), (24, 16), (16,))
    with limits(LARGE=0) as ways:
        check_twin(formulas.linear, lambda dy, x, W, b: formulas.linear_backward(dy, x, W), x, LAYOUTS[layout](W), b,
                   seed=0)
        assert set(ways) <= {"_by_rows", "_by_columns"}
