"""Real numbers in 16 and 8 bits: what half and quarter precision mean, bit by bit, and arrays that are kept in them.

Before this file: `pieces`. After it: the reader can write any float by hand. A pattern of bits is a sign s, an exponent
e and a mantissa m of M bits, and names the number

    x = (-1)^s 2^(e - bias) (1 + m / 2^M)        for e > 0
    x = (-1)^s 2^(1 - bias) (m / 2^M)            for e = 0: evenly spaced down to zero

                   s  e  M   bias   largest   the highest e is kept for
    float32        1  8  23  127    3.4e38    infinity (m = 0) and NaN
    bfloat16       1  8  7   127    3.4e38    infinity (m = 0) and NaN
    float16        1  5  10  15     65504     infinity (m = 0) and NaN
    float8_e5m2    1  5  2   15     57344     infinity (m = 0) and NaN
    float8_e4m3fn  1  4  3   7      448       numbers, but for the highest m, which is NaN; there is no infinity

Formats with the same exponent are prefixes of each other: decoding is a shift. None of these functions has a gradient:
they are how weights are kept, not what is learned. Results lie in memory as their argument does, row by row or column
by column.
"""

import math

import numpy as np

from .. import backend
from ..pieces import for_pieces


def bfloat16_to_float32(bits):
    """Read bfloat16, the upper half of a float32.

        x = float32 with the bits b 2^16

    bits (...) uint16    returns (...) float32, exact
    Source: Kalamkar et al. 2019, arXiv:1905.12322, section 3.
    """
    return _each(_read_bfloat16, bits, np.float32)


def float32_to_bfloat16(x):
    """Round to the nearest bfloat16; of two that are equally near, to the one whose last bit is 0.

        b = floor((u + 2^15 - 1 + [bit 16 of u is 1]) / 2^16)        u = the bits of x as an integer

    Adding just under half of the last bit kept carries into it where what follows is more than half; where it is half,
    the odd ones carry. A carry out of the mantissa raises the exponent, which is right, up to infinity.
    x (...) float32    returns (...) uint16; NaN stays NaN, quiet and with its sign; PyTorch gives them all one pattern
    Source: Kalamkar et al. 2019, arXiv:1905.12322, section 3; IEEE 754-2019, section 4.3.1, for the rounding.
    """
    return _each(_round_to_bfloat16, x, np.uint16)


def float8_e5m2_to_float32(bits):
    """Read the 8-bit float with infinities, the upper half of a float16.

        x = float16 with the bits b 2^8

    bits (...) uint8    returns (...) float32, exact
    Source: Micikevicius et al. 2022, arXiv:2209.05433, table 1.
    """
    return _each(_read_e5m2, bits, np.float32)


def float8_e4m3fn_to_float32(bits):
    """Read the 8-bit float without infinities.

        x = 2^8 float16(s, e, m)        since 2^(e - 7) = 2^8 2^(e - 15);  |b| = 0x7f is NaN

    Exponent and mantissa move to their places in a float16, whose bias is larger by 8.
    bits (...) uint8    returns (...) float32, exact
    Source: Micikevicius et al. 2022, arXiv:2209.05433, table 1.
    """
    return _each(_read_e4m3fn, bits, np.float32)


def _each(convert, source, dtype):
    """A new array of `dtype`, filled by convert(source, result) in pieces, on all threads."""
    result = np.empty_like(source, dtype)
    for_pieces(convert, source, result)
    return result


def _read_bfloat16(bits, x):
    np.left_shift(bits, 16, out=x.view(np.uint32), dtype=np.uint32)


def _round_to_bfloat16(x, bits):
    u = x.view(np.uint32)
    kept = u >> 16
    rounded = (u + (0x7fff + (kept & 1))) >> 16
    bits[...] = np.where(x == x, rounded, kept | 0x40)              # rounding could carry a NaN into infinity or zero


def _read_e5m2(bits, x):
    x[...] = (bits.astype(np.uint16) << 8).view(np.float16)


def _read_e4m3fn(bits, x):
    magnitude = bits & 0x7f
    half = ((bits & 0x80).astype(np.uint16) << 8) | (magnitude.astype(np.uint16) << 7)
    np.multiply(half.view(np.float16), 256.0, out=x, dtype=np.float32)
    x[...] = np.where(magnitude == 0x7f, math.nan, x)


def _cast(x, y):
    y[...] = x


# name, as config.json has it: (dtype of the bits, bits -> float32); float16 is a dtype of its own
FORMATS = {"bfloat16": (np.dtype(np.uint16), bfloat16_to_float32),
           "float16": (np.dtype(np.float16), lambda x: _each(_cast, x, np.float32)),
           "float8_e4m3fn": (np.dtype(np.uint8), float8_e4m3fn_to_float32),
           "float8_e5m2": (np.dtype(np.uint8), float8_e5m2_to_float32)}
ENCODERS = {"bfloat16": float32_to_bfloat16, "float16": lambda x: _each(_cast, x, np.float16)}


class Packed:
    """An array of real numbers that is kept in 8 or 16 bits for each, and decoded to float32 where it is used.

        x = decode(bits)

    bits   (...) array of the format's own dtype, on any device; possibly a view of a mapped file, or transposed
    dtype  the format's name, a key of FORMATS; for `float16` the bits are an array of float16
    Source: as the functions above.
    """

    def __init__(self, bits, dtype):
        self.bits, self.dtype = bits, dtype

    @classmethod
    def encode(cls, x, dtype):
        """x (...) real, rounded to `dtype`, a key of ENCODERS -> Packed (...)."""
        return cls(ENCODERS[dtype](x.astype(np.float32, copy=False)), dtype)

    def decode(self):
        """The numbers as a new array of float32, (...)."""
        return FORMATS[self.dtype][1](self.bits)

    def moved(self, like=None):
        """The same numbers on the device of the array `like`, or on the current one."""
        return Packed(backend.asarray(self.bits, like=like), self.dtype)

    @property
    def shape(self):
        """That of `bits`."""
        return self.bits.shape

    @property
    def ndim(self):
        """The number of axes."""
        return self.bits.ndim

    @property
    def size(self):
        """The number of elements."""
        return self.bits.size

    @property
    def nbytes(self):
        """How much memory the bits take, in bytes."""
        return self.bits.nbytes

    @property
    def T(self):
        """The transpose, a view."""
        return Packed(self.bits.T, self.dtype)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(backend.to_host(self.decode()), dtype)    # who asks NumPy for an array asks for the numbers

    def __repr__(self):
        return f"Packed{self.shape} {self.dtype}"
