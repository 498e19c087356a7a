"""Adam and AdamW, against one weight at a time, and what their bias correction and their decay are for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import ConfigError
from scratchgpt.module import Parameter
from scratchgpt.optim import Adam, AdamW
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import draw, seeds
from tests.optim.paths import assert_follows

pytestmark = pytest.mark.filterwarnings("error")
both = pytest.mark.parametrize("kind, oracle", [(Adam, oracles.adam), (AdamW, oracles.adamw)], ids=["Adam", "AdamW"])
each_kind = pytest.mark.parametrize("kind", [Adam, AdamW])


@checks(Adam, AdamW)
@both
@given(steps=st.integers(1, 5), betas=st.sampled_from([(0.9, 0.999), (0.9, 0.98), (0.0, 0.5), (0.5, 0.0), (0.0, 0.0)]),
       eps=st.sampled_from([1e-8, 1e-2]), lr=st.sampled_from([1e-3, 0.1]), weight_decay=st.sampled_from([0.0, 0.1]),
       seed=seeds)
def test_adam_follows_its_definition_weight_by_weight(kind, oracle, steps, betas, eps, lr, weight_decay, seed):
    weight, bias, dW, db = draw(seed, (2, 3), (2,), (steps, 2, 3), (steps, 2))
    # averages move by (1 - b) (new - old), which rounds as the larger of the two does: so none is much the larger
    dW, db = (gradient + np.sign(gradient) for gradient in (dW, db))
    assert_follows(lambda parameters: kind(parameters, lr, betas, eps, weight_decay),
                   lambda start, grads, decays: oracle(start, grads, lr, betas, eps, weight_decay * decays),
                   weight, bias, dW, db)


@checks(Adam, AdamW)
@each_kind
@given(scale=st.sampled_from([1e-3, 1.0, 1e6]), seed=seeds)
def test_the_first_step_is_lr_in_every_coordinate_whatever_the_size_of_the_gradient(kind, scale, seed):
    start, gradient = draw(seed, (5,), (5,))
    p = Parameter(start.copy())
    p.grad = scale * (gradient + np.sign(gradient))
    kind([p], lr=0.1, eps=1e-12).step()
    np.testing.assert_allclose(start - p.data, 0.1 * np.sign(gradient), rtol=1e-7)


@checks(Adam, AdamW)
@each_kind
def test_under_a_constant_gradient_bias_correction_makes_every_step_lr(kind):
    p = Parameter(np.zeros(3))
    optimizer = kind([p], lr=0.01, eps=1e-12)
    for t in range(1, 51):
        p.grad = np.array([1e-3, -1.0, 50.0])
        optimizer.step()
        np.testing.assert_allclose(p.data, -0.01 * t * np.array([1, -1, 1]), rtol=1e-7)


@checks(Adam, AdamW)
@each_kind
def test_where_the_gradient_was_always_zero_nothing_moves_and_nothing_divides_by_zero(kind):
    p = Parameter(np.ones(3))
    optimizer = kind([p], lr=0.1)
    for _ in range(3):
        p.grad = np.zeros(3)
        optimizer.step()
    np.testing.assert_array_equal(p.data, np.ones(3))


@checks(Adam, AdamW)
@given(steps=st.integers(1, 4), seed=seeds)
def test_without_decay_adamw_is_adam(steps, seed):
    start, gradients = draw(seed, (2, 3), (steps, 2, 3))
    one, other = Parameter(start.copy()), Parameter(start.copy())
    optimizers = Adam([one]), AdamW([other], weight_decay=0.0)
    for gradient in gradients:
        one.grad = other.grad = gradient
        for optimizer in optimizers:
            optimizer.step()
    np.testing.assert_array_equal(one.data, other.data)


@checks(AdamW, Adam)
def test_decoupled_decay_does_not_see_the_gradient_and_coupled_decay_does_not_see_its_own_size():
    def after_one_step(kind, weight_decay):
        p = Parameter(np.full((1, 1), 2.0))
        p.grad = np.zeros((1, 1))
        kind([p], lr=0.1, weight_decay=weight_decay).step()
        return p.data.item()
    assert after_one_step(AdamW, 0.5) == pytest.approx(2.0 * (1 - 0.1 * 0.5), rel=1e-12)
    assert after_one_step(Adam, 0.5) == pytest.approx(1.9, rel=1e-5)
    assert after_one_step(Adam, 0.01) == pytest.approx(1.9, rel=1e-5)


@checks(AdamW)
def test_adamw_decays_by_default_and_adam_does_not():
    assert AdamW([Parameter(np.zeros((1, 1)))]).weight_decays == [0.01]
    assert Adam([Parameter(np.zeros((1, 1)))]).weight_decays == [0.0]


@checks(Adam, AdamW)
@each_kind
def test_after_a_hundred_thousand_steps_the_correction_is_one(kind):
    p = Parameter(np.zeros(1))
    optimizer = kind([p], lr=0.1, eps=1e-12)
    optimizer.load_state_dict({"steps": np.array(100_000), "0.m": np.ones(1), "0.v": np.ones(1)})
    p.grad = np.ones(1)
    optimizer.step()
    np.testing.assert_allclose(p.data, -0.1, rtol=1e-10)


@checks(Adam, AdamW)
@each_kind
@pytest.mark.parametrize("wrong", [{"betas": (1.0, 0.999)}, {"betas": (0.9, 1.0)}, {"betas": (-0.1, 0.9)}, {"eps": 0.0},
                                   {"eps": -1e-8}, {"eps": float("nan")}, {"betas": (float("nan"), 0.9)}])
def test_betas_and_eps_that_cannot_be_are_refused(kind, wrong):
    with pytest.raises(ConfigError, match=r"betas must be in \[0, 1\) and eps > 0"):
        kind([Parameter(np.zeros(1))], **wrong)
