"""Green lists: the same each time, of just the share that was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints.green_lists import GreenLists
from scratchgpt.errors import GenerationError
from tests.checks import checks


@checks(GreenLists)
@given(st.floats(0.01, 0.99), st.integers(100, 200), st.integers(0, 2**40), st.tuples(*2 * [st.integers(0, 199)]))
def test_a_list_has_its_share_and_is_the_same_each_time(ratio, V, key, before):
    lists = GreenLists(greenlist_ratio=ratio, hashing_key=key, context_width=2)
    green = lists.green(before, V)
    assert green.sum() == int(ratio * V) == lists.size(V) and len(green) == V
    assert (GreenLists(greenlist_ratio=ratio, hashing_key=key, context_width=2).green(before, V) == green).all()
    assert [lists.is_green(before, v, V) for v in range(V)] == green.tolist()


@checks(GreenLists)
def test_the_lists_are_these_in_every_version_of_numpy():
    assert GreenLists().green((5,), 16).nonzero()[0].tolist() == [8, 10, 11, 12]
    lists = GreenLists(seeding_scheme="selfhash", context_width=3)
    assert [v for v in range(40) if lists.is_green((5, 6), v, 40)] == [8, 9, 11, 16, 17, 18, 26, 36]


@checks(GreenLists)
def test_the_list_depends_on_the_key_and_on_every_token_before_it_and_on_their_order():
    lists = GreenLists(context_width=2)
    one = lists.green((1, 2), 500)
    for other in (lists.green((1, 3), 500), lists.green((3, 2), 500), lists.green((2, 1), 500),
                  GreenLists(context_width=2, hashing_key=7).green((1, 2), 500)):
        assert (one != other).any()


@checks(GreenLists)
def test_selfhash_takes_the_smallest_seed_so_the_order_before_the_token_is_no_matter():
    lists = GreenLists(seeding_scheme="selfhash", context_width=3)
    assert lists.n_before == 2 and GreenLists(context_width=3).n_before == 3
    assert [lists.is_green((1, 2), v, 90) for v in range(90)] == [lists.is_green((2, 1), v, 90) for v in range(90)]
    assert 5 < sum(lists.is_green((1, 2), v, 90) for v in range(90)) < 45


@checks(GreenLists)
@pytest.mark.parametrize("settings, says", [
    ({"greenlist_ratio": 0}, r"greenlist_ratio must be a number in \(0, 1\); got 0"),
    ({"greenlist_ratio": 1.0}, r"greenlist_ratio must be a number in \(0, 1\)"),
    ({"bias": 0}, r"bias must be a number in \(0, 1e6\]; got 0"),
    ({"bias": "2"}, r"bias must be a number in \(0, 1e6\]; got '2'"),
    ({"bias": float("inf")}, r"bias must be a number in \(0, 1e6\]"), ({"bias": 2e6}, "bias must be a number in"),
    ({1: 2}, "a watermark has the settings .*; got 1"),
    ({"hashing_key": -1}, "hashing_key must be an integer >= 0"),
    ({"context_width": 0}, "context_width must be an integer >= 1"),
    ({"seeding_scheme": "hash"}, "seeding_scheme must be lefthash or selfhash; got 'hash'"),
    ({"gamma": 0.5}, "a watermark has the settings greenlist_ratio, .*; got 'gamma'"),
])
def test_settings_that_cannot_be_are_refused_by_name(settings, says):
    with pytest.raises(GenerationError, match=says):
        GreenLists.of(settings)
