"""What builders take and what they refuse."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.processors.arguments import check_known, row_counts, source_ids, token_ids, within
from scratchgpt.errors import GenerationError
from tests.checks import checks


@checks(within)
@given(st.floats(-2, 3), st.sampled_from("[("), st.sampled_from("])"))
def test_an_interval_holds_what_lies_between_its_ends_and_the_ends_that_its_brackets_close(value, left, right):
    for number in (value, 0, 0.0, 1, np.float32(1), np.int64(0)):
        inside = (number >= 0 if left == "[" else number > 0) and (number <= 1 if right == "]" else number < 1)
        if inside:
            assert within("x", number, f"{left}0, 1{right}") == number
            assert type(within("x", number, f"{left}0, 1{right}")) is float
        else:
            with pytest.raises(GenerationError, match="x must be a number in "):
                within("x", number, f"{left}0, 1{right}")


@checks(within)
@pytest.mark.parametrize("value", [None, "1", True, math.nan, [1], np.array([1.0]), math.inf, 1j])
def test_what_is_no_number_is_in_no_interval(value):
    with pytest.raises(GenerationError, match="x must be a number in"):
        within("x", value, "[0, 1e6]")


@checks(token_ids)
@pytest.mark.parametrize("tokens, ids", [(3, [3]), (np.int32(3), [3]), ([3, 1], [3, 1]), ((), []), ({5, 2}, [2, 5]),
                                         (np.array([4, 4]), [4, 4])])
def test_one_id_or_several_become_an_array(tokens, ids):
    found = token_ids("tokens", tokens)
    assert found.dtype == np.int64 and found.tolist() == ids


@checks(token_ids)
@pytest.mark.parametrize("tokens", [None, -1, [1, -1], True, [True], 1.0, [1.0], "1", "ab", [[1]], {"a": 1}, 2**63])
def test_what_is_no_id_is_refused(tokens):
    with pytest.raises(GenerationError, match="tokens must be a token id"):
        token_ids("tokens", tokens)


@checks(check_known)
@given(st.lists(st.integers(0, 9), max_size=4), st.integers(1, 10))
def test_an_id_is_known_below_the_size_of_the_vocabulary(ids, V):
    if all(v < V for v in ids):
        assert check_known("ids", np.array(ids, int), V) is None
    else:
        with pytest.raises(GenerationError, match=f"below {V}; got {max(ids)}"):
            check_known("ids", np.array(ids, int), V)


@checks(row_counts, source_ids)
def test_counts_and_sources_are_whole_numbers_of_the_right_shape():
    assert row_counts("n", 3).tolist() == 3 and row_counts("n", [3, 0]).tolist() == [3, 0]
    assert source_ids("x", [[1, -1]]).tolist() == [[1, -1]]
    for counts in (None, -1, [1, -1], 1.5, "3", [[1]], True):
        with pytest.raises(GenerationError, match="n must be an integer"):
            row_counts("n", counts)
    for source in (None, [1], [[-2]], [[1.0]], "a", [[1], [1, 2]]):
        with pytest.raises(GenerationError, match="x needs the source's ids"):
            source_ids("x", source)
