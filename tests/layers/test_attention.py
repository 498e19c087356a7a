"""Multi-head attention: its cache, its projections, its masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.cache import LayerCache
from scratchgpt.errors import ConfigError
from scratchgpt.layers import Dropout, FusedProjections, Linear, MultiHeadAttention, SeparateProjections
from tests import laws
from tests.checks import checks
from tests.layers.cases import C_MEMORY, C, D, H, fused, separate

CLOSE = dict(rtol=1e-11, atol=1e-12)
SELF = {"fused": fused, "separate": separate}
self_attentions = pytest.mark.parametrize("build", SELF.values(), ids=SELF)
batches = given(B=st.integers(1, 3), T=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))


def made(build, seed, *shapes):
    """The module with weights of unit size, and arrays of the given shapes."""
    rng = np.random.default_rng(seed)
    return laws.Case("", build, None, None).make(seed), *(rng.normal(size=shape) for shape in shapes)


def causal(T, S):
    return formulas.causal_mask(T, S, like=np.zeros(0))


@checks(MultiHeadAttention, LayerCache)
@self_attentions
@batches
def test_cached_self_attention_is_the_whole_wherever_the_text_is_cut(build, B, T, seed):
    attention, x = made(build, seed, (B, T, C))
    whole, _ = attention(x, mask=causal(T, T))
    for cut in range(1, T):
        cache = LayerCache()
        parts = [attention(x[:, :cut], mask=causal(cut, cut), cache=cache)[0],
                 attention(x[:, cut:], mask=causal(T - cut, T), cache=cache)[0]]
        np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, **CLOSE)
        assert cache.length == T
    cache = LayerCache()
    one_by_one = [attention(x[:, t:t + 1], cache=cache)[0] for t in range(T)]
    np.testing.assert_allclose(np.concatenate(one_by_one, axis=1), whole, **CLOSE)


@checks(MultiHeadAttention)
@self_attentions
@given(B=st.integers(1, 3), past=st.integers(1, 4), T=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_gradients_through_a_cache_take_the_past_as_a_constant(build, B, past, T, seed):
    attention, x, dy = made(build, seed, (B, past + T, C), (B, T, C))
    old, new = x[:, :past], x[:, past:]

    def run(new):
        cache = LayerCache()
        attention(old, cache=cache)
        return attention(new, mask=causal(T, past + T), cache=cache)
    y, backward = run(new)
    attention.zero_grad()
    dx = backward(dy)
    weights = {name: parameter.data for name, parameter in attention.named_parameters()}
    keys, values = (a.copy() for a in _past(attention, old))

    def f(arrays):
        for name, parameter in attention.named_parameters():
            parameter.data = arrays[name]
        cache = LayerCache()
        cache.append(keys + 0 * arrays["x"].sum(), values + 0 * arrays["x"].sum())       # constants, of the same dtype
        return attention(arrays["x"], mask=causal(T, past + T), cache=cache)[0]
    gradients = {name: parameter.grad for name, parameter in attention.named_parameters()}
    laws.check_gradient(f, {"x": new, **weights}, {"x": dx, **gradients}, dy)


def _past(attention, old):
    cache = LayerCache()
    attention(old, cache=cache)
    return cache.kept()


@checks(MultiHeadAttention, FusedProjections, SeparateProjections)
@batches
def test_fused_and_separate_projections_of_the_same_weights_agree(B, T, seed):
    together, x, dy = made(fused, seed, (B, T, C), (B, T, C))
    apart = MultiHeadAttention(SeparateProjections(C, rng=np.random.default_rng(0)), together.out, H)
    linears = [apart.project.q, apart.project.k, apart.project.v]
    weights = np.split(together.project.qkv.weight.data, 3, axis=1)
    biases = np.split(together.project.qkv.bias.data, 3)
    for linear, weight, bias in zip(linears, weights, biases):
        linear.weight.data, linear.bias.data = weight, bias
    (y, back), (y_apart, back_apart) = (attention(x, mask=causal(T, T)) for attention in (together, apart))
    np.testing.assert_allclose(y, y_apart, **CLOSE)
    np.testing.assert_allclose(back(dy), back_apart(dy), **CLOSE)
    gradient = np.concatenate([linear.weight.grad for linear in linears], axis=1)
    np.testing.assert_allclose(together.project.qkv.weight.grad, gradient, **CLOSE)


@checks(MultiHeadAttention)
@batches
def test_heads_attend_side_by_side_each_in_its_own_channels(B, T, seed):
    attention, x = made(separate, seed, (B, T, C))
    (q, k, v), _ = attention.project(x)
    heads = []
    for h in range(H):
        own = slice(h * D, (h + 1) * D)
        for b in range(B):
            scores = q[b][:, own] @ k[b][:, own].T / np.sqrt(D)
            p = np.exp(scores - scores.max(axis=1, keepdims=True))
            heads.append(p / p.sum(axis=1, keepdims=True) @ v[b][:, own])
    merged = np.array(heads).reshape(H, B, T, D).transpose(1, 2, 0, 3).reshape(B, T, H * D)
    np.testing.assert_allclose(attention(x)[0], merged @ attention.out.weight.data + attention.out.bias.data, **CLOSE)


def crossing(rng):
    return separate(rng, C_memory=C_MEMORY)


@checks(MultiHeadAttention, SeparateProjections)
@given(B=st.integers(1, 3), T=st.integers(1, 6), S=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_cross_attention_projects_the_memory_once_and_then_reads_its_cache(B, T, S, seed):
    attention, x, memory, dy = made(crossing, seed, (B, T, C), (B, S, C_MEMORY), (B, 1, C))
    whole, _ = attention(x, memory)
    asked, forward = [], attention.project.k.forward
    attention.project.k.forward = lambda m: asked.append(1) or forward(m)
    cache, parts = LayerCache(), []
    for t in range(T):
        y, backward = attention(x[:, t:t + 1], memory, cache=cache)
        parts.append(y)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, **CLOSE)
    assert len(asked) == 1 and cache.length == S
    plain, plain_back = attention(x[:, -1:], memory)
    dx, dmemory = backward(dy)
    np.testing.assert_allclose(dx, plain_back(dy)[0], **CLOSE)
    assert (dmemory is None) == (T > 1)                                   # from a cache, the memory is a constant


@checks(MultiHeadAttention)
@self_attentions
@batches
def test_behind_a_causal_mask_no_token_sees_a_later_one(build, B, T, seed):
    attention, x, other = made(build, seed, (B, T, C), (B, T, C))
    y, _ = attention(x, mask=causal(T, T))
    for t in range(T):
        changed = np.concatenate([x[:, :t + 1], other[:, t + 1:]], axis=1)
        np.testing.assert_array_equal(attention(changed, mask=causal(T, T))[0][:, :t + 1], y[:, :t + 1])


@checks(MultiHeadAttention, formulas.causal_attention, formulas.causal_attention_backward)
@self_attentions
@given(B=st.integers(1, 3), past=st.integers(0, 4), T=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_causal_is_the_causal_mask_by_another_name_after_a_past_too(build, B, past, T, seed):
    attention, x, dy = made(build, seed, (B, past + T, C), (B, T, C))
    words = np.random.default_rng(seed).random((B, past + T)) < 0.7
    padding, mask = formulas.padding_mask(words), causal(T, past + T)
    results = []
    for options in (dict(causal=True), dict(mask=mask), dict(causal=True, maps=[]),
                    dict(causal=True, mask=padding), dict(mask=mask & padding)):
        cache = LayerCache() if past else None
        if past:
            attention(x[:, :past], causal=True, cache=cache)
        attention.zero_grad()
        y, backward = attention(x[:, past:], cache=cache, **options)
        results.append([y, backward(dy), *(parameter.grad for parameter in attention.parameters())])
    by_flag, by_mask, with_maps, *padded = results
    for same in ((by_flag, by_mask), (with_maps, by_mask), padded):
        for found, expected in zip(*same, strict=True):
            np.testing.assert_allclose(found, expected, **CLOSE)


@checks(MultiHeadAttention)
@batches
def test_padded_keys_are_as_if_they_were_not_there(B, T, seed):
    attention, x, memory, noise = made(crossing, seed, (B, T, C), (B, 5, C_MEMORY), (B, 5, C_MEMORY))
    lengths = np.random.default_rng(seed).integers(1, 6, B)
    words = np.arange(5) < lengths[:, None]
    y, backward = attention(x, np.where(words[..., None], memory, noise), mask=formulas.padding_mask(words))
    for b, n in enumerate(lengths):
        np.testing.assert_allclose(y[b:b + 1], attention(x[b:b + 1], memory[b:b + 1, :n])[0], **CLOSE)
    _, dmemory = backward(y)
    assert not dmemory[~words].any() and dmemory[words].any()


@checks(MultiHeadAttention)
@batches
def test_a_row_that_may_look_nowhere_gets_zeros_and_gives_no_gradient(B, T, seed):
    attention, x = made(fused, seed, (B, T, C))
    mask = np.ones((B, 1, T, T), bool)
    mask[0] = False
    maps = []
    y, backward = attention(x, mask=mask, maps=maps)
    np.testing.assert_array_equal(y[0], np.broadcast_to(attention.out.bias.data, (T, C)))
    dx = backward(np.ones_like(y))
    assert not dx[0].any() and not maps[0][0].any() and np.isfinite(dx).all()
    np.testing.assert_allclose(maps[0][1:].sum(axis=-1), 1, **CLOSE)


@checks(MultiHeadAttention, Dropout)
def test_dropout_falls_on_the_probabilities_and_leaves_the_maps_whole():
    attention, x = made(lambda rng: fused(rng, dropout=Dropout(0.5)), 0, (2, 5, C))
    maps, plain_maps = [], []
    y, _ = attention(x, rng=np.random.default_rng(0), maps=maps)
    plain, _ = attention(x, maps=plain_maps)
    np.testing.assert_array_equal(maps[0], plain_maps[0])
    assert not np.allclose(y, plain)
    draws = np.mean([attention(x, rng=np.random.default_rng(seed))[0] for seed in range(4000)], axis=0)
    np.testing.assert_allclose(draws, plain, atol=0.2)


@checks(MultiHeadAttention)
@pytest.mark.parametrize("channels, n_head", [(4, 3), (4, 0), (4, -1), (3, 4)])
def test_heads_must_divide_the_channels(channels, n_head):
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match=f"divisible by n_head; got {channels} channels, n_head={n_head}"):
        MultiHeadAttention(FusedProjections(channels, rng=rng), Linear(channels, channels, rng=rng), n_head)


@checks(FusedProjections)
def test_fused_projections_refuse_a_memory():
    attention, x = made(fused, 0, (1, 2, C))
    with pytest.raises(ConfigError, match="SeparateProjections"):
        attention(x, memory=x)
