"""The walker through all branches, against probabilities known otherwise; what it does not understand it refuses."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.decoding.enumerate import distribution, outcomes

WEIGHTS = st.lists(st.integers(0, 5), min_size=1, max_size=5).filter(any)


def drawn(weights, rng):
    total = np.cumsum(weights) / sum(weights)
    return int((total <= rng.random(1)).sum())


@given(WEIGHTS, WEIGHTS)
def test_independent_draws_come_out_as_the_product_of_their_shares(first, second):
    found = distribution(lambda rng: (drawn(first, rng), drawn(second, rng)))
    expected = {(i, j): first[i] * second[j] / sum(first) / sum(second)
                for i, j in itertools.product(range(len(first)), range(len(second))) if first[i] and second[j]}
    assert found == pytest.approx(expected, abs=1e-14)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.1, 9))
def test_a_number_compared_twice_is_the_same_number(a, b, scale):
    def f(rng):
        u = rng.random(2)[:, None]
        return bool((u * scale < a * scale)[0, 0]), bool((b >= u)[0, 0]), bool(u[0, 0] < u.scale[0, 0])
    found = distribution(f)
    assert found.get((True, True, True), 0) == pytest.approx(min(a, b), abs=1e-12)
    assert found.get((True, False, True), 0) == pytest.approx(max(0, a - b), abs=1e-12)
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)


def test_a_loop_that_ends_by_chance_is_walked_to_each_of_its_ends():
    def f(rng):
        return next(i for i in range(4) if i == 3 or rng.random() < 0.5)
    assert distribution(f) == {0: 0.5, 1: 0.25, 2: 0.125, 3: 0.125} and len(list(outcomes(f))) == 4


@pytest.mark.parametrize("f", [lambda rng: rng.random(2) + 1, lambda rng: np.exp(rng.random(1)),
                               lambda rng: np.add.reduce(rng.random(1))])
def test_what_it_does_not_understand_it_refuses(f):
    with pytest.raises(TypeError):
        distribution(f)
