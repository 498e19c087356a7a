"""Sinusoidal positions: the paper's table, and why it was chosen."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.errors import ConfigError
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, sizes

pytestmark = pytest.mark.filterwarnings("error")
LIKE = np.empty(0)


@checks(formulas.sinusoidal_positions)
@given(T=st.integers(0, 9), half=sizes, offset=st.integers(0, 500))
def test_positions_equal_the_papers_table(T, half, offset):
    table = formulas.sinusoidal_positions(np.arange(offset, offset + T), 2 * half, LIKE)
    assert_close(table, oracles.sinusoidal_positions(T, 2 * half, offset))


@checks(formulas.sinusoidal_positions)
@given(half=sizes, distance=st.integers(0, 50))
def test_a_step_along_the_text_is_the_same_rotation_everywhere(half, distance):
    table = formulas.sinusoidal_positions(np.arange(100), 2 * half, LIKE)
    waves = table[:, 1::2] + 1j * table[:, 0::2]                          # cos + i sin, a number on the unit circle
    turns = waves[distance:] / waves[:100 - distance]
    np.testing.assert_allclose(turns, np.broadcast_to(turns[0], turns.shape), rtol=1e-12)


@checks(formulas.sinusoidal_positions)
@given(half=sizes)
def test_the_product_of_two_positions_depends_only_on_their_distance(half):
    table = formulas.sinusoidal_positions(np.arange(30), 2 * half, LIKE)
    products = table @ table.T
    for distance in range(30):
        diagonal = np.diagonal(products, distance)
        np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-12, atol=1e-12)


@checks(formulas.sinusoidal_positions)
@given(half=sizes, places=st.lists(st.integers(0, 20), min_size=6, max_size=6))
def test_positions_in_any_order_and_shape_are_rows_of_the_same_table(half, places):
    whole = formulas.sinusoidal_positions(np.arange(21), 2 * half, LIKE)
    table = formulas.sinusoidal_positions(np.reshape(places, (2, 3)), 2 * half, LIKE)
    np.testing.assert_array_equal(table, whole[places].reshape(2, 3, 2 * half))


@checks(formulas.token_positions)
@given(st.lists(st.lists(st.integers(0, 1), min_size=7, max_size=7), min_size=1, max_size=4))
def test_a_tokens_position_is_the_number_of_tokens_before_it_and_a_pads_is_one_that_there_is(rows):
    positions = formulas.token_positions(np.array(rows))
    for row, found in zip(rows, positions.tolist(), strict=True):
        for t, is_token in enumerate(row):
            assert found[t] == sum(row[:t]) if is_token else 0 <= found[t] <= max(0, sum(row) - 1)


@checks(formulas.sinusoidal_positions)
def test_waves_run_from_2_pi_to_nearly_20000_pi():
    table = formulas.sinusoidal_positions(np.arange(8), 512, LIKE)
    np.testing.assert_allclose(table[:, 0], np.sin(np.arange(8)), rtol=1e-12)
    np.testing.assert_allclose(table[1, -2], math.sin(10000 ** (-510 / 512)), rtol=1e-12)


@checks(formulas.sinusoidal_positions)
@pytest.mark.parametrize("dtype, real", [(np.float32, np.float32), (np.float64, np.float64),
                                         (np.complex128, np.float64)])
def test_the_table_has_the_real_dtype_of_what_it_is_added_to(dtype, real):
    table = formulas.sinusoidal_positions(100_000 + np.arange(3), 4, np.empty(0, dtype))
    assert table.dtype == real
    np.testing.assert_allclose(table, oracles.sinusoidal_positions(3, 4, 100_000), atol=1e-7)


@checks(formulas.sinusoidal_positions)
@pytest.mark.parametrize("C", [1, 3, 511])
def test_an_odd_number_of_channels_is_refused_by_name(C):
    with pytest.raises(ConfigError, match=f"C must be even; got C={C}"):
        formulas.sinusoidal_positions(np.arange(4), C, LIKE)
