"""Floats of 16 and 8 bits, all of them: every pattern of bits against the definition, read aloud."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.formulas.number_formats import ENCODERS, FORMATS
from scratchgpt.pieces import SHARED
from tests.checks import checks
from tests.strict_device import StrictArray, StrictBackend, allow_sync

# name: (bits of the exponent, bits of the mantissa, whether the highest exponent is kept for infinity and NaN)
LAYOUTS = {"bfloat16": (8, 7, True), "float16": (5, 10, True), "float8_e5m2": (5, 2, True),
           "float8_e4m3fn": (4, 3, False)}
formats = pytest.mark.parametrize("name", LAYOUTS)


def value(pattern, name):
    """The number that a pattern of bits names, by the definition; Python's floats are exact for all of them."""
    E, M, ieee = LAYOUTS[name]
    sign = -1.0 if pattern >> (E + M) else 1.0
    e, m = (pattern >> M) & (2 ** E - 1), pattern & (2 ** M - 1)
    bias = 2 ** (E - 1) - 1
    if e == 2 ** E - 1 and (ieee or m == 2 ** M - 1):
        return sign * math.inf if m == 0 and ieee else math.nan
    return sign * (2.0 ** (1 - bias) * (m / 2 ** M) if e == 0 else 2.0 ** (e - bias) * (1 + m / 2 ** M))


def patterns(name):
    """Every pattern of bits, in the dtype in which they are kept."""
    stored = FORMATS[name][0]
    return np.arange(2 ** (8 * stored.itemsize)).astype(f"u{stored.itemsize}").view(stored)


@checks(formulas.bfloat16_to_float32, formulas.float8_e4m3fn_to_float32, formulas.float8_e5m2_to_float32)
@formats
def test_every_pattern_of_bits_is_the_number_that_the_definition_says(name):
    bits = patterns(name)
    found = FORMATS[name][1](bits)
    expected = np.array([value(pattern, name) for pattern in range(bits.size)])
    numbers = ~np.isnan(expected)
    assert found.dtype == np.float32 and np.array_equal(np.isnan(found), ~numbers)
    np.testing.assert_array_equal(found[numbers].astype(np.float64), expected[numbers])
    np.testing.assert_array_equal(np.signbit(found)[expected == 0], np.signbit(expected)[expected == 0])


def nearest(x, name):
    """The nearest of all numbers of a format, the one with an even pattern of two, by looking at all of them."""
    candidates = [(pattern, value(pattern, name)) for pattern in range(patterns(name).size)]
    finite = [(pattern, v) for pattern, v in candidates if math.isfinite(v)]
    return min(finite, key=lambda pair: (abs(pair[1] - x), pair[0] % 2))[1]


@checks(formulas.float32_to_bfloat16)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False).filter(lambda x: abs(x) < 3e38))
@example(1 + 2.0 ** -8)                                                           # half way, down to even
@example(1 + 3 * 2.0 ** -8)                                                       # half way, up to even
@example(2.0 ** -134)                                                             # half of the smallest
@example(3 * 2.0 ** -134)
def test_rounding_goes_to_the_nearest_and_of_two_to_the_even_one(x):
    found = formulas.bfloat16_to_float32(formulas.float32_to_bfloat16(np.float32([x])))[0]
    assert found == nearest(x, "bfloat16")


@checks(formulas.float32_to_bfloat16)
def test_every_bfloat16_comes_back_and_so_does_what_lies_around_the_middle_of_two():
    bits = patterns("bfloat16")
    x = formulas.bfloat16_to_float32(bits)
    again = formulas.float32_to_bfloat16(x)
    np.testing.assert_array_equal(again[~np.isnan(x)], bits[~np.isnan(x)])
    low = bits[bits & 0x7fff < 0x7f80]                                            # finite; the next one may be infinite
    for tail, up in ((0x7fff, 0), (0x8001, 1), (0x8000, low & 1)):
        between = ((low.astype(np.uint32) << 16) + tail).view(np.float32)
        np.testing.assert_array_equal(formulas.float32_to_bfloat16(between), low + up)


@checks(formulas.float32_to_bfloat16)
def test_infinities_and_nan_stay_what_they_are():
    kept = formulas.float32_to_bfloat16(np.float32([np.inf, -np.inf, 3.4e38]))
    assert formulas.bfloat16_to_float32(kept).tolist() == [math.inf, -math.inf, math.inf]
    nans = np.array([0x7f800001, 0x7fffffff, 0xff800001, 0xffffffff, 0x7fc00000], np.uint32).view(np.float32)
    assert np.isnan(formulas.bfloat16_to_float32(formulas.float32_to_bfloat16(nans))).all()


@checks(formulas.bfloat16_to_float32, formulas.float32_to_bfloat16, formulas.Packed)
@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("shape", [(), (0,), (3, 4), (2, 3, 4), (SHARED // 100, 301)])
@pytest.mark.parametrize("turn", [False, True], ids=["rows", "columns"])
def test_results_lie_in_memory_as_what_they_are_made_of(name, shape, turn):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x = x.T if turn else x
    packed = formulas.Packed.encode(x, name)
    found = packed.decode()
    for array in (packed.bits, found):
        assert array.strides == tuple(n // x.itemsize * array.itemsize for n in x.strides) and array.shape == x.shape
    np.testing.assert_allclose(found, x, rtol=2.0 ** -8, atol=1e-7)
    assert formulas.Packed.encode(found, name).bits.tobytes() == packed.bits.tobytes()


@checks(formulas.Packed)
def test_a_packed_array_answers_as_an_array_of_its_numbers_would():
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    packed = formulas.Packed.encode(x, "bfloat16")
    assert (packed.shape, packed.ndim, packed.size, packed.nbytes, packed.dtype) == ((3, 4), 2, 12, 24, "bfloat16")
    np.testing.assert_array_equal(packed.T.decode(), packed.decode().T)
    assert np.shares_memory(packed.T.bits, packed.bits) and packed.moved().bits is packed.bits
    np.testing.assert_array_equal(np.asarray(packed), packed.decode())
    assert np.asarray(packed, np.float64).dtype == np.float64 and repr(packed) == "Packed(3, 4) bfloat16"


@checks(formulas.Packed, formulas.bfloat16_to_float32, formulas.float32_to_bfloat16, formulas.float8_e4m3fn_to_float32,
        formulas.float8_e5m2_to_float32)
@formats
def test_on_a_device_the_same_bits_are_read_and_written(name):
    like, bits = StrictArray(np.zeros(1)), patterns(name)
    packed = formulas.Packed(bits, name).moved(like)
    with allow_sync():
        np.testing.assert_array_equal(StrictBackend().to_host(packed.decode()), FORMATS[name][1](bits))
        if name in ENCODERS:
            again = formulas.Packed.encode(packed.decode(), name)
            expected = formulas.Packed.encode(FORMATS[name][1](bits), name)
            assert StrictBackend().to_host(again.bits).tobytes() == expected.bits.tobytes()
