"""Stochastic gradient descent, against one weight at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import ConfigError
from scratchgpt.module import Parameter
from scratchgpt.optim import SGD
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import draw, seeds
from tests.optim.paths import assert_follows

pytestmark = pytest.mark.filterwarnings("error")


@checks(SGD)
@given(steps=st.integers(1, 5), momentum=st.sampled_from([0.0, 0.5, 0.9]), nesterov=st.booleans(),
       lr=st.sampled_from([0.01, 1.0]), weight_decay=st.sampled_from([0.0, 0.1]), seed=seeds)
def test_sgd_follows_its_definition_weight_by_weight(steps, momentum, nesterov, lr, weight_decay, seed):
    nesterov = nesterov and momentum > 0
    weight, bias, dW, db = draw(seed, (2, 3), (2,), (steps, 2, 3), (steps, 2))
    assert_follows(lambda parameters: SGD(parameters, lr, momentum, nesterov, weight_decay),
                   lambda start, grads, decays: oracles.sgd(start, grads, lr, momentum, nesterov, weight_decay * decays),
                   weight, bias, dW, db)


@checks(SGD)
def test_plain_sgd_is_one_subtraction_and_keeps_nothing():
    p = Parameter(np.array([1.0, 2.0]))
    p.grad = np.array([10.0, -10.0])
    optimizer = SGD([p], lr=0.5)
    optimizer.step()
    np.testing.assert_array_equal(p.data, [-4.0, 7.0])
    assert list(optimizer.state_dict()) == ["steps"]


@checks(SGD)
def test_momentum_under_a_constant_gradient_gathers_speed_up_to_one_over_one_minus_momentum():
    p = Parameter(np.zeros(1))
    optimizer = SGD([p], lr=1.0, momentum=0.9)
    for _ in range(300):
        before, p.grad = p.data.copy(), np.ones(1)
        optimizer.step()
    np.testing.assert_allclose(before - p.data, 10.0, rtol=1e-10)


@checks(SGD)
@pytest.mark.parametrize("wrong", [{"momentum": -0.1}, {"momentum": 1.0}, {"momentum": float("nan")},
                                   {"nesterov": True}])
def test_a_momentum_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"momentum must be in \[0, 1\)"):
        SGD([Parameter(np.zeros(1))], lr=0.1, **wrong)
