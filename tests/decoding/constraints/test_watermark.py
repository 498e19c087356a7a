"""The watermark and its detector."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints import WatermarkDetector, WatermarkDetectorOutput, watermark
from scratchgpt.decoding.constraints.green_lists import GreenLists
from scratchgpt.errors import GenerationError
from tests.checks import checks

SCHEMES = st.fixed_dictionaries({"seeding_scheme": st.sampled_from(["lefthash", "selfhash"]),
                                 "context_width": st.integers(1, 3), "hashing_key": st.integers(0, 2**20)})


def draw(rng, count, V=60, **settings):
    """Tokens drawn from random scores, marked."""
    ids, processor = [0, 1, 2], watermark(**settings)
    for _ in range(count):
        scores = processor(np.array([ids]), 2 * rng.normal(size=(1, V)))
        ids.append(int((scores + rng.gumbel(size=scores.shape)).argmax()))
    return ids


@checks(watermark)
@given(SCHEMES, st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]))
def test_just_the_green_tokens_gain_the_bias_and_rows_are_taken_by_themselves(settings, seed, dtype):
    lists, V = GreenLists(**settings), 30
    rng = np.random.default_rng(seed)
    ids, scores = rng.integers(0, V, (3, 4)), rng.normal(size=(3, V)).astype(dtype)
    ids[1, :3] = -1                                                             # one token only
    scores[2, :5] = -np.inf
    ids.flags.writeable = scores.flags.writeable = False
    found = watermark(**settings)(ids, scores)
    assert found.dtype == dtype
    for b in range(3):
        before = tuple(ids[b, 4 - lists.n_before:].tolist())
        expected = [s + 2 if min(before, default=0) >= 0 and lists.is_green(before, v, V) else s
                    for v, s in enumerate(scores[b])]
        np.testing.assert_array_equal(found[b], np.array(expected, dtype))


@checks(watermark)
def test_selfhash_looks_at_the_forty_likeliest_only():
    scores = np.arange(200.0)[None]
    lists = GreenLists(seeding_scheme="selfhash")
    gained = np.flatnonzero(watermark(seeding_scheme="selfhash")(np.array([[3]]), scores)[0] != scores[0])
    assert gained.tolist() == [v for v in range(160, 200) if lists.is_green((), v, 200)] and gained.size


@checks(watermark)
def test_a_place_without_a_token_before_it_is_left_alone():
    scores = np.zeros((2, 9))
    np.testing.assert_array_equal(watermark()(np.zeros((2, 0), int), scores), scores)
    np.testing.assert_array_equal(watermark()(np.full((2, 3), -1), scores), scores)


@checks(WatermarkDetector)
@pytest.mark.parametrize("ratio, key", [(0.25, 1), (0.5, 2), (0.75, 3)])
def test_over_all_unmarked_texts_z_has_mean_zero_and_variance_one(ratio, key):
    every = np.array(list(product(range(4), repeat=4)))                     # each list has just its share: by counting
    found = WatermarkDetector(4, greenlist_ratio=ratio, hashing_key=key)(every)
    assert abs(found.z_score.mean()) < 1e-12 and abs((found.z_score ** 2).mean() - 1) < 1e-12
    assert (found.num_tokens_scored == 3).all()


@checks(WatermarkDetector, WatermarkDetectorOutput)
@given(SCHEMES, st.integers(0, 2**32 - 1))
def test_the_scores_are_those_of_the_counts(settings, seed):
    lists, ids = GreenLists(**settings), np.random.default_rng(seed).integers(0, 8, 30)
    found, n = WatermarkDetector(8, **settings)(np.array([[-1, *ids]]), z_threshold=1.0), lists.n_before
    green = [lists.is_green(tuple(ids[t - n:t].tolist()), int(ids[t]), 8) for t in range(n, 30)]
    z = (sum(green) - 0.25 * len(green)) / math.sqrt(len(green) * 0.25 * 0.75)
    assert (found.num_tokens_scored[0], found.num_green_tokens[0]) == (len(green), sum(green))
    np.testing.assert_allclose(found.z_score, [z], rtol=1e-11)
    np.testing.assert_allclose(found.p_value, [math.erfc(z / math.sqrt(2)) / 2], rtol=1e-9)
    np.testing.assert_allclose(found.green_fraction, [sum(green) / len(green)], rtol=1e-11)
    assert found.prediction.tolist() == [z > 1]


@checks(watermark, WatermarkDetector)
@pytest.mark.parametrize("settings", [{}, {"context_width": 2}, {"seeding_scheme": "selfhash", "context_width": 2},
                                      {"greenlist_ratio": 0.5, "bias": 3.0}])
def test_marked_text_is_found_and_unmarked_text_and_another_key_are_not(settings):
    rng = np.random.default_rng(0)
    marked, unmarked = draw(rng, 150, **settings), rng.integers(0, 60, 153).tolist()
    found = WatermarkDetector(60, **settings)(np.array([marked, unmarked]))
    assert found.z_score[0] > 5 and abs(found.z_score[1]) < 3 and found.prediction.tolist() == [True, False]
    assert found.p_value[0] < 1e-6
    assert abs(WatermarkDetector(60, **{**settings, "hashing_key": 99})(np.array([marked])).z_score[0]) < 3


@checks(WatermarkDetector)
def test_what_is_repeated_counts_once_if_asked_for():
    ids = np.array([[1, 2, 1, 2, 1, 2, 1, 2]])
    assert WatermarkDetector(8)(ids).num_tokens_scored.tolist() == [7]
    assert WatermarkDetector(8, ignore_repeated_ngrams=True)(ids).num_tokens_scored.tolist() == [2]


@checks(watermark, WatermarkDetector)
@pytest.mark.parametrize("make, says", [
    (lambda: WatermarkDetector(0), "vocab_size must be an integer >= 1"),
    (lambda: WatermarkDetector(3), "greenlist_ratio must leave a green token; got 0.25 of 3 tokens"),
    (lambda: watermark()(np.array([[1]]), np.zeros((1, 3))), "greenlist_ratio must leave a green token; got 0.25 of 3"),
    (lambda: WatermarkDetector(8, gamma=1), "got 'gamma'"),
    (lambda: WatermarkDetector(8)(np.array([[1]])), "more than 1 tokens to be tested; got 1"),
    (lambda: WatermarkDetector(8)(np.array([1, 2])), r"ids must be integers \(B, S\) below vocab_size=8"),
    (lambda: WatermarkDetector(8)(np.array([[1, 8]])), r"ids must be integers \(B, S\) below vocab_size=8"),
])
def test_what_cannot_be_marked_or_tested_says_why(make, says):
    with pytest.raises(GenerationError, match=says):
        make()
