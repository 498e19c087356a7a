"""What callers hand in is taken in any form, and refused by the argument's name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from scratchgpt import backend
from scratchgpt.errors import DataError, GenerationError
from scratchgpt.inputs import as_mask, as_rows, check_whole
from tests.checks import checks
from tests.strict_device import StrictBackend

backend.register("strict", StrictBackend)


@checks(as_rows)
@given(arrays(np.int64, array_shapes(max_dims=3)))
def test_lists_become_the_array_and_arrays_stay_the_same_object(array):
    assert as_rows("ids", array, DataError) is array
    np.testing.assert_array_equal(as_rows("ids", array.tolist(), DataError), array)


@checks(as_rows)
def test_an_array_of_a_device_stays_there():
    with backend.use("strict"):
        ids = backend.asarray(np.arange(3))
        assert as_rows("ids", ids, DataError) is ids


@checks(as_rows, as_mask)
def test_ragged_rows_are_refused_by_the_name_of_the_argument():
    with pytest.raises(DataError, match="ids must be \\(B, T\\), all rows of one length"):
        as_rows("ids", [[1, 2], [3]], DataError)
    with pytest.raises(GenerationError, match="a_mask must be \\(B, T\\), all rows of one length"):
        as_mask("a_mask", [[1, 1], [1]], (2, 2), GenerationError)


@checks(as_mask)
@given(arrays(np.int64, array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 1)),
       st.sampled_from([bool, np.uint8, np.int32, np.float32, list]))
def test_a_mask_of_any_type_becomes_integers(mask, kind):
    given_as = mask.tolist() if kind is list else mask.astype(kind)
    found = as_mask("mask", given_as, mask.shape, DataError)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, mask)


@checks(as_mask)
@pytest.mark.parametrize("mask", [[[1, 2]], [[0.5, 1]], [[-1, 0]], [[float("nan"), 1]], [1, 1], [[1, 1, 1]], "11", None,
                                  [["1", "1"]], [[None, 1]], np.ones((1, 2), complex)], ids=repr)
def test_what_is_no_mask_of_the_shape_is_one_error(mask):
    with pytest.raises(DataError, match="mask must hold 0 and 1 in the shape \\(1, 2\\)"):
        as_mask("mask", mask, (1, 2), DataError)


class Foreign:
    """A tensor of another library, whose dtype is none of NumPy's."""

    dtype = "int64 of another library"

    def __array__(self, dtype=None, copy=None):
        return np.array([[1, 2]])


@checks(as_rows, as_mask)
def test_a_tensor_of_another_library_is_taken_by_its_numbers():
    np.testing.assert_array_equal(as_rows("ids", Foreign(), DataError), [[1, 2]])
    with pytest.raises(DataError, match="mask must hold 0 and 1"):
        as_mask("mask", Foreign(), (1, 2), DataError)


@checks(check_whole)
@given(value=st.one_of(st.integers(), st.booleans(), st.floats(), st.text(), st.none()), at_least=st.integers(0, 3))
def test_a_number_of_things_is_an_integer_and_no_truth(value, at_least):
    if type(value) is int and value >= at_least:
        check_whole("k", value, at_least, DataError)
    else:
        with pytest.raises(DataError, match=f"k must be an integer >= {at_least}; got"):
            check_whole("k", value, at_least, DataError)
