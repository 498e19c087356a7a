"""Multi-head attention: its cache, its projections, its masks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.cache import LayerCache
from scratchgpt.errors import ConfigError
from scratchgpt.layers import (Dropout, FusedProjections, Linear, MultiHeadAttention, NormedProjections,
                               RMSNorm, ScaledDotProductAttention, SeparateProjections)
from tests import laws, oracles
from tests.checks import checks
from tests.layers.cases import C_MEMORY, C, D, H, fused, separate
from tests.layers.llama_cases import EVEN, HEADS, SHARED, grouped, normed

CLOSE = dict(rtol=1e-11, atol=1e-12)
SELF = {"fused": fused, "separate": separate, "grouped": grouped}
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


def normed_crossing(rng):
    attention = crossing(rng)
    attention.project = NormedProjections(attention.project, RMSNorm(D, 1e-5), RMSNorm(D, 1e-5))
    return attention


@checks(MultiHeadAttention, SeparateProjections, NormedProjections)
@pytest.mark.parametrize("build", [crossing, normed_crossing])
@given(B=st.integers(1, 3), T=st.integers(1, 6), S=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_cross_attention_projects_the_memory_once_and_then_reads_its_cache(build, B, T, S, seed):
    attention, x, memory, dy = made(build, seed, (B, T, C), (B, S, C_MEMORY), (B, 1, C))
    whole, _ = attention(x, memory)
    to_keys = getattr(attention.project, "project", attention.project).k
    asked, forward = [], to_keys.forward
    to_keys.forward = lambda m: asked.append(1) or forward(m)
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


@checks(MultiHeadAttention)
def test_a_turn_by_positions_is_refused_where_there_are_two_texts():
    attention, x, memory = made(crossing, 0, (1, 3, C), (1, 3, C_MEMORY))
    turn = np.ones((1, 3, 1, D // 2)), np.zeros((1, 3, 1, D // 2))
    with pytest.raises(ConfigError, match="rotation"):
        attention(x, memory, rotation=turn)


@checks(FusedProjections)
def test_fused_projections_refuse_a_memory():
    attention, x = made(fused, 0, (1, 2, C))
    with pytest.raises(ConfigError, match="SeparateProjections"):
        attention(x, memory=x)


# shared heads, windows, turns -----------------------------------------------------------------------------------------

shared = given(B=st.integers(1, 2), T=st.integers(1, 5), K=st.sampled_from([1, 2, 4]),
               window=st.none() | st.integers(1, 4), seed=st.integers(0, 2**32 - 1))


@checks(MultiHeadAttention, SeparateProjections)
@shared
def test_grouped_attention_is_that_of_its_definition_in_either_form(B, T, K, window, seed):
    attention, x = made(lambda rng: grouped(rng, K, window), seed, (B, T, C))
    positions, w = np.random.default_rng(seed).integers(0, 50, (B, T)), oracles.rotary_frequencies(EVEN, 100.0)
    rotation = formulas.rotation(positions, w, x)
    (q, k, v), _ = attention.project(x)
    q, k, v = (a.reshape(B, T, -1, EVEN) for a in (q, k, v))
    q, k, v = (a.swapaxes(1, 2) for a in (oracles.rotate(q, positions, w), oracles.rotate(k, positions, w), v))
    o, p = oracles.grouped_attention(q, k, v, oracles.causal_mask(T, T, window))
    merged, out = o.swapaxes(1, 2).reshape(B, T, HEADS * EVEN), attention.out
    expected = oracles.linear(merged, out.weight.data, out.bias.data)
    maps = []
    for options in ({}, {"maps": maps}, {"mask": np.ones((1, 1, 1, 1), bool)}):
        np.testing.assert_allclose(attention(x, causal=True, rotation=rotation, **options)[0], expected, **CLOSE)
    np.testing.assert_allclose(maps[0], p, **CLOSE)


@checks(MultiHeadAttention)
@shared
def test_shared_heads_are_equal_heads_of_a_wider_attention_and_their_gradient_is_the_sum(B, T, K, window, seed):
    few, x, dy = made(lambda rng: grouped(rng, K, window), seed, (B, T, C), (B, T, C))
    many, G = grouped(np.random.default_rng(0), HEADS, window).astype(np.float64), HEADS // K
    for name, parameter in many.named_parameters():
        parameter.data = data = dict(few.named_parameters())[name].data
        if name.startswith(("project.k", "project.v")):
            heads = data.reshape(*data.shape[:-1], K, EVEN)
            parameter.data = heads.repeat(G, axis=-2).reshape(*data.shape[:-1], -1)
    (y, back), (y_many, back_many) = (attention(x, causal=True) for attention in (few, many))
    np.testing.assert_allclose(y, y_many, **CLOSE)
    np.testing.assert_allclose(back(dy), back_many(dy), rtol=1e-10, atol=1e-11)
    for name, parameter in few.named_parameters():
        found = dict(many.named_parameters())[name].grad
        if name.startswith(("project.k", "project.v")):
            found = found.reshape(*found.shape[:-1], K, G, EVEN).sum(axis=-2).reshape(parameter.shape)
        np.testing.assert_allclose(parameter.grad, found, rtol=1e-10, atol=1e-11, err_msg=name)


@checks(MultiHeadAttention, LayerCache)
@shared
def test_cached_grouped_attention_with_turns_and_window_is_the_whole_wherever_it_is_cut(B, T, K, window, seed):
    attention, x, dy = made(lambda rng: grouped(rng, K, window), seed, (B, T, C), (B, T, C))
    cos, sin = formulas.rotation(np.arange(7, 7 + T)[None], formulas.rotary_frequencies(EVEN, 100.0), x)
    whole, _ = attention(x, causal=True, rotation=(cos, sin))
    for cut in range(1, T):
        for maps in (None, []):
            cache, parts = LayerCache(), []
            for part in (slice(0, cut), slice(cut, T)):
                y, _ = attention(x[:, part], causal=True, rotation=(cos[:, part], sin[:, part]), cache=cache, maps=maps)
                parts.append(y)
            np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, **CLOSE)
            assert cache.length == T and cache.kept()[0].shape == (B, K, T, EVEN)


@checks(MultiHeadAttention)
@given(K=st.sampled_from([1, 2]), past=st.integers(1, 3), T=st.integers(1, 3), window=st.none() | st.integers(1, 3),
       tiled=st.booleans(), seed=st.integers(0, 2**32 - 1))
def test_gradients_through_turns_a_window_and_a_cache_take_the_past_as_a_constant(K, past, T, window, tiled, seed):
    attention, x, dy = made(lambda rng: grouped(rng, K, window), seed, (1, past + T, C), (1, T, C))
    weights = {name: parameter.data for name, parameter in attention.named_parameters()}

    def turns(x, start):
        return formulas.rotation(np.arange(start, start + x.shape[1])[None], formulas.rotary_frequencies(EVEN, 9.0), x)
    cache = LayerCache()
    attention(x[:, :past], causal=True, rotation=turns(x[:, :past], 0), cache=cache)
    keys, values = (a.copy() for a in cache.kept())

    def run(new):
        cache = LayerCache()
        cache.append(keys + 0 * new.sum(), values + 0 * new.sum())        # constants, of the same dtype
        return attention(new, causal=True, rotation=turns(new, past), cache=cache, maps=None if tiled else [])

    def f(arrays):
        for name, parameter in attention.named_parameters():
            parameter.data = arrays[name]
        return run(arrays["x"])[0]
    attention.zero_grad()
    dx = run(x[:, past:])[1](dy)
    gradients = {name: parameter.grad for name, parameter in attention.named_parameters()}
    laws.check_gradient(f, {"x": x[:, past:], **weights}, {"x": dx, **gradients}, dy)


@checks(MultiHeadAttention)
@shared
def test_what_has_left_the_window_is_not_seen(B, T, K, window, seed):
    window = window or 2
    attention, x, other = made(lambda rng: grouped(rng, K, window), seed, (B, T, C), (B, T, C))
    y, _ = attention(x, causal=True)
    for t in range(T):
        changed = x.copy()
        changed[:, :max(0, t - window + 1)] = other[:, :max(0, t - window + 1)]
        np.testing.assert_allclose(attention(changed, causal=True)[0][:, t:t + 1], y[:, t:t + 1], **CLOSE)
    free, _ = attention(x)                                                # windows are for causal calls
    np.testing.assert_allclose(free, attention(x, mask=np.ones((T, T), bool))[0], **CLOSE)


@checks(ScaledDotProductAttention)
@given(B=st.integers(1, 2), K=st.sampled_from([1, 2, 4]), T=st.integers(1, 4), past=st.integers(0, 3),
       window=st.none() | st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_both_forms_of_grouped_attention_agree_in_values_and_gradients(B, K, T, past, window, seed):
    rng = np.random.default_rng(seed)
    q, do = rng.normal(size=(2, B, HEADS, T, EVEN))
    k, v = rng.normal(size=(2, B, K, past + T, EVEN))
    results = []
    for options in ({}, {"mask": np.ones((1, 1, 1, past + T), bool)}, {"maps": []}):
        o, backward = ScaledDotProductAttention()(q, k, v, causal=True, window=window, **options)
        results.append((o, *backward(do)))
    for result in results[1:]:
        for found, expected in zip(result, results[0], strict=True):
            np.testing.assert_allclose(found, expected, **CLOSE)


@checks(NormedProjections)
@batches
def test_normed_queries_and_keys_have_unit_mean_square_in_every_head_and_bounded_scores(B, T, seed):
    projections, x = made(normed, seed, (B, T, C))
    for norm in (projections.q_norm, projections.k_norm):
        norm.weight.data, norm.eps = np.ones(EVEN), 1e-12
    (q, k, v), _ = projections(100 * x)
    plain, _ = projections.project(100 * x)
    np.testing.assert_array_equal(v, plain[2])
    q, k = (a.reshape(B, T, -1, EVEN) for a in (q, k))
    np.testing.assert_allclose((q ** 2).mean(axis=-1), 1, rtol=1e-6)
    scores = np.einsum("bthd,bsjd->bthsj", q, k) / np.sqrt(EVEN)
    assert np.abs(scores).max() <= np.sqrt(EVEN) * (1 + 1e-9)
    for heads, whole in ((q, plain[0]), (k, plain[1])):
        whole = whole.reshape(heads.shape)
        np.testing.assert_allclose(heads, oracles.rms_norm(whole, [1.0] * EVEN, 1e-12), rtol=1e-9)


@checks(MultiHeadAttention)
@pytest.mark.parametrize("n_kv_head", [3, 0, -1, 8])
def test_shared_heads_must_divide_the_query_heads(n_kv_head):
    rng = np.random.default_rng(0)
    project, out = SeparateProjections(C, HEADS * EVEN, rng=rng), Linear(HEADS * EVEN, C, rng=rng)
    with pytest.raises(ConfigError, match=f"divisible by n_kv_head; got n_head=4, n_kv_head={n_kv_head}"):
        MultiHeadAttention(project, out, HEADS, n_kv_head=n_kv_head)


@checks(MultiHeadAttention)
@pytest.mark.parametrize("window", [0, -1])
def test_a_window_in_which_a_token_does_not_see_itself_is_refused(window):
    with pytest.raises(ConfigError, match=f"window must be at least 1.*got {window}"):
        grouped(np.random.default_rng(0), SHARED, window)
