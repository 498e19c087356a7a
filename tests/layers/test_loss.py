"""Cross-entropy as a module: the formula with its options kept, and the place where a backward pass begins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import ConfigError
from scratchgpt.layers import CrossEntropy
from tests import oracles
from tests.checks import checks
from tests.gradcheck import check_gradient


@checks(CrossEntropy)
@given(st.integers(1, 4), st.integers(2, 5), st.sampled_from([0.0, 0.1, 0.9]), st.integers(0, 99))
def test_the_module_is_the_formula_and_its_gradient(n, V, smoothing, seed):
    rng = np.random.default_rng(seed)
    logits, targets = rng.normal(size=(n, V)), rng.integers(0, V, n)
    targets[rng.random(n) < 0.3] = 7
    module = CrossEntropy(ignore_index=7, label_smoothing=smoothing)
    loss, backward = module(logits, targets)
    assert loss == pytest.approx(oracles.cross_entropy(logits, targets, 7, smoothing), rel=1e-11, abs=1e-14)
    np.testing.assert_array_equal(backward(), backward(1.0))
    check_gradient(lambda s: module(s, targets)[0], [logits], [backward(0.7)], 0.7)


@checks(CrossEntropy)
@pytest.mark.parametrize("smoothing", [-0.1, 1.0, float("nan")])
def test_smoothing_must_be_a_probability_below_one(smoothing):
    with pytest.raises(ConfigError, match="label_smoothing"):
        CrossEntropy(label_smoothing=smoothing)
