"""Batches and evaluation: targets are the inputs moved by one, and every token but the first is predicted once."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgpt as sg
from scratchgpt.training import Evaluation, evaluate, get_batch, load_tokens, save_tokens, windows
from scratchgpt.training.batches import IGNORED
from tests.checks import checks

sizes = st.integers(1, 9)


@checks(get_batch)
@given(st.integers(2, 60), st.integers(1, 20), sizes, st.integers(0, 9))
def test_targets_are_the_inputs_moved_by_one(length, context, batch, seed):
    if length <= context:
        with pytest.raises(sg.DataError, match="longer than the context"):
            get_batch(np.arange(length), batch, context, np.random.default_rng(seed))
        return
    x, y = get_batch(np.arange(length, dtype=np.uint16), batch, context, np.random.default_rng(seed))
    assert x.shape == y.shape == (batch, context) and x.dtype == np.int64
    np.testing.assert_array_equal(y, x + 1)                            # the tokens count up, so that places show
    assert x.min() >= 0 and y.max() < length


@checks(get_batch)
def test_every_place_of_a_text_is_drawn():
    x, _ = get_batch(np.arange(12), 400, 4, np.random.default_rng(0))
    assert set(x[:, 0].tolist()) == set(range(8))


@checks(windows)
@given(st.integers(0, 80), st.integers(1, 12), sizes)
def test_every_token_but_the_first_is_predicted_once(length, context, batch):
    pairs = list(windows(np.arange(length), batch, context))
    predicted = [int(token) for _, y in pairs for token in y.reshape(-1)]
    assert predicted == list(range(1, length))
    for x, y in pairs:
        np.testing.assert_array_equal(y, x + 1)
        assert x.shape[0] <= batch and x.shape[1] <= context


@checks(windows)
@given(st.integers(0, 80), st.integers(1, 12), sizes, st.data())
def test_overlapping_windows_predict_every_token_once_from_a_long_past(length, context, batch, data):
    stride = data.draw(st.integers(1, context))
    predicted = []
    for x, y in windows(np.arange(length), batch, context, stride):
        counts = y != IGNORED
        np.testing.assert_array_equal(y[counts], x[counts] + 1)
        assert x.shape[0] <= batch and x.shape[1] <= context
        for row, targets in zip(x, y):
            seen = np.flatnonzero(targets != IGNORED) + 1                 # how many tokens each prediction sees
            assert row[0] == 0 or (seen > context - stride).all()
            predicted += targets[targets != IGNORED].tolist()
    assert predicted == list(range(1, length))


@checks(windows)
@pytest.mark.parametrize("stride", [0, 5])
def test_windows_leave_no_gaps(stride):
    with pytest.raises(sg.DataError, match="stride"):
        next(windows(np.arange(50), 2, 4, stride))


@checks(save_tokens, load_tokens)
@given(st.lists(st.integers(0, 1 << 17), max_size=50))
def test_tokens_come_back_from_disk(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("tokens") / "t.npy"
    save_tokens(np.array(ids, np.int64), path)
    back = load_tokens(path)
    assert back.tolist() == ids
    assert back.dtype.itemsize == (2 if max(ids, default=0) < 1 << 16 else 4)


@checks(load_tokens)
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"not an array", None])
def test_a_file_that_holds_no_tokens_is_refused_by_name(tmp_path, content):
    path = tmp_path / "bad.npy"
    if content is None:
        np.save(path, np.ones((2, 2)))
    else:
        path.write_bytes(content)
    with pytest.raises(sg.DataError, match="bad.npy"):
        load_tokens(path)


@checks(load_tokens)
def test_a_pickled_array_is_never_run(tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(sg.DataError, match="evil.npy"):
        load_tokens(tmp_path / "evil.npy")


@checks(evaluate, Evaluation)
@given(st.integers(2, 40), st.integers(1, 8), st.integers(0, 99))
def test_an_evaluation_is_the_mean_surprise_of_a_bigram_by_hand(length, context, seed):
    rng = np.random.default_rng(seed)
    model = sg.BigramLM(sg.BigramConfig(5), rng=rng).astype(np.float64)
    tokens = rng.integers(0, 5, length)
    seen = []
    result = evaluate(model, tokens, context, batch_size=3, on_batch=seen.append)
    table = model.table.weight.data
    surprise = [math.log(sum(math.exp(s) for s in table[a])) - table[a][b] for a, b in zip(tokens, tokens[1:])]
    assert result.tokens == length - 1 == sum(seen)
    assert result.loss == pytest.approx(sum(surprise) / (length - 1), rel=1e-12)
    assert result.perplexity == pytest.approx(math.exp(result.loss))
    assert result.bits_per_byte(2 * result.tokens) == pytest.approx(result.loss / math.log(2) / 2)


@checks(evaluate)
def test_one_token_has_nothing_to_predict():
    model = sg.BigramLM(sg.BigramConfig(5), rng=np.random.default_rng(0))
    with pytest.raises(sg.DataError, match="at least 2 tokens"):
        evaluate(model, np.array([1]), 4)
