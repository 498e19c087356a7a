"""Cross-entropy: nats per token that counts, and what the model said minus what was so."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt import formulas
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, frozen, leads, scales, seeds, sizes

pytestmark = pytest.mark.filterwarnings("error")
smoothings = st.sampled_from([0.0, 0.1, 0.5])
ignored = st.sampled_from([-100, -1, 0])


def draw_targets(seed, lead, V, ignore_index):
    """Ids, about a third of which do not count."""
    rng = np.random.default_rng([seed, 2])
    return frozen(np.where(rng.random(lead) < 0.3, ignore_index, rng.integers(0, V, lead)))


@checks(formulas.cross_entropy)
@given(lead=leads, V=sizes, scale=scales, seed=seeds, ignore=ignored, e=smoothings)
def test_cross_entropy_equals_its_sums_with_ignored_targets_and_smoothing(lead, V, scale, seed, ignore, e):
    logits, targets = draw(seed, (*lead, V), scale=scale), draw_targets(seed, lead, V, ignore)
    loss, p = formulas.cross_entropy(logits, targets, ignore, e)
    assert_close(loss, oracles.cross_entropy(logits, targets, ignore, e))
    assert_close(p, oracles.softmax(logits))


@checks(formulas.cross_entropy, formulas.cross_entropy_backward)
@given(lead=leads, V=sizes, scale=scales, seed=seeds, ignore=ignored, e=smoothings)
@example(lead=(2,), V=3, scale=1.0, seed=1, ignore=-100, e=0.1)
def test_gradient_of_cross_entropy(lead, V, scale, seed, ignore, e):
    logits, targets = draw(seed, (*lead, V), scale=scale), draw_targets(seed, lead, V, ignore)

    def backward(dloss, logits):
        p = frozen(formulas.cross_entropy(logits, targets, ignore, e)[1])
        return formulas.cross_entropy_backward(dloss, p, targets, ignore, e)
    check_twin(lambda logits: formulas.cross_entropy(logits, targets, ignore, e), backward, logits, seed=seed)


@checks(formulas.cross_entropy)
@given(lead=leads, V=sizes, seed=seeds, e=smoothings)
def test_who_knows_nothing_loses_log_v_nats(lead, V, seed, e):
    targets = np.random.default_rng(seed).integers(0, V, lead)
    loss, _ = formulas.cross_entropy(np.full((*lead, V), 3.7), targets, label_smoothing=e)
    assert abs(loss - math.log(V)) < 1e-14 * (1 + math.log(V))


@checks(formulas.cross_entropy, formulas.cross_entropy_backward)
@given(V=st.integers(2, 5), seed=seeds)
def test_a_target_that_does_not_count_is_as_if_it_were_not_there(V, seed):
    logits, targets = draw(seed, (5, V)), np.random.default_rng(seed).integers(0, V, 5)
    some = np.where([True, False, True, True, False], targets, -100)
    loss, p = formulas.cross_entropy(logits, some)
    alone, p_alone = formulas.cross_entropy(logits[some >= 0], targets[some >= 0])
    assert abs(loss - alone) <= 1e-14 * alone
    dlogits = formulas.cross_entropy_backward(1.0, p, some)
    assert not dlogits[some < 0].any()
    expected = formulas.cross_entropy_backward(1.0, p_alone, targets[some >= 0])
    np.testing.assert_allclose(dlogits[some >= 0], expected, rtol=1e-14)


@checks(formulas.cross_entropy, formulas.cross_entropy_backward)
@pytest.mark.parametrize("e", [0.0, 0.1])
def test_a_batch_without_targets_has_loss_zero_and_gradient_zero_and_never_nan(e):
    logits, targets = draw(0, (2, 3, 4)), np.full((2, 3), -100)
    loss, p = formulas.cross_entropy(logits, targets, label_smoothing=e)
    assert loss == 0
    dlogits = formulas.cross_entropy_backward(1.0, p, targets, label_smoothing=e)
    np.testing.assert_array_equal(dlogits, np.zeros((2, 3, 4)))


@checks(formulas.cross_entropy_backward)
@given(lead=leads, V=sizes, scale=scales, seed=seeds, e=smoothings)
def test_gradient_rows_sum_to_zero_because_a_constant_changes_nothing(lead, V, scale, seed, e):
    logits, targets = draw(seed, (*lead, V), scale=scale), draw_targets(seed, lead, V, -100)
    p = formulas.cross_entropy(logits, targets, label_smoothing=e)[1]
    dlogits = formulas.cross_entropy_backward(1.0, p, targets, label_smoothing=e)
    np.testing.assert_allclose(dlogits.sum(axis=-1), 0, atol=1e-15 * V)


@checks(formulas.cross_entropy)
@given(V=sizes, seed=seeds, e=smoothings)
def test_smoothing_mixes_the_loss_of_the_target_with_the_mean_loss_of_all_tokens(V, seed, e):
    logits, targets = draw(seed, (3, V)), np.random.default_rng(seed).integers(0, V, 3)
    hard = formulas.cross_entropy(logits, targets)[0]
    of_all = np.mean([formulas.cross_entropy(logits, np.full(3, v))[0] for v in range(V)])
    smooth = formulas.cross_entropy(logits, targets, label_smoothing=e)[0]
    assert abs(smooth - ((1 - e) * hard + e * of_all)) <= 1e-13 * (1 + smooth)


@checks(formulas.cross_entropy, formulas.cross_entropy_backward)
@given(T=sizes, V=st.integers(2, 5), seed=seeds, e=smoothings)
def test_logits_may_lie_in_memory_in_any_order(T, V, seed, e):
    logits, targets = draw(seed, (2, T, V)), draw_targets(seed, (2, T), V, -100)
    loss, p = formulas.cross_entropy(logits, targets, label_smoothing=e)
    dlogits = formulas.cross_entropy_backward(1.0, p, targets, label_smoothing=e)
    for order in [(1, 0, 2), (2, 1, 0), (0, 2, 1)]:
        moved = np.ascontiguousarray(logits.transpose(order)).transpose(np.argsort(order))      # equal, but strided
        loss_moved, p_moved = formulas.cross_entropy(moved, targets, label_smoothing=e)
        np.testing.assert_allclose(loss_moved, loss, rtol=1e-14)
        np.testing.assert_allclose(formulas.cross_entropy_backward(1.0, p_moved, targets, label_smoothing=e), dlogits,
                                   rtol=1e-13, atol=1e-15)


@checks(formulas.cross_entropy, formulas.cross_entropy_backward)
@pytest.mark.parametrize("dtype, far", [(np.float32, 1e38), (np.float64, 1e307)])
def test_the_surest_model_neither_overflows_nor_becomes_nan(dtype, far):
    logits = np.array([[far, -far], [-far, -np.inf]], dtype)
    loss, p = formulas.cross_entropy(logits, np.array([0, 0]))
    assert loss == 0 and loss.dtype == dtype
    assert formulas.cross_entropy(logits[:1], np.array([1]))[0] == dtype(2 * far)
    dlogits = formulas.cross_entropy_backward(1.0, p, np.array([0, 1]))
    np.testing.assert_array_equal(dlogits, np.array([[0, 0], [0.5, -0.5]], dtype))


@checks(formulas.cross_entropy_backward)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_python_number_as_upstream_gradient_keeps_the_dtype_and_scales_the_result(dtype):
    logits, targets = draw(0, (3, 4)).astype(dtype), np.array([1, -100, 0])
    p = formulas.cross_entropy(logits, targets, label_smoothing=0.1)[1]
    one, half = (formulas.cross_entropy_backward(dloss, p, targets, label_smoothing=0.1) for dloss in (1.0, 0.5))
    assert one.dtype == dtype and one.shape == (3, 4)
    np.testing.assert_array_equal(half, one / 2)
