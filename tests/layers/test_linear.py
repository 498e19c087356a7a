"""Linear: its start, its sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.errors import ConfigError
from scratchgpt.layers import Linear
from tests.checks import checks


@checks(Linear)
@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(0, 99))
def test_a_linear_layer_is_its_formula_with_its_own_weights(C_in, C_out, bias, seed):
    rng = np.random.default_rng(seed)
    layer = Linear(C_in, C_out, rng=rng, bias=bias)
    assert layer.weight.shape == (C_in, C_out) and (layer.bias is not None) == bias
    x = rng.normal(size=(2, 3, C_in)).astype(np.float32)
    expected = formulas.linear(x, layer.weight.data, layer.bias.data if bias else None)
    np.testing.assert_array_equal(layer(x)[0], expected)


@checks(Linear)
def test_weights_start_with_the_std_asked_for_and_biases_at_zero():
    layer = Linear(300, 200, rng=np.random.default_rng(0), std=0.5)
    assert layer.weight.data.std() == pytest.approx(0.5, rel=0.02) and not layer.bias.data.any()
    assert layer.weight.data.dtype == layer.bias.data.dtype == np.float32


@checks(Linear)
@pytest.mark.parametrize("sizes", [(0, 1), (1, 0), (-1, 2)])
def test_a_side_without_channels_is_refused(sizes):
    with pytest.raises(ConfigError, match="at least one channel on each side"):
        Linear(*sizes, rng=np.random.default_rng(0))


@checks(Linear)
def test_an_input_of_other_channels_is_refused():
    with pytest.raises(ConfigError, match=r"C_in=3; got x \(2, 4\)"):
        Linear(3, 2, rng=np.random.default_rng(0))(np.zeros((2, 4), np.float32))


@checks(Linear)
@pytest.mark.parametrize("rng", [None, 0, np.random])
def test_weights_are_drawn_from_a_generator_or_not_at_all(rng):
    with pytest.raises(ConfigError, match="default_rng"):
        Linear(3, 2, rng=rng)
