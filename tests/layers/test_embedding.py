"""Tables of vectors: tokens, learned positions, waves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.errors import ConfigError
from scratchgpt.layers import Embedding, LearnedPositions, SinusoidalPositions
from tests.checks import checks


def table(V=5, C=4, seed=0):
    return Embedding(V, C, rng=np.random.default_rng(seed)).astype(np.float64)


@checks(Embedding)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(0, 99))
def test_a_row_gathers_the_gradients_of_all_its_readers(ids, seed):
    embedding, dy = table(), np.random.default_rng(seed).normal(size=(len(ids), 4))
    y, backward = embedding(np.array(ids))
    np.testing.assert_array_equal(y, embedding.weight.data[ids])
    assert backward(dy) is None
    expected = np.zeros((5, 4))
    for id, row in zip(ids, dy):
        expected[id] += row
    np.testing.assert_allclose(embedding.weight.grad, expected, rtol=1e-12, atol=1e-14)


@checks(Embedding)
def test_used_as_table_and_as_head_its_gradient_is_the_sum_in_either_order():
    ids, h = np.array([1, 3, 1]), np.random.default_rng(0).normal(size=(2, 4))
    grads = []
    for order in ((0, 1), (1, 0)):
        embedding = table()
        backs = [embedding(ids)[1], embedding.unembed(h)[1]]
        dys = [np.ones((3, 4)), np.ones((2, 5))]
        for i in order:
            backs[i](dys[i])
        grads.append(embedding.weight.grad)
    expected = np.tile(h.sum(axis=0), (5, 1)) + np.array([0, 2, 0, 1, 0])[:, None]
    for grad in grads:
        np.testing.assert_allclose(grad, expected, rtol=1e-12)


@checks(Embedding)
def test_a_frozen_table_is_read_and_gets_no_gradient(monkeypatch):
    embedding = table()
    embedding.weight.trainable = False
    monkeypatch.setattr(formulas, "add_rows", None)
    monkeypatch.setattr(formulas, "linear_weight_gradient", None)
    embedding(np.array([1]))[1](np.ones((1, 4)))
    dh = embedding.unembed(np.ones((1, 4)))[1](np.ones((1, 5)))
    np.testing.assert_allclose(dh, embedding.weight.data.sum(axis=0)[None])
    assert embedding.weight.grad is None


@checks(Embedding)
@pytest.mark.parametrize("sizes", [(0, 4), (4, 0), (-1, 1)])
def test_a_table_without_rows_or_channels_is_refused(sizes):
    with pytest.raises(ConfigError, match="at least one row"):
        Embedding(*sizes, rng=np.random.default_rng(0))


@checks(LearnedPositions, SinusoidalPositions)
@pytest.mark.parametrize("make", [lambda: LearnedPositions(9, 4, rng=np.random.default_rng(0)).astype(np.float64),
                                  SinusoidalPositions])
@given(T=st.integers(1, 5), offset=st.integers(0, 4))
def test_an_offset_gives_the_positions_that_the_whole_text_has_there(make, T, offset):
    positions, x = make(), np.random.default_rng(0).normal(size=(2, 9, 4))
    whole, _ = positions(x)
    part = slice(offset, offset + T)
    np.testing.assert_array_equal(positions(x[:, part], offset)[0], whole[:, part])
    np.testing.assert_array_equal(positions(x[0, part], offset)[0], whole[0, part])


@checks(LearnedPositions)
@given(T=st.integers(1, 12), offset=st.integers(0, 12))
def test_positions_beyond_the_table_are_refused_and_the_last_one_is_not(T, offset):
    positions, x = LearnedPositions(9, 4, rng=np.random.default_rng(0)), np.zeros((1, T, 4), np.float32)
    if offset + T > 9:
        with pytest.raises(ConfigError, match=f"below n_positions=9; got {T} tokens from position {offset}"):
            positions(x, offset)
    else:
        assert positions(x, offset)[0].shape == (1, T, 4)


@checks(LearnedPositions)
def test_only_the_positions_used_get_a_gradient():
    positions = LearnedPositions(9, 4, rng=np.random.default_rng(0))
    positions(np.zeros((3, 2, 4), np.float32), 5)[1](np.ones((3, 2, 4), np.float32))
    np.testing.assert_array_equal(positions.weight.grad[:, 0], [0, 0, 0, 0, 0, 3, 3, 0, 0])


@checks(LearnedPositions)
@given(B=st.integers(1, 3), T=st.integers(1, 5), seed=st.integers(0, 99))
def test_places_given_one_by_one_are_read_and_gather_the_gradients_of_their_readers(B, T, seed):
    rng = np.random.default_rng(seed)
    table, x = LearnedPositions(9, 4, rng=rng).astype(np.float64), rng.normal(size=(B, T, 4))
    at = rng.integers(0, 9, (B, T))
    y, backward = table(x, at)
    dy, expected = rng.normal(size=x.shape), np.zeros((9, 4))
    for b, t in np.ndindex(B, T):
        np.testing.assert_array_equal(y[b, t], x[b, t] + table.weight.data[at[b, t]])
        expected[at[b, t]] += dy[b, t]
    assert backward(dy) is dy
    np.testing.assert_allclose(table.weight.grad, expected, rtol=1e-12, atol=1e-14)
    following = np.repeat(np.arange(2, 2 + T)[None], B, axis=0)
    np.testing.assert_array_equal(table(x, following)[0], table(x, 2)[0])


@checks(SinusoidalPositions)
@given(st.lists(st.integers(0, 8), min_size=6, max_size=6))
def test_places_given_one_by_one_get_the_waves_of_those_places(at):
    x, at = np.random.default_rng(0).normal(size=(2, 3, 4)), np.reshape(at, (2, 3))
    waves, _ = SinusoidalPositions()(np.zeros((9, 4)))
    np.testing.assert_array_equal(SinusoidalPositions()(x, at)[0], x + waves[at])


@checks(SinusoidalPositions)
def test_waves_come_in_pairs_and_have_nothing_to_learn():
    assert SinusoidalPositions().parameters() == []
    with pytest.raises(ConfigError, match="C=3"):
        SinusoidalPositions()(np.zeros((1, 2, 3)))
