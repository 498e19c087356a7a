"""A decoder's cache: targets and their words go together, and the source goes with its rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.cache import EncoderDecoderCache, KVCache, layer_caches
from tests.checks import checks

K, D, LAYERS = 3, 4, 2
steps = st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["truncate", "realign", "select", "fork"])), min_size=1,
                 max_size=8)


def new_cache():
    return EncoderDecoderCache(*(KVCache(layer_caches([None] * LAYERS)) for _ in range(2)))


@checks(EncoderDecoderCache)
@given(steps, st.integers(0, 2**32 - 1))
def test_words_go_where_their_keys_go_and_the_source_stays_with_its_row(steps, seed):
    rng, cache, B, forks = np.random.default_rng(seed), new_cache(), 2, []
    source, keys, words = rng.normal(size=(B, K, 7, D)), np.zeros((B, 0)), np.zeros((B, 0), bool)
    for i in range(LAYERS):
        cache[i][1].append(source, -source)
    for T, then in steps:
        new, new_words = 1 + rng.random((B, T)), rng.random((B, T)) < 0.5
        keys, words = np.concatenate([keys, new], axis=1), np.concatenate([words, new_words], axis=1)
        cache.all_words(~new_words)                                       # of a call that failed before it appended
        np.testing.assert_array_equal(cache.all_words(new_words), words)
        for i in range(LAYERS):
            wide = np.broadcast_to(new[:, None, :, None], (B, K, T, D))
            cache[i][0].append(wide, -wide)
        S = len(cache)
        if then == "select":
            rows = rng.integers(0, B, rng.integers(1, 4))
            cache.select(rows)
            keys, words, source, B = keys[rows], words[rows], source[rows], len(rows)
        elif then == "fork":
            forks.append((cache, keys, words, source))
            cache = cache.fork()
        else:
            ends = rng.integers(0, S + 1, B) if then == "realign" else np.full(B, rng.integers(0, S + 1))
            length = int(ends.max())
            cache.realign(ends, length) if then == "realign" else cache.truncate(length)
            keys, words = (np.array([[0] * (length - end) + list(row[:end]) for row, end in zip(a, ends)]).reshape(
                B, length).astype(a.dtype) for a in (keys, words))
        for one, *expected in [(cache, keys, words, source), *forks]:
            assert_holds(one, *expected)


def assert_holds(cache, keys, words, source):
    assert len(cache) == keys.shape[1]
    np.testing.assert_array_equal(cache.fork().all_words(words[:, :0]), words)
    for i in range(LAYERS):
        own, cross = cache[i]
        assert own is cache.self_attention[i] and cross is cache.cross_attention[i] and own.length == len(cache)
        np.testing.assert_array_equal(cross.kept(), [source, -source])
        for found, sign in zip(own.kept(), (1, -1), strict=True):
            np.testing.assert_array_equal(found, np.broadcast_to(sign * keys[:, None, :, None], found.shape))
