"""What all optimisers share: what is moved, what decays, and a state that can be put down and taken up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import optim, pieces
from scratchgpt.errors import CheckpointError, ConfigError
from scratchgpt.module import Parameter
from tests.checks import checks
from tests.formulas.twins import seeds

pytestmark = pytest.mark.filterwarnings("error")
MAKERS = {"sgd": lambda ps, **more: optim.SGD(ps, lr=0.1, **more),
          "momentum": lambda ps, **more: optim.SGD(ps, lr=0.1, momentum=0.9, **more),
          "nesterov": lambda ps, **more: optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True, **more),
          "adam": lambda ps, **more: optim.Adam(ps, lr=0.1, **more),
          "adamw": lambda ps, **more: optim.AdamW(ps, lr=0.1, **more)}
each_optimizer = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


def parameters(seed, *shapes, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [Parameter(rng.standard_normal(shape).astype(dtype)) for shape in shapes]


def walk(optimizer, seed, steps):
    """`steps` steps along gradients that only the seed and the number of steps so far decide."""
    for _ in range(steps):
        rng = np.random.default_rng([seed, optimizer.steps])
        for p in optimizer.parameters:
            p.grad = rng.standard_normal(p.shape).astype(p.data.dtype)
        optimizer.step()


@checks(optim.Optimizer, optim.SGD, optim.Adam, optim.AdamW)
@each_optimizer
@given(taken=st.integers(0, 4), more=st.integers(1, 4), seed=seeds)
def test_a_state_taken_up_goes_on_bit_for_bit_as_if_never_stopped(make, taken, more, seed):
    one = make(parameters(seed, (3, 2), (4,), dtype=np.float32), weight_decay=0.1)
    walk(one, seed, taken)
    saved = {name: array.copy() for name, array in one.state_dict().items()}
    other = make([Parameter(p.data.copy()) for p in one.parameters], weight_decay=0.1)
    other.load_state_dict(saved)
    walk(one, seed, more)
    walk(other, seed, more)
    assert other.steps == one.steps == taken + more
    for p, q in zip(one.parameters, other.parameters):
        assert p.data.tobytes() == q.data.tobytes()


@checks(optim.Optimizer)
@each_optimizer
def test_the_state_is_arrays_by_name_and_loading_copies_them(make):
    optimizer = make(parameters(0, (3, 2), (4,)))
    walk(optimizer, 0, 2)
    state = optimizer.state_dict()
    assert int(state["steps"]) == 2 and all(isinstance(array, np.ndarray) for array in state.values())
    averages = optimizer.averages
    assert set(state) == {"steps", *(f"{i}.{name}" for i in range(2) for name in averages)}
    saved = {name: array.copy() for name, array in state.items()}
    other = make(parameters(1, (3, 2), (4,)))
    other.load_state_dict(saved)
    walk(other, 1, 1)
    for name, array in saved.items():
        np.testing.assert_array_equal(array, state[name])


@checks(optim.Optimizer)
@each_optimizer
@pytest.mark.parametrize("spoil, message", [
    (lambda state: state.pop("steps"), "missing steps"),
    (lambda state: state.update(stranger=np.zeros(2)), "unexpected stranger"),
    (lambda state: state.update({"2.m": np.zeros(2)}), "unexpected 2.m"),
    (lambda state: state.update(steps=np.zeros(2)), r"steps must be \(\), got \(2,\)"),
    (lambda state: state.update({"0.m": np.zeros((2, 3)), "0.momentum": np.zeros((2, 3))}), "0.mo?"),
])
def test_a_state_that_does_not_fit_is_refused_by_name_and_changes_nothing(make, spoil, message):
    optimizer = make(parameters(0, (3, 2), (4,)))
    walk(optimizer, 0, 2)
    before = {name: array.copy() for name, array in optimizer.state_dict().items()}
    state = {name: array + 1 for name, array in before.items()}
    spoil(state)
    with pytest.raises(CheckpointError, match=message):
        optimizer.load_state_dict(state)
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


@checks(optim.Optimizer)
def test_every_misfit_is_listed_at_once():
    optimizer = optim.Adam(parameters(0, (3, 2)))
    message = r"missing steps; missing 0.v; unexpected x; 0.m must be \(3, 2\), got \(6,\)"
    with pytest.raises(CheckpointError, match=message):
        optimizer.load_state_dict({"0.m": np.zeros(6), "x": np.zeros(1)})


@checks(optim.Optimizer)
@each_optimizer
def test_packed_weights_that_were_set_to_learn_are_refused_at_once(make):
    still, moved = parameters(0, (2, 2), (2, 2))
    still.pack("bfloat16")
    make([still, moved])                                                # frozen, it is left where it is
    still.trainable = True
    with pytest.raises(ConfigError, match="convert it with `astype` first"):
        make([still, moved])


@checks(optim.Optimizer)
@each_optimizer
def test_a_parameter_without_a_gradient_stays_where_it_is_with_its_averages(make):
    moved, still = parameters(0, (2, 2), (2, 2))
    before = still.data.copy()
    optimizer = make([moved, still], weight_decay=0.1)
    moved.grad = np.ones((2, 2))
    optimizer.step()
    np.testing.assert_array_equal(still.data, before)
    assert not any(average.any() for average in optimizer.state[1].values())
    assert (moved.data != before).all() and optimizer.steps == 1


@checks(optim.Optimizer)
@each_optimizer
def test_a_frozen_parameter_is_left_out(make):
    frozen, free = parameters(0, (2, 2), (2, 2))
    frozen.trainable = False
    frozen.grad, free.grad = np.ones((2, 2)), np.ones((2, 2))
    before = frozen.data.copy()
    optimizer = make([frozen, free])
    optimizer.step()
    assert optimizer.parameters == [free]
    np.testing.assert_array_equal(frozen.data, before)


@checks(optim.Optimizer, optim.decays_matrices)
@each_optimizer
def test_matrices_decay_and_biases_and_gains_do_not(make):
    ps = parameters(0, (3, 2), (4,), (), (2, 2, 2))
    assert [optim.decays_matrices(p) for p in ps] == [True, False, False, True]
    starts = [p.data.copy() for p in ps]
    optimizer = make(ps, weight_decay=0.5)
    for p in ps:
        p.grad = np.zeros(p.shape)
    optimizer.step()
    for p, start in zip(ps, starts):
        pulled = np.sign(start) if p.ndim >= 2 else np.zeros(p.shape)               # towards zero, or not at all
        np.testing.assert_array_equal(np.sign(start - p.data), pulled)


@checks(optim.Optimizer)
@each_optimizer
def test_what_decays_may_be_said_otherwise(make):
    matrix, bias = parameters(0, (3, 2), (4,))
    starts = matrix.data.copy(), bias.data.copy()
    optimizer = make([matrix, bias], weight_decay=0.5, decays=lambda p: p.ndim == 1)
    matrix.grad, bias.grad = np.zeros((3, 2)), np.zeros(4)
    optimizer.step()
    np.testing.assert_array_equal(matrix.data, starts[0])
    np.testing.assert_array_equal(np.sign(starts[1] - bias.data), np.sign(starts[1]))


@checks(optim.SGD, optim.Adam, optim.AdamW)
@each_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_are_taken_in_place_in_the_dtype_of_the_weights_and_leave_the_gradient_alone(make, dtype):
    (p,) = parameters(0, (3, 2), dtype=dtype)
    memory, gradient = p.data, np.ones((3, 2), dtype)
    p.grad = gradient
    optimizer = make([p], weight_decay=0.1)
    optimizer.step()
    assert p.data is memory and p.data.dtype == dtype and (gradient == 1).all()
    assert all(average.dtype == dtype for average in optimizer.state[0].values())


@checks(optim.SGD, optim.Adam, optim.AdamW)
@each_optimizer
def test_large_arrays_move_as_small_ones_do(make):
    n = 2 * pieces.SHARED + 12_345
    (large,) = parameters(0, (3, n // 3))
    halves = [Parameter(part.copy()) for part in np.array_split(large.data, 40, axis=1)]
    assert large.size > pieces.SHARED > max(p.size for p in halves)
    whole, small = make([large], weight_decay=0.1), make(halves, weight_decay=0.1)
    for step in range(3):
        large.grad = np.random.default_rng(step).standard_normal(large.shape)
        for p, part in zip(halves, np.array_split(large.grad, 40, axis=1)):
            p.grad = part.copy()
        whole.step()
        small.step()
    np.testing.assert_array_equal(large.data, np.concatenate([p.data for p in halves], axis=1))


@checks(optim.SGD, optim.Adam, optim.AdamW)
@each_optimizer
@given(seed=seeds)
def test_weights_that_lie_transposed_in_memory_move_the_same(make, seed):
    (straight,) = parameters(seed, (3, 4))
    across = Parameter(np.ascontiguousarray(straight.data.T).T)
    one, other = make([straight], weight_decay=0.1), make([across], weight_decay=0.1)
    walk(one, seed, 3)
    walk(other, seed, 3)
    np.testing.assert_array_equal(straight.data, across.data)


@checks(optim.Optimizer)
@each_optimizer
def test_a_new_learning_rate_counts_from_the_next_step(make):
    (p,) = parameters(0, (3, 2))
    optimizer = make([p])
    optimizer.lr = 0.0
    before = p.data.copy()
    walk(optimizer, 0, 1)
    np.testing.assert_array_equal(p.data, before)
    optimizer.lr = 0.1
    walk(optimizer, 0, 1)
    assert (p.data != before).all()


@checks(optim.Optimizer, optim.SGD, optim.Adam, optim.AdamW)
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
@pytest.mark.parametrize("wrong", [{"lr": -0.1}, {"lr": float("nan")}, {"lr": 0.1, "weight_decay": -1.0},
                                   {"lr": 0.1, "weight_decay": float("nan")}])
def test_a_negative_rate_or_decay_is_refused_by_its_value(kind, wrong):
    with pytest.raises(ConfigError, match="lr and weight_decay must be >= 0"):
        kind(parameters(0, (2,)), **wrong)


@checks(optim.Optimizer)
@pytest.mark.parametrize("kind", [optim.SGD, optim.Adam, optim.AdamW])
def test_nothing_to_train_is_refused(kind):
    (p,) = parameters(0, (2,))
    p.trainable = False
    for nothing in ([], [p]):
        with pytest.raises(ConfigError, match="at least one trainable parameter"):
            kind(nothing, lr=0.1)
