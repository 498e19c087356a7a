"""What is checked at the door: text and ids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers.pretokenize.blocks import as_texts
from scratchgpt.tokenizers.ids import check_ids, check_text, listed
from tests.checks import checks


@checks(check_ids)
@given(st.lists(st.integers(0, 99)), st.sampled_from([list, tuple, np.array, np.uint8, np.uint16, np.int64, "object"]))
def test_ids_in_range_come_back_whatever_holds_them(ids, kind):
    if kind == "object":
        held = np.array(ids, dtype=object)
    else:
        held = np.array(ids, dtype=kind) if kind in (np.uint8, np.uint16, np.int64) else kind(ids)
    assert check_ids(held, 100).tolist() == ids and check_ids(held, 100).dtype.kind in "iu"
    mixed = [np.uint64(i) if i % 2 else np.int64(i) for i in ids]          # of which NumPy would make floats
    assert check_ids(mixed, 100).tolist() == ids and check_ids(mixed, 100).dtype.kind in "iu"


@checks(check_ids)
@given(st.lists(st.integers(0, 9)), st.one_of(st.integers(max_value=-1), st.integers(min_value=10)))
def test_the_first_id_out_of_range_is_named_however_large(ids, wrong):
    with pytest.raises(TokenizerError, match=rf"got {str(wrong)[:40]}\d* at position {len(ids)}"):
        check_ids([*ids, wrong, -5], 10)


@checks(check_ids)
@pytest.mark.parametrize("ids", [[1.0], ["a"], [None], [True], np.array([0.5]), 3, "abc", [[1, 2]], [[1], [2, 3]], None,
                                 np.array([True]), np.zeros((1, 2), int), {"a": 1}, [b"a"], [1, float("nan")]])
def test_what_is_no_sequence_of_integers_is_refused(ids):
    with pytest.raises(TokenizerError):
        check_ids(ids, 10)


@checks(check_text)
@given(st.text(), st.characters(categories=["Cs"]), st.text())
def test_a_lone_surrogate_is_named_with_its_position(before, surrogate, after):
    assert check_text(before) is before
    with pytest.raises(TokenizerError, match=rf"got U\+{ord(surrogate):04X} at position {len(before)};"):
        check_text(before + surrogate + after)


@checks(check_text, as_texts)
@pytest.mark.parametrize("texts", [b"abc", 5, None, [b"abc"], ["a", None], ["a", "\ud800"]])
def test_what_is_no_text_is_refused(texts):
    with pytest.raises(TokenizerError):
        list(as_texts(texts))


@checks(as_texts)
@given(st.lists(st.text()))
def test_a_str_is_one_text_and_an_iterable_is_many(texts):
    assert list(as_texts(iter(texts))) == texts
    assert list(as_texts("ab")) == ["ab"]


@checks(listed)
def test_one_thing_is_no_list_of_things():
    assert listed(["a"]) == ["a"] and list(listed(iter("ab"))) == ["a", "b"]
    for wrong in ("ab", b"ab", 5, None):
        with pytest.raises(TokenizerError, match="texts must be a list; got"):
            listed(wrong)
