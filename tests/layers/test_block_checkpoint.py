"""The block in its two orders, and what a checkpoint around it must not change."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.cache import LayerCache
from scratchgpt.layers import Block, Checkpoint, Dropout, PostNormBlock
from tests import laws
from tests.checks import checks
from tests.layers.cases import C, block

CLOSE = dict(rtol=1e-11, atol=1e-12)
batches = given(B=st.integers(1, 3), T=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))


def made(kind, B, T, seed, **options):
    module = laws.Case("", lambda rng: block(rng, kind, **options), None, None).make(seed)
    return module, np.random.default_rng(seed).normal(size=(B, T, C))


@checks(Block)
@batches
def test_pre_ln_adds_to_a_stream_that_no_norm_touches(B, T, seed):
    layer, x = made(Block, B, T, seed)
    h = x + layer.attention(layer.norm1(x)[0], causal=True)[0]
    np.testing.assert_allclose(layer(x, causal=True)[0], h + layer.mlp(layer.norm2(h)[0])[0], **CLOSE)
    for parameter in (layer.attention.out.weight, layer.attention.out.bias, layer.mlp.down.weight, layer.mlp.down.bias):
        parameter.data = np.zeros(parameter.shape)
    y, backward = layer(x)
    np.testing.assert_array_equal(y, x)                                  # with both branches silent, the identity
    np.testing.assert_array_equal(backward(x), x)


@checks(PostNormBlock)
@batches
def test_post_ln_normalises_every_sum(B, T, seed):
    layer, x = made(PostNormBlock, B, T, seed)
    h = layer.norm1(x + layer.attention(x, causal=True)[0])[0]
    np.testing.assert_allclose(layer(x, causal=True)[0], layer.norm2(h + layer.mlp(h)[0])[0], **CLOSE)


@checks(Block, PostNormBlock, Dropout)
@given(kind=st.sampled_from([Block, PostNormBlock]), seed=st.integers(0, 2**32 - 1))
def test_a_block_drops_what_enters_the_stream_and_only_with_a_generator(kind, seed):
    layer, x = made(kind, 2, 3, seed, p=0.9)
    plain, _ = made(kind, 2, 3, seed)
    np.testing.assert_array_equal(layer(x)[0], plain(x)[0])
    assert not np.array_equal(layer(x, rng=np.random.default_rng(0))[0], plain(x)[0])
    silent, _ = made(kind, 2, 3, seed)
    silent.dropout.mask = lambda shape, rng, like: np.zeros(shape, bool)              # everything is dropped
    y = silent(x)[0]
    expected = x if kind is Block else silent.norm2(silent.norm1(x)[0])[0]
    np.testing.assert_allclose(y, expected, **CLOSE)


@checks(Block, PostNormBlock)
@given(kind=st.sampled_from([Block, PostNormBlock]), B=st.integers(1, 2), T=st.integers(2, 5),
       seed=st.integers(0, 2**32 - 1))
def test_a_block_with_a_cache_is_the_block_of_the_whole(kind, B, T, seed):
    layer, x = made(kind, B, T, seed)
    cache, maps = LayerCache(), []
    parts = [layer(x[:, t:t + 1], causal=True, cache=cache, maps=maps)[0] for t in range(T)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), layer(x, causal=True)[0], **CLOSE)
    assert [weights.shape[-1] for weights in maps] == list(range(1, T + 1))


@checks(Checkpoint)
def test_a_checkpoint_shows_its_maps_once_and_appends_to_a_cache_once():
    layer, x = made(Block, 2, 3, 0)
    maps, cache = [], LayerCache()
    y, backward = Checkpoint(layer)(x, causal=True, maps=maps)
    backward(y)
    assert len(maps) == 1
    y, backward = Checkpoint(layer)(x, causal=True, cache=cache)
    backward(y)
    assert cache.length == 3


@checks(Checkpoint)
def test_a_checkpoint_has_the_layers_names_and_parameters():
    layer, _ = made(Block, 1, 1, 0)
    assert list(Checkpoint(layer).state_dict()) == list(layer.state_dict())
    assert all(a is b for a, b in zip(Checkpoint(layer).parameters(), layer.parameters(), strict=True))
