"""Schedules: at their ends, at the bends between, and against the paper's formula at every step."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchgpt.errors import ConfigError
from scratchgpt.optim import SCHEDULES, constant, cosine, inverse_sqrt, linear, warmup_stable_decay
from tests import oracles
from tests.checks import checks

FALLING = {"linear": linear, "cosine": cosine, "wsd": warmup_stable_decay}
steps_and_warmups = st.integers(2, 300).flatmap(lambda steps: st.tuples(st.just(steps), st.integers(0, steps - 1)))
rates = st.floats(1e-6, 10)
shares = st.floats(0, 1)


def close(actual, expected, lr):
    return abs(actual - expected) <= 1e-12 * lr


@checks(constant, linear, cosine, warmup_stable_decay)
@given(sizes=steps_and_warmups, lr=rates, share=shares, t=st.integers(0, 400), decay=st.floats(0.05, 1))
def test_schedules_equal_their_formulas_at_every_step(sizes, lr, share, t, decay):
    (steps, warmup), min_lr = sizes, share * lr
    assert close(constant(lr, warmup=warmup)(t), oracles.constant(t, lr, warmup), lr)
    assert close(linear(lr, steps, warmup, min_lr)(t), oracles.linear_schedule(t, lr, steps, warmup, min_lr), lr)
    assert close(cosine(lr, steps, warmup, min_lr)(t), oracles.cosine(t, lr, steps, warmup, min_lr), lr)
    assert close(warmup_stable_decay(lr, steps, warmup, min_lr, decay)(t),
                 oracles.warmup_stable_decay(t, lr, steps, warmup, min_lr, decay), 10 * lr)


@checks(inverse_sqrt)
@given(C=st.integers(1, 1024), warmup=st.integers(1, 8000), t=st.integers(0, 100_000))
def test_noams_formula_is_the_inverse_square_root_from_its_peak(C, warmup, t):
    peak = (C * warmup) ** -0.5
    assert inverse_sqrt(peak, warmup=warmup)(t) == pytest.approx(oracles.noam(t, C, warmup), rel=1e-12)


@checks(inverse_sqrt)
@given(lr=rates, warmup=st.integers(1, 100), share=shares)
def test_the_inverse_square_root_halves_from_its_peak_in_four_times_the_warmup_and_stops_at_min_lr(lr, warmup, share):
    assert close(inverse_sqrt(lr, warmup=warmup)(4 * warmup - 1), lr / 2, lr)
    floor = max(share, math.sqrt(warmup / 1e12))
    assert close(inverse_sqrt(lr, warmup=warmup, min_lr=share * lr)(10**12), floor * lr, lr)


@checks(constant, linear, cosine, inverse_sqrt, warmup_stable_decay)
@pytest.mark.parametrize("name", SCHEDULES)
@given(sizes=steps_and_warmups, lr=rates)
def test_every_schedule_rises_in_equal_steps_to_lr_at_the_last_step_of_the_warmup(name, sizes, lr):
    steps, warmup = sizes
    assume(warmup > 0)
    schedule = SCHEDULES[name](lr, steps, warmup=warmup)
    for t in range(warmup):
        assert close(schedule(t), lr * (t + 1) / warmup, lr)
    assert schedule(warmup - 1) == pytest.approx(lr, rel=1e-12)
    assert schedule(0) > 0


@checks(constant, linear, cosine, warmup_stable_decay)
@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "inverse-sqrt"])
@given(steps=st.integers(1, 300), lr=rates)
def test_without_warmup_the_first_step_has_the_full_rate(name, steps, lr):
    assert SCHEDULES[name](lr, steps)(0) == lr


@checks(constant, linear, cosine, inverse_sqrt, warmup_stable_decay)
@pytest.mark.parametrize("name", SCHEDULES)
@given(steps=st.integers(10, 300), share=st.floats(0, 0.99), lr=rates, t=st.integers(0, 300))
def test_a_warmup_below_one_is_a_share_of_all_steps(name, steps, share, lr, t):
    assume(name != "inverse-sqrt" or round(share * steps) > 0)
    in_steps = SCHEDULES[name](lr, steps, warmup=round(share * steps))
    assert SCHEDULES[name](lr, steps, warmup=share)(t) == in_steps(t)


@checks(linear, cosine, warmup_stable_decay)
@pytest.mark.parametrize("name", FALLING)
@given(sizes=steps_and_warmups, lr=rates, share=shares)
def test_what_falls_never_rises_after_the_warmup_and_ends_at_min_lr_for_good(name, sizes, lr, share):
    (steps, warmup), min_lr = sizes, share * lr
    schedule = FALLING[name](lr, steps, warmup, min_lr)
    path = [schedule(t) for t in range(warmup, steps + 1)]
    assert path[0] == pytest.approx(lr, rel=1e-12)
    assert all(later <= now * (1 + 1e-15) for now, later in zip(path, path[1:]))
    assert close(path[-1], min_lr, lr) and schedule(steps + 1_000_000) == path[-1]
    assert all(rate >= min_lr * (1 - 1e-12) for rate in path)


@checks(inverse_sqrt, constant)
@given(lr=rates, warmup=st.integers(1, 50))
def test_the_inverse_square_root_falls_and_the_constant_does_not(lr, warmup):
    noam, flat = inverse_sqrt(lr, warmup=warmup), constant(lr, warmup=warmup)
    assert all(noam(t + 1) < noam(t) for t in range(warmup - 1, 200))
    assert {flat(t) for t in range(warmup, 200)} == {lr}


@checks(cosine)
@given(half=st.integers(1, 100), warmup=st.integers(0, 50), lr=rates, share=shares)
def test_half_way_the_cosine_is_half_way(half, warmup, lr, share):
    min_lr = share * lr
    assert close(cosine(lr, warmup + 2 * half, warmup, min_lr)(warmup + half), (lr + min_lr) / 2, lr)


@checks(warmup_stable_decay)
def test_warmup_stable_decay_is_stable_until_the_last_fifth_of_what_follows_the_warmup():
    schedule = warmup_stable_decay(1.0, 110, warmup=10, min_lr=0.5)
    assert [schedule(t) for t in (10, 50, 90)] == pytest.approx([1.0, 1.0, 1.0])
    assert [schedule(t) for t in (95, 100, 105, 110)] == pytest.approx([0.875, 0.75, 0.625, 0.5])
    assert warmup_stable_decay(1.0, 100, decay=1.0)(25) == pytest.approx(linear(1.0, 100)(25))


@checks(constant, linear, cosine, inverse_sqrt, warmup_stable_decay)
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_rate_of_zero_stays_zero(name):
    schedule = SCHEDULES[name](0.0, 10, warmup=3)
    assert [schedule(t) for t in range(12)] == 12 * [0.0]


@checks(constant, linear, cosine, inverse_sqrt, warmup_stable_decay)
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("wrong", [{"lr": -1.0}, {"lr": math.nan}, {"steps": 0}, {"steps": -5}, {"warmup": -1},
                                   {"warmup": 1.0}, {"warmup": 1.5}, {"warmup": -0.5}, {"warmup": math.nan}])
def test_sizes_that_cannot_be_are_refused(name, wrong):
    with pytest.raises(ConfigError, match="lr|warmup|steps"):
        SCHEDULES[name](**{"lr": 1.0, "steps": 10, "warmup": 2, **wrong})


@checks(linear, cosine, inverse_sqrt, warmup_stable_decay)
@pytest.mark.parametrize("schedule", [linear, cosine, inverse_sqrt, warmup_stable_decay])
@pytest.mark.parametrize("min_lr", [-0.1, 1.1, math.nan])
def test_min_lr_must_lie_between_zero_and_lr(schedule, min_lr):
    with pytest.raises(ConfigError, match="min_lr must be between 0 and lr"):
        schedule(1.0, 10, warmup=2, min_lr=min_lr)


@checks(constant, inverse_sqrt)
@pytest.mark.parametrize("schedule", [constant, inverse_sqrt])
def test_a_share_of_an_unknown_number_of_steps_is_refused(schedule):
    with pytest.raises(ConfigError, match="as a share must be below 1, and steps be known"):
        schedule(1.0, warmup=0.1)


@checks(inverse_sqrt)
def test_the_inverse_square_root_needs_a_warmup_to_fall_from():
    with pytest.raises(ConfigError, match="warmup must be > 0; got 0"):
        inverse_sqrt(1.0, warmup=0)


@checks(warmup_stable_decay)
@pytest.mark.parametrize("decay", [0.0, -0.2, 1.1, math.nan])
def test_the_share_of_the_decay_must_be_a_share(decay):
    with pytest.raises(ConfigError, match=r"decay must be a share of the steps in \(0, 1\]"):
        warmup_stable_decay(1.0, 10, decay=decay)


@checks(linear, cosine, warmup_stable_decay)
@pytest.mark.parametrize("falling", [linear, cosine, warmup_stable_decay])
def test_a_schedule_that_falls_must_know_when(falling):
    with pytest.raises(ConfigError, match="steps=None"):
        falling(1e-3, None)
