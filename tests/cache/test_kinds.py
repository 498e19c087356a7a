"""What is particular to each kind of cache: copies, memory, bounds, and what it refuses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.cache import (SLACK, KVCache, LayerCache, QuantizedLayerCache, SlidingLayerCache, StaticLayerCache,
                              check_ends, check_rows, layer_caches)
from scratchgpt.errors import GenerationError
from tests.checks import checks

B, K, D = 2, 3, 4


def one_by_one(cache, tokens):
    """How many columns are copied while so many tokens come one by one; every buffer seen is kept, so ids are its own."""
    copied, seen = 0, []
    for _ in range(tokens):
        cache.append(np.zeros((1, 1, 1, 2)), np.zeros((1, 1, 1, 2)))
        if not seen or cache._arrays[0] is not seen[-1]:
            copied += cache._held
            seen.append(cache._arrays[0])
    return copied


@checks(LayerCache, StaticLayerCache, SlidingLayerCache, QuantizedLayerCache)
@pytest.mark.parametrize("make", [LayerCache, lambda: StaticLayerCache(2000), lambda: SlidingLayerCache(100),
                                  QuantizedLayerCache])
def test_appending_one_by_one_copies_a_number_of_rows_linear_in_the_length(make):
    assert one_by_one(make(), 2000) < 3 * 2000


@checks(LayerCache, QuantizedLayerCache)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_cache_keeps_the_dtype_of_what_it_holds(dtype):
    for cache in [LayerCache(), *([] if dtype == np.complex128 else [QuantizedLayerCache()])]:
        keys, values = cache.append(np.zeros((1, 1, 1, 2), dtype), np.zeros((1, 1, 1, 3), dtype))
        assert keys.dtype == values.dtype == dtype and values.shape == (1, 1, 1, 3)


@checks(KVCache)
def test_a_new_cache_is_empty_and_has_a_layer_for_each():
    cache = KVCache(layer_caches([None] * 3))
    assert len(cache) == 0 and len({id(cache[i]) for i in range(3)}) == 3
    for nothing in (cache, KVCache([])):
        nothing.truncate(0)
        nothing.realign([], 0)
        nothing.select([4, 2])                                           # of no tokens, any rows
        assert len(nothing.fork()) == len(nothing) == 0


@checks(LayerCache)
def test_an_empty_cache_says_that_there_is_nothing_to_read():
    with pytest.raises(GenerationError, match="it holds 0 tokens"):
        LayerCache().kept()
    cache = LayerCache()
    cache.append(np.ones((B, K, 2, D)), np.ones((B, K, 2, D)))
    cache.truncate(0)
    assert [kept.shape for kept in cache.kept()] == [(B, K, 0, D)] * 2


@checks(LayerCache)
def test_choosing_all_rows_in_their_order_is_no_work_and_ended_rows_give_their_memory_back():
    cache = LayerCache()
    cache.append(*np.ones((2, 4, K, 100, D)))
    before = cache._arrays
    cache.select([0, 1, 2, 3])
    assert cache._arrays is before
    cache.select([2])
    assert cache.rows == 1 and cache._arrays[0].nbytes == before[0].nbytes / 4
    cache.select([])
    assert cache.rows == 0 or cache.kept()[0].shape[0] == 0


@checks(StaticLayerCache)
def test_a_static_cache_takes_its_memory_once_and_no_more():
    cache = StaticLayerCache(10)
    cache.append(*np.ones((2, B, K, 1, D)))
    buffer = cache._arrays[0]
    assert buffer.shape == (B, K, 10, D)
    cache.append(*np.ones((2, B, K, 9, D)))
    with pytest.raises(GenerationError, match="at most capacity=10 tokens; got 11"):
        cache.append(*np.ones((2, B, K, 1, D)))
    assert cache.length == 10 and cache._arrays[0] is buffer
    cache.truncate(9)
    cache.append(*np.ones((2, B, K, 1, D)))
    assert cache._arrays[0] is buffer


@checks(SlidingLayerCache)
@given(window=st.integers(1, 40), parts=st.lists(st.integers(1, 300), min_size=1, max_size=8))
def test_a_sliding_cache_holds_its_window_and_slack_and_at_most_twice_as_much(window, parts):
    cache, enough = SlidingLayerCache(window), window - 1 + SLACK
    for T in parts:
        seen, _ = cache.append(*np.ones((2, 1, 1, T, 1)))
        assert seen.shape[2] == min(cache.length, window - 1 + T)
        held = cache.kept()[0].shape[2]
        assert min(cache.length, enough) <= held <= 2 * enough
        assert cache._arrays[0].shape[2] <= max(64, 2 * (2 * enough + T))
    assert cache.length == sum(parts)


@checks(SlidingLayerCache, KVCache)
def test_what_has_slid_away_does_not_come_back_and_a_refused_cut_changes_no_layer():
    cache = KVCache([LayerCache(), SlidingLayerCache(5)])
    for layer in cache.layers:
        layer.append(*np.ones((2, B, K, 500, D)))
    with pytest.raises(GenerationError, match="the last 68 of 500 and cannot be cut to 435; cut at most 64"):
        cache.truncate(435)
    with pytest.raises(GenerationError, match="cannot be cut to 400"):
        cache.realign([500, 400], 500)
    assert [layer.length for layer in cache.layers] == [500, 500] and cache[1].kept()[0].shape[2] == 68
    cache.truncate(436)
    assert [layer.length for layer in cache.layers] == [436, 436] and cache[1].kept()[0].shape[2] == 4


@checks(QuantizedLayerCache)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.floats(-30, 30), st.sampled_from([np.float32, np.float64]))
def test_what_is_read_is_within_half_a_step_of_what_was_said(seed, D, log_size, dtype):
    rng = np.random.default_rng(seed)
    k, v = (rng.normal(size=(2, 3, 4, D)) * math.exp(log_size)).astype(dtype), np.zeros((2, 3, 4, D), dtype)
    keys, values = QuantizedLayerCache().append(k, v)
    scale = abs(k).max(axis=-1, keepdims=True) / 127
    assert (abs(keys - k) <= scale / 2 * (1 + 1e-4)).all()                # and a rounding of float32
    np.testing.assert_allclose(abs(keys).max(axis=-1), abs(k).max(axis=-1), rtol=1e-6)
    np.testing.assert_array_equal(values, v)                              # nothing is nothing, not NaN


@checks(QuantizedLayerCache)
def test_eight_bits_are_a_quarter_of_the_memory_and_a_scale():
    full, small = LayerCache(), QuantizedLayerCache()
    for cache in (full, small):
        cache.append(*np.ones((2, B, K, 100, 64), np.float32))
    sizes = [sum(a.nbytes for a in cache._arrays) for cache in (full, small)]
    assert sizes[1] == sizes[0] / 4 * (1 + 4 / 64)


@checks(layer_caches)
def test_a_kind_is_asked_for_by_its_name_and_slides_only_where_there_is_a_window():
    for name, kind in (("dynamic", LayerCache), ("static", StaticLayerCache), ("quantized", QuantizedLayerCache)):
        assert [type(cache) for cache in layer_caches([None, 3], name, 7)] == [kind] * 2
    kinds = layer_caches([None, 3], "sliding_window")
    assert [type(cache) for cache in kinds] == [LayerCache, SlidingLayerCache] and kinds[1].window == 3
    for name in ("dynamo", None, 3, ["static"]):
        with pytest.raises(GenerationError, match="must be one of dynamic, static, sliding_window, quantized; got"):
            layer_caches([None], name)
    for windows in ([None], []):
        with pytest.raises(GenerationError, match="none in any layer"):
            layer_caches(windows, "sliding_window")
    for capacity in (None, 0, -1, 2.0, True, "7"):
        with pytest.raises(GenerationError, match="capacity must be an integer >= 1; got"):
            layer_caches([None], "static", capacity)
    for window in (0, 1.5):
        with pytest.raises(GenerationError, match="window must be an integer >= 1; got"):
            SlidingLayerCache(window)


@checks(check_rows, check_ends)
def test_rows_and_ends_are_integers_of_the_host():
    assert check_rows([2, 0, 0], 3).tolist() == [2, 0, 0] and check_rows(np.array([1], np.uint8), 2).tolist() == [1]
    assert check_rows([], 3).dtype == np.int64 and check_ends([1, 4], 3, 2, 4).tolist() == [1, 4]
    for rows in ([3], [-1], [0.0], ["a"], [[0]], None, 1):
        with pytest.raises(GenerationError, match="one of the 3 rows"):
            check_rows(rows, 3)
    for ends in ([5, 0], [-1, 0], [1], [1.0, 2.0], [1, 2, 3], None):
        with pytest.raises(GenerationError, match="2 integers, one for each row, from 0 to the 4 tokens"):
            check_ends(ends, 3, 2, 4)
    for length in (-1, 5):
        with pytest.raises(GenerationError, match=f"a cache of 4 tokens cannot be cut to {length}"):
            check_ends([1, 1], length, 2, 4)
