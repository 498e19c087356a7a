"""Scores that are no numbers, and scores that become log-probabilities."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import remove_invalid, renormalize
from tests.checks import checks
from tests.decoding.processors.draws import check_rule, frozen, padded, situations, softmax


@checks(remove_invalid)
@given(st.lists(st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.5]), min_size=1, max_size=5),
       st.sampled_from([np.float32, np.float64]))
def test_what_is_no_number_becomes_one(row, dtype):
    ends = np.finfo(dtype)
    expected = [0.0 if s != s else min(s, float(ends.max)) for s in row]                      # -inf stays: it is banned
    scores = frozen(np.array([row], dtype))
    found = remove_invalid()(padded([[1]]), scores)
    assert found.dtype == dtype and found.tolist() == [expected]


@checks(renormalize)
@given(situations())
def test_scores_become_the_logarithms_of_probabilities(situation):
    check_rule(renormalize(), lambda text, row, b: [math.log(p) if p else -math.inf for p in softmax(row)], *situation)
