"""Attention: an average of the values, of those that a query may see."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchgpt import formulas
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, frozen, leads, scales, seeds, sizes

pytestmark = pytest.mark.filterwarnings("error")
MASKS = ("none", "causal", "random", "per key", "nowhere")


def draw_mask(kind, seed, lead, T, S):
    """A mask by its kind; one of random booleans may leave a query with nothing to see, and one key for all hides S."""
    rng = np.random.default_rng([seed, 2])
    made = {"none": lambda: None, "causal": lambda: formulas.causal_mask(T, max(S, T), np.empty(0))[:, -S:],
            "random": lambda: rng.random((*lead, T, S)) < 0.6, "per key": lambda: rng.random((*lead, 1, S)) < 0.6,
            "nowhere": lambda: np.zeros((T, S), bool)}
    mask = made[kind]()
    return mask if mask is None else frozen(mask)


def draw_dropped(seed, shape, p):
    """keep / (1 - p); None where nothing is dropped."""
    keep = np.random.default_rng([seed, 3]).random(shape) >= p
    return None if p == 0 else frozen(keep / (1 - p))


@checks(formulas.attention)
@given(lead=leads, T=sizes, S=sizes, D=sizes, scale=scales, seed=seeds, kind=st.sampled_from(MASKS),
       p_drop=st.sampled_from([0.0, 0.5]))
def test_attention_equals_its_definition_query_by_query(lead, T, S, D, scale, seed, kind, p_drop):
    q, k, v = draw(seed, (*lead, T, D), (*lead, S, D), (*lead, S, D), scale=scale)
    mask, dropped = draw_mask(kind, seed, lead, T, S), draw_dropped(seed, (*lead, T, S), p_drop)
    for ours, theirs in zip(formulas.attention(q, k, v, mask, dropped), oracles.attention(q, k, v, mask, dropped)):
        assert_close(ours, theirs)


@checks(formulas.attention, formulas.attention_backward)
@given(lead=leads, T=sizes, S=sizes, D=sizes, seed=seeds, kind=st.sampled_from(MASKS),
       p_drop=st.sampled_from([0.0, 0.5]))
def test_gradients_of_attention(lead, T, S, D, seed, kind, p_drop):
    q, k, v = draw(seed, (*lead, T, D), (*lead, S, D), (*lead, S, D))
    mask, dropped = draw_mask(kind, seed, lead, T, S), draw_dropped(seed, (*lead, T, S), p_drop)

    def cast(q):
        return None if dropped is None else frozen(dropped.astype(q.real.dtype))

    def backward(do, q, k, v):
        p = frozen(formulas.attention(q, k, v, mask, cast(q))[1])
        return formulas.attention_backward(do, q, k, v, p, cast(q))
    check_twin(lambda q, k, v: formulas.attention(q, k, v, mask, cast(q)), backward, q, k, v, seed=seed)


@checks(formulas.attention, formulas.attention_backward)
@given(T=sizes, S=sizes, D=sizes, seed=seeds)
def test_attention_gives_zeros_where_a_query_may_look_nowhere(T, S, D, seed):
    q, k, v, do = draw(seed, (2, T, D), (2, S, D), (2, S, D), (2, T, D))
    mask = np.ones((2, T, S), bool)
    mask[0, 0] = False
    o, p = formulas.attention(q, k, v, mask)
    assert not o[0, 0].any() and not p[0, 0].any() and p[1].all()
    dq, dk, dv = formulas.attention_backward(do, q, k, v, p)
    assert not dq[0, 0].any()
    without = formulas.attention_backward(do[0, 1:], q[0, 1:], k[0], v[0], p[0, 1:])
    for gradient, expected in zip((dq[0, 1:], dk[0], dv[0]), without):
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-14)


@checks(formulas.attention, formulas.attention_backward)
@given(T=sizes, S=st.integers(2, 5), D=sizes, seed=seeds)
def test_a_masked_key_is_as_if_it_were_not_there(T, S, D, seed):
    q, k, v, do = draw(seed, (T, D), (S, D), (S, D), (T, D))
    seen = np.arange(S) < S - 1
    (o, p), (o_without, _) = formulas.attention(q, k, v, seen), formulas.attention(q, k[:-1], v[:-1])
    np.testing.assert_allclose(o, o_without, rtol=1e-12, atol=1e-14)
    _, dk, dv = formulas.attention_backward(do, q, k, v, p)
    assert not p[:, -1].any() and not dk[-1].any() and not dv[-1].any()


@checks(formulas.attention)
@given(lead=leads, T=sizes, S=sizes, D=sizes, scale=scales, seed=seeds)
def test_every_output_lies_between_the_values_it_averages(lead, T, S, D, scale, seed):
    q, k, v = draw(seed, (*lead, T, D), (*lead, S, D), (*lead, S, D), scale=scale)
    o, p = formulas.attention(q, k, v)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-14)
    slack = 1e-12 * scale
    assert (o <= v.max(axis=-2, keepdims=True) + slack).all() and (o >= v.min(axis=-2, keepdims=True) - slack).all()


@checks(formulas.attention)
@given(T=sizes, S=sizes, D=sizes, seed=seeds)
def test_attention_does_not_care_for_the_order_of_keys(T, S, D, seed):
    q, k, v = draw(seed, (T, D), (S, D), (S, D))
    order = np.random.default_rng(seed).permutation(S)
    np.testing.assert_allclose(formulas.attention(q, k[order], v[order])[0], formulas.attention(q, k, v)[0],
                               rtol=1e-12, atol=1e-14)


@checks(formulas.attention)
@given(S=sizes, D=sizes, seed=seeds)
def test_a_query_of_zeros_takes_the_plain_mean(S, D, seed):
    k, v = draw(seed, (S, D), (S, D))
    np.testing.assert_allclose(formulas.attention(np.zeros((1, D)), k, v)[0][0], v.mean(axis=0), rtol=1e-12, atol=1e-15)


@checks(formulas.attention)
def test_the_scale_keeps_the_scores_of_unit_normal_vectors_at_unit_variance():
    for D in (4, 64):
        q, k, v = draw(D, (300, D), (300, D), (300, D))
        p = formulas.attention(q, k, v)[1]
        scores = np.log(p) - np.log(p).mean(axis=-1, keepdims=True)
        assert abs(scores.var() - 1) < 0.1


@checks(formulas.attention, formulas.causal_mask)
@given(T=st.integers(2, 5), D=sizes, seed=seeds)
def test_under_a_causal_mask_the_future_changes_nothing(T, D, seed):
    q, k, v, k2, v2 = draw(seed, *5 * [(T, D)])
    mask = formulas.causal_mask(T, T, q)
    o = formulas.attention(q, k, v, mask)[0]
    for t in range(1, T):
        mixed = [np.concatenate([old[:t], new[t:]]) for old, new in ((k, k2), (v, v2))]
        np.testing.assert_array_equal(formulas.attention(q, *mixed, mask)[0][:t], o[:t])


@checks(formulas.causal_mask)
@given(T=st.integers(0, 6), past=st.integers(0, 6), window=st.none() | st.integers(1, 8))
def test_the_causal_mask_equals_its_definition(T, past, window):
    mask = formulas.causal_mask(T, past + T, np.empty(0, np.float32), window)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, oracles.causal_mask(T, past + T, window))


@checks(formulas.causal_mask)
@given(T=st.integers(1, 6), past=st.integers(0, 6), window=st.none() | st.integers(1, 8))
def test_the_last_rows_of_a_long_mask_are_the_mask_of_the_last_queries(T, past, window):
    last, whole = (formulas.causal_mask(queries, past + T, np.empty(0), window) for queries in (T, past + T))
    np.testing.assert_array_equal(last, whole[past:])


@checks(formulas.causal_mask)
@given(T=st.integers(1, 6), past=st.integers(0, 6), window=st.integers(1, 8))
def test_in_a_window_every_query_sees_as_many_keys_as_it_is_wide_or_all_there_are(T, past, window):
    mask = formulas.causal_mask(T, past + T, np.empty(0), window)
    np.testing.assert_array_equal(mask.sum(axis=1), np.minimum(window, np.arange(past + 1, past + T + 1)))
    assert mask[:, past:].diagonal().all()


@checks(formulas.padding_mask)
@given(B=sizes, S=sizes, seed=seeds, dtype=st.sampled_from([bool, np.int64, np.float32]))
def test_the_padding_mask_hides_padding_from_every_head_and_query(B, S, seed, dtype):
    words = (np.random.default_rng(seed).random((B, S)) < 0.5).astype(dtype)
    mask = formulas.padding_mask(words)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, oracles.padding_mask(words))


@checks(formulas.padding_mask, formulas.causal_mask, formulas.attention)
@given(T=sizes, seed=seeds)
def test_masks_combine_by_and(T, seed):
    words = np.random.default_rng(seed).random((2, T)) < 0.7
    q, k, v = draw(seed, *3 * [(2, 3, T, 4)])
    mask = formulas.padding_mask(words) & formulas.causal_mask(T, T, q)
    p = formulas.attention(q, k, v, mask)[1]
    for b, h, t, s in np.ndindex(p.shape):
        assert (p[b, h, t, s] > 0) == (words[b, s] and s <= t)


@checks(formulas.attention)
@given(T=sizes, S=sizes, D=sizes, seed=seeds)
def test_dropped_probabilities_take_their_values_along_and_p_is_what_it_was_before(T, S, D, seed):
    q, k, v = draw(seed, (T, D), (S, D), (S, D))
    dropped = draw_dropped(seed, (T, S), 0.5)
    assume(dropped is not None)
    o, p = formulas.attention(q, k, v, None, dropped)
    np.testing.assert_array_equal(p, formulas.attention(q, k, v)[1])
    np.testing.assert_allclose(o, (p * dropped) @ v, rtol=1e-14, atol=1e-15)


@checks(formulas.attention)
@pytest.mark.parametrize("dtype, far", [(np.float32, 1e18), (np.float64, 1e150)])
def test_the_largest_scores_neither_overflow_nor_become_nan(dtype, far):
    q, k, v = np.full((2, 1), far, dtype), np.array([[far], [-far], [0]], dtype), np.array([[1], [2], [3]], dtype)
    o, p = formulas.attention(q, k, v, np.array([[True, True, True], [False, True, True]]))
    np.testing.assert_array_equal(p, np.array([[1, 0, 0], [0, 0, 1]], dtype))
    np.testing.assert_array_equal(o, np.array([[1], [3]], dtype))
    assert math.isfinite(o.sum())
