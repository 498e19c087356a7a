"""The penalty of length: both forms, and what is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.strategies.beams import length_penalty
from scratchgpt.errors import GenerationError
from tests.checks import checks


@checks(length_penalty)
@given(st.integers(1, 2000), st.floats(-4, 4))
def test_the_power_is_of_the_length_and_gnmt_of_the_length_and_five_more(length, alpha):
    assert length_penalty(length, alpha) == pytest.approx(math.exp(alpha * math.log(length)), rel=1e-12)
    gnmt = math.exp(alpha * math.log((5 + length) / 6))
    assert length_penalty(length, alpha, "gnmt") == pytest.approx(gnmt, rel=1e-12)
    assert length_penalty(1, alpha) == length_penalty(1, alpha, "gnmt") == 1


@checks(length_penalty)
@pytest.mark.parametrize("alpha", [1e5, -1e5])
@pytest.mark.parametrize("kind", ["power", "gnmt"])
def test_a_penalty_that_no_float_can_hold_is_refused(alpha, kind):
    with pytest.raises(GenerationError, match="length_penalty must keep"):
        length_penalty(1000, alpha, kind)
    assert length_penalty(math.inf, 2.0, kind) == math.inf
