"""The cache against plain concatenation, in any order of appends and cuts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from scratchgpt.cache import EncoderDecoderCache, KVCache, LayerCache
from scratchgpt.errors import GenerationError
from tests.checks import checks

B, K, D, LAYERS = 2, 3, 4, 2


class Machine(RuleBasedStateMachine):
    """Beside the cache, every layer's keys and values as one array that is concatenated and sliced."""

    def __init__(self):
        super().__init__()
        self.cache, self.count = KVCache(LAYERS), 0
        self.keys = [np.zeros((B, K, 0, D)) for _ in range(LAYERS)]
        self.values = [np.zeros((B, K, 0, D)) for _ in range(LAYERS)]

    def numbers(self, T):
        """Numbers that were never used before."""
        start, self.count = self.count, self.count + B * K * T * D
        return np.arange(start, self.count, dtype=np.float64).reshape(B, K, T, D)

    @rule(T=st.one_of(st.integers(1, 5), st.integers(60, 140)))
    def append(self, T):
        for i in range(LAYERS):
            k, v = self.numbers(T), self.numbers(T)
            self.keys[i] = np.concatenate([self.keys[i], k], axis=2)
            self.values[i] = np.concatenate([self.values[i], v], axis=2)
            k.flags.writeable = v.flags.writeable = False
            all_keys, all_values = self.cache[i].append(k, v)
            np.testing.assert_array_equal(all_keys, self.keys[i])
            np.testing.assert_array_equal(all_values, self.values[i])

    @rule(share=st.floats(0, 1))
    def truncate(self, share):
        length = round(share * len(self.cache))
        self.cache.truncate(length)
        for i in range(LAYERS):
            self.keys[i], self.values[i] = self.keys[i][:, :, :length], self.values[i][:, :, :length]

    @rule(beyond=st.integers(1, 3))
    def truncate_to_more_than_there_is_is_refused(self, beyond):
        with pytest.raises(GenerationError, match="cannot be cut"):
            self.cache.truncate(len(self.cache) + beyond)
        with pytest.raises(GenerationError, match="cannot be cut"):
            self.cache.truncate(-beyond)

    @precondition(lambda self: len(self.cache))
    @rule()
    def another_batch_size_is_refused(self):
        with pytest.raises(GenerationError, match=f"it holds {B} rows, got 1"):
            self.cache[0].append(np.zeros((1, K, 1, D)), np.zeros((1, K, 1, D)))

    @invariant()
    def what_is_kept_is_what_was_concatenated(self):
        assert len(self.cache) == self.keys[0].shape[2]
        for i in range(LAYERS):
            assert self.cache[i].length == len(self.cache)
            if len(self.cache):
                for found, expected in zip(self.cache[i].kept(), (self.keys[i], self.values[i]), strict=True):
                    np.testing.assert_array_equal(found, expected)


@checks(KVCache, LayerCache)
def test_appends_and_cuts_in_any_order_equal_concatenation():
    run_state_machine_as_test(Machine, settings=settings(stateful_step_count=20))


@checks(LayerCache)
def test_appending_one_by_one_copies_a_number_of_rows_linear_in_the_length():
    cache, copied, buffer = LayerCache(), 0, None
    for length in range(1, 2001):
        keys, _ = cache.append(np.zeros((1, 1, 1, 2)), np.zeros((1, 1, 1, 2)))
        if keys.base is not buffer:
            copied, buffer = copied + length, keys.base
    assert copied < 2 * 2000


@checks(LayerCache)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_a_cache_keeps_the_dtype_of_what_it_holds(dtype):
    keys, values = LayerCache().append(np.zeros((1, 1, 1, 2), dtype), np.zeros((1, 1, 1, 3), dtype))
    assert keys.dtype == values.dtype == dtype and values.shape == (1, 1, 1, 3)


@checks(KVCache)
def test_a_new_cache_is_empty_and_has_a_layer_for_each():
    cache = KVCache(3)
    assert len(cache) == 0 and len({id(cache[i]) for i in range(3)}) == 3
    cache.truncate(0)
    assert len(KVCache(0)) == 0


@checks(LayerCache)
def test_an_empty_cache_says_that_there_is_nothing_to_read():
    with pytest.raises(GenerationError, match="it holds 0 tokens"):
        LayerCache().kept()
    cache = LayerCache()
    cache.append(np.ones((B, K, 2, D)), np.ones((B, K, 2, D)))
    cache.truncate(0)
    assert [kept.shape for kept in cache.kept()] == [(B, K, 0, D)] * 2


@checks(EncoderDecoderCache)
@given(st.lists(st.tuples(st.integers(1, 5), st.floats(0, 1)), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_a_decoders_cache_forgets_targets_and_their_words_but_never_the_source(steps, seed):
    rng, cache = np.random.default_rng(seed), EncoderDecoderCache(LAYERS)
    source, expected = rng.normal(size=(B, K, 7, D)), np.zeros((B, 0), bool)
    for i in range(LAYERS):
        cache[i][1].append(source, -source)
    for T, share in steps:
        new = rng.random((B, T)) < 0.5
        expected = np.concatenate([expected, new], axis=1)
        np.testing.assert_array_equal(cache.all_words(new), expected)
        for i in range(LAYERS):
            cache[i][0].append(np.ones((B, K, T, D)), np.ones((B, K, T, D)))
        assert len(cache) == len(cache.self_attention) == expected.shape[1]
        expected = expected[:, :round(share * len(cache))]
        cache.truncate(expected.shape[1])
    for i in range(LAYERS):
        own, cross = cache[i]
        assert own is cache.self_attention[i] and cross is cache.cross_attention[i] and own.length == len(cache)
        np.testing.assert_array_equal(cross.kept()[0], source)
