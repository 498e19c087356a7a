"""The table that is read by number, and the addition at repeated places that is its transpose."""

import numpy as np
import pytest
from hypothesis import given

from scratchgpt import backend, formulas
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, frozen, leads, seeds, sizes

pytestmark = pytest.mark.filterwarnings("error")


def draw_ids(seed, shape, V):
    return frozen(np.random.default_rng([seed, 2]).integers(0, V, shape))


@checks(formulas.embedding)
@given(lead=leads, V=sizes, C=sizes, seed=seeds)
def test_an_embedding_is_a_product_with_one_hot_rows(lead, V, C, seed):
    W, ids = draw(seed, (V, C)), draw_ids(seed, lead, V)
    assert_close(formulas.embedding(ids, W), oracles.embedding(ids, W))
    np.testing.assert_array_equal(formulas.embedding(ids, W), np.eye(V)[ids] @ W)


@checks(formulas.embedding_backward)
@given(lead=leads, V=sizes, C=sizes, seed=seeds)
def test_gradient_of_an_embedding(lead, V, C, seed):
    W, ids = draw(seed, (V, C)), draw_ids(seed, lead, V)
    check_twin(lambda W: formulas.embedding(ids, W), lambda dy, W: formulas.embedding_backward(dy, ids, V), W,
               seed=seed)


@checks(formulas.embedding_backward)
@given(lead=leads, V=sizes, C=sizes, seed=seeds)
def test_a_row_that_was_read_k_times_receives_the_sum_of_k_gradients(lead, V, C, seed):
    dy, ids = draw(seed, (*lead, C)), draw_ids(seed, lead, V)
    assert_close(formulas.embedding_backward(dy, ids, V), oracles.embedding_gradient(dy, ids, V))
    counts = formulas.embedding_backward(np.ones((*lead, 1)), ids, V)[:, 0]
    np.testing.assert_array_equal(counts, np.bincount(ids.ravel(), minlength=V))


@checks(formulas.add_rows, backend.scatter_add)
@given(lead=leads, V=sizes, C=sizes, seed=seeds)
def test_rows_are_added_to_what_is_there(lead, V, C, seed):
    dy, before, ids = *draw(seed, (*lead, C), (V, C)), draw_ids(seed, lead, V)
    by_formula, by_backend = before.copy(), before.copy()
    formulas.add_rows(by_formula, ids, dy)
    backend.scatter_add(by_backend, ids.reshape(-1), dy.reshape(-1, C))
    np.testing.assert_allclose(by_formula, before + oracles.embedding_gradient(dy, ids, V), rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(by_backend, by_formula)


@checks(formulas.embedding_backward, formulas.add_rows)
def test_no_ids_add_nothing():
    ids, dy, dW = np.empty((0, 3), int), np.empty((0, 3, 2)), np.ones((4, 2))
    assert not formulas.embedding_backward(dy, ids, 4).any()
    formulas.add_rows(dW, ids, dy)
    assert (dW == 1).all()
