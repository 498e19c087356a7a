"""Weights in fewer bits: decoded once or at every use, row by row, never written to in vain."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import backend
from scratchgpt.errors import ConfigError
from scratchgpt.formulas import Packed, linear_weight_gradient
from scratchgpt.formulas.number_formats import ENCODERS, FORMATS
from scratchgpt.layers import Embedding, Linear
from scratchgpt.module import Parameter
from scratchgpt.optim import AdamW
from tests.checks import checks
from tests.layers.cases import gpt2
from tests.strict_device import StrictBackend

backend.register("strict", StrictBackend)
halves = pytest.mark.parametrize("dtype", ENCODERS)


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def forbid_decoding(monkeypatch):
    monkeypatch.setattr(Packed, "decode", lambda self: pytest.fail("decoded"))


@checks(Parameter)
@halves
def test_a_parameter_made_of_packed_numbers_decodes_them_at_the_first_use_for_good(dtype):
    packed = Packed.encode(numbers(4, 3), dtype)
    parameter = Parameter(packed)
    assert parameter.held.bits is packed.bits and parameter.trainable
    np.testing.assert_array_equal(parameter.data, packed.decode())
    assert parameter.data is parameter.held and parameter.data.flags.writeable


@checks(Parameter)
@halves
def test_a_parameter_that_stays_packed_decodes_at_every_use_and_refuses_writes_that_would_be_lost(dtype):
    parameter, x = Parameter(numbers(4, 3)), numbers(4, 3)
    parameter.add_grad(x)
    parameter.pack(dtype)
    assert not parameter.trainable and parameter.grad is None and parameter.held.nbytes == x.nbytes // 2
    assert parameter.data is not parameter.data
    np.testing.assert_array_equal(parameter.data, Packed.encode(x, dtype).decode())
    with pytest.raises(ValueError, match="read-only"):
        parameter.data[...] = 0
    with pytest.raises(ValueError, match="read-only"):
        parameter.data += 1
    assert repr(parameter) == f"Parameter(4, 3) {dtype} frozen"


@checks(Parameter)
def test_questions_about_a_packed_parameter_decode_nothing(monkeypatch):
    forbid_decoding(monkeypatch)
    parameter = Parameter(Packed.encode(numbers(4, 3), "bfloat16"))
    assert (parameter.shape, parameter.ndim, parameter.size, parameter.held.dtype) == ((4, 3), 2, 12, "bfloat16")
    assert parameter.like is parameter.held.bits and repr(parameter) == "Parameter(4, 3)"
    parameter.pack("bfloat16")
    parameter.take(Packed.encode(numbers(4, 3), "bfloat16"))


@checks(Parameter, Embedding)
@halves
@given(ids=st.lists(st.integers(0, 6), max_size=9))
def test_a_table_decodes_the_rows_that_are_read_and_no_others(dtype, ids):
    table, decoded = numbers(7, 3), []

    class Watched(Packed):
        def decode(self):
            decoded.append(self.shape)
            return super().decode()
    layer = Embedding(7, 3, rng=np.random.default_rng(0))
    layer.weight = Parameter(Packed.encode(table, dtype))
    ids = np.array([ids], int)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scratchgpt.parameter.Packed", Watched)
        layer.weight.held = Watched(layer.weight.held.bits, dtype)
        y, _ = layer(ids)
    assert decoded == [(*ids.shape, 3)]
    np.testing.assert_array_equal(y, Packed.encode(table, dtype).decode()[ids])
    plain = Parameter(table)
    np.testing.assert_array_equal(plain.rows(ids), table[ids])


@checks(Parameter)
@halves
def test_what_a_packed_parameter_is_set_to_is_packed_and_astype_leads_back(dtype):
    parameter, x = Parameter(numbers(3)), numbers(3, seed=1)
    parameter.pack(dtype)
    parameter.data = x
    assert isinstance(parameter.held, Packed)
    np.testing.assert_array_equal(parameter.data, Packed.encode(x, dtype).decode())
    parameter.astype(np.float64)
    assert parameter.data.dtype == np.float64 and parameter.data.flags.writeable and parameter.packed_as is None


@checks(Parameter)
def test_what_is_in_the_format_already_is_not_copied_and_other_formats_are_converted():
    x = numbers(4, 3)
    for dtype in ENCODERS:
        packed = Packed.encode(x, dtype)
        parameter = Parameter(packed)
        parameter.pack(dtype)
        assert parameter.held.bits is packed.bits
    halves = Parameter(x.astype(np.float16))
    bits = halves.data
    halves.pack("float16")
    assert halves.held.bits is bits
    halves.pack("bfloat16")
    assert halves.held.dtype == "bfloat16"
    np.testing.assert_array_equal(halves.data, Packed.encode(x.astype(np.float16), "bfloat16").decode())


@checks(Parameter)
@pytest.mark.parametrize("dtype", ["float8_e5m2", "float32", "int8", None, ["bfloat16"], np.dtype("float16")])
def test_another_dtype_to_stay_in_is_refused(dtype):
    with pytest.raises(ConfigError, match="packed as bfloat16 or float16; got"):
        Parameter(numbers(2)).pack(dtype)


@checks(Parameter)
@pytest.mark.parametrize("dtype", [*FORMATS, "float32", "float64"])
@pytest.mark.parametrize("mine", ["float32", "float64", "bfloat16", "float16", "lazy"])
def test_taking_over_keeps_the_precision_that_was_there(dtype, mine):
    x = numbers(4, 3)
    tensor = (Packed.encode(x, dtype) if dtype in ENCODERS else
              Packed(np.arange(12, dtype=np.uint8).reshape(4, 3), dtype) if dtype in FORMATS else x.astype(dtype))
    parameter = Parameter(np.zeros((4, 3), np.float32))
    if mine in ENCODERS:
        parameter.pack(mine)
    elif mine == "lazy":
        parameter = Parameter(Packed.encode(x, "bfloat16"))
    else:
        parameter.astype(mine)
    parameter.add_grad(x)
    parameter.take(tensor)
    expected = np.asarray(tensor)
    expected = Packed.encode(expected, mine).decode() if mine in ENCODERS else expected
    assert parameter.grad is None and parameter.packed_as == (mine if mine in ENCODERS else None)
    np.testing.assert_array_equal(parameter.data, expected.astype(np.float64 if mine == "float64" else np.float32))


@checks(Parameter)
def test_an_array_of_float16_waits_in_its_16_bits_for_the_first_use():
    half = numbers(4, 3).astype(np.float16)
    parameter = Parameter(np.zeros((4, 3), np.float32))
    parameter.take(half)
    assert parameter.held.bits is half
    assert parameter.data.dtype == np.float32


@checks(Parameter)
def test_gradients_lie_in_memory_as_the_weights_do_and_have_the_same_bits_in_either_layout():
    x, dy = numbers(10, 5), numbers(10, 7, seed=1)
    rows, columns = Parameter(np.zeros((5, 7), np.float32)), Parameter(np.zeros((7, 5), np.float32).T)
    for _ in range(2):
        for parameter in (rows, columns):
            parameter.add_grad_of(linear_weight_gradient, x, dy)
            assert parameter.grad.strides == parameter.data.strides
            assert all(average.strides == parameter.data.strides for average in AdamW([parameter]).state[0].values())
    np.testing.assert_allclose(rows.grad, columns.grad, rtol=1e-6)
    np.testing.assert_allclose(rows.grad, 2 * x.T @ dy, rtol=1e-5, atol=1e-5)
    columns.zero_grad()
    assert columns.open_grad().strides == columns.data.strides


@checks(Parameter)
@halves
def test_a_packed_model_computes_as_one_whose_weights_were_rounded(dtype):
    packed, rounded = gpt2(np.random.default_rng(0)), gpt2(np.random.default_rng(0))
    packed.pack(dtype)
    for parameter in rounded.parameters():
        parameter.data = Packed.encode(parameter.data, dtype).decode()
    ids = np.array([[1, 2, 3]])
    np.testing.assert_array_equal(packed.logits(ids), rounded.logits(ids))
    loss, back = packed.loss(ids, ids)
    back()
    assert all(parameter.grad is None for parameter in packed.parameters())
    state = packed.state_dict()
    assert all(isinstance(tensor, Packed) for tensor in state.values())
    other = copy.deepcopy(packed)
    for parameter in other.parameters():
        parameter.data = np.zeros(parameter.shape, np.float32)
    other.load_state_dict({name: np.asarray(tensor) for name, tensor in state.items()})      # as a run's state has them
    np.testing.assert_array_equal(other.logits(ids), packed.logits(ids))
    with pytest.raises(ConfigError, match="at least one trainable parameter"):
        AdamW(packed.parameters())


@checks(Parameter)
def test_beside_a_packed_weight_others_learn():
    layer = Linear(3, 4, rng=np.random.default_rng(0))
    layer.weight.pack("bfloat16")
    y, back = layer(numbers(2, 3))
    assert back(np.ones_like(y)).shape == (2, 3) and layer.weight.grad is None
    np.testing.assert_array_equal(layer.bias.grad, [2, 2, 2, 2])


@checks(Parameter)
@halves
def test_on_a_device_the_bits_live_there_and_are_decoded_there(dtype):
    x, ids = numbers(7, 3), np.array([[0, 6, 6]])
    packed = Packed.encode(x, dtype)
    with backend.use("strict"):
        parameter = Parameter(x)
        parameter.pack(dtype)
        lazy = Parameter(packed)
    for one in (parameter, lazy):
        assert not isinstance(one.like, np.ndarray) and not isinstance(one.data, np.ndarray)
        np.testing.assert_array_equal(backend.to_host(one.data), packed.decode())
        rows = one.rows(backend.asarray(ids, like=one.like))
        np.testing.assert_array_equal(backend.to_host(rows), packed.decode()[ids])
        one.take(packed)
        np.testing.assert_array_equal(np.asarray(backend.to_host(one.data)), packed.decode())
