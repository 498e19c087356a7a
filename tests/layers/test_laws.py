"""Every law over every module."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.layers import Checkpoint, Dropout, Linear
from scratchgpt.module import Module, Parameter
from tests import laws
from tests.checks import checks
from tests.layers.cases import CASES, MODULES, block, causal
from tests.layers.kept import kept_bytes, reachable
from tests.layers.llama_cases import LLAMA_CASES, LLAMA_MODULES

ALL = [*CASES, *LLAMA_CASES]
FEW = settings(max_examples=max(3, settings.default.max_examples // 6))


def law(test):
    """Run over all cases, each with several sizes and seeds."""
    sizes = given(B=st.integers(1, 3), T=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
    over_cases = pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
    return checks(Module, *MODULES, *LLAMA_MODULES)(over_cases(FEW(sizes(test))))


@law
def test_every_gradient_is_the_derivative(case, B, T, seed):
    laws.gradients_match(case, B, T, seed)


@law
def test_backward_is_linear_in_dy_and_writes_to_nothing_it_was_given(case, B, T, seed):
    laws.backward_is_linear(case, B, T, seed)


@law
def test_two_forwards_alive_at_once_do_not_meet(case, B, T, seed):
    laws.two_calls_live_side_by_side(case, B, T, seed)


@law
def test_the_dtype_is_kept(case, B, T, seed):
    for dtype in (np.float32, np.float64):
        laws.dtype_is_kept(case, B, T, seed, dtype)


@law
def test_the_rows_of_a_batch_are_independent_except_in_batch_norm(case, B, T, seed):
    before, after = laws.other_rows_after_changing_row_0(case, B + 1, T, seed)
    same = all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))
    assert same != case.rows_mix
    if not case.rows_mix and not case.random:
        laws.a_row_alone_is_the_same(case, B, T, seed)


@law
def test_a_call_keeps_the_bytes_that_its_docstring_says(case, B, T, seed):
    for dtype in (np.float32, np.float64):
        numbers, more = case.keeps(B, T)
        assert kept_bytes(case, B, T, seed, dtype) == numbers * np.dtype(dtype).itemsize + more


@law
def test_freezing_a_parameter_stops_its_gradient_and_nothing_else(case, B, T, seed):
    laws.freezing_changes_nothing_else(case, B, T, seed)


@law
def test_gradients_accumulate_until_zero_grad(case, B, T, seed):
    laws.gradients_add_up(case, B, T, seed)


@checks(*MODULES, *LLAMA_MODULES)
@pytest.mark.parametrize("case", [case for case in ALL if case.name in ("Block", "MLP", "LayerNorm", "ReLU", "GPT2",
                                                                        "GatedMLP", "Block of a Llama", "Llama")],
                         ids=lambda case: case.name)
def test_what_a_call_keeps_follows_the_same_formula_where_formulas_run_in_pieces(case, monkeypatch):
    monkeypatch.setattr("scratchgpt.pieces.PIECE", 8)
    B, T = 3, 4
    numbers, more = case.keeps(B, T)
    assert kept_bytes(case, B, T, 0, np.float32) == 4 * numbers + more


# Checkpoint against the bare layer ------------------------------------------------------------------------------------


@checks(Checkpoint)
@FEW
@given(p=st.sampled_from([0.0, 0.3]), B=st.integers(1, 3), T=st.integers(1, 4), seed=st.integers(0, 2**32 - 1))
def test_a_checkpointed_layer_gives_the_same_bits_and_keeps_less(p, B, T, seed):
    bare = laws.Case("bare", lambda rng: block(rng, p=p), lambda rng, B, T: [rng.normal(size=(B, T, 4))], None, causal)
    wrapped = laws.Case("wrapped", lambda rng: Checkpoint(block(rng, p=p)), bare.inputs, None, causal)
    results = []
    for case in (bare, wrapped):
        module, inputs = case.make(seed), case.draw(seed, B, T)
        y, pullback = case.run(module, inputs, seed)
        results.append({"y": y, **laws.all_gradients(module, pullback, laws.upstream(y, seed))})
    laws.assert_same(results[1], results[0])
    assert kept_bytes(wrapped, B, T, seed) < kept_bytes(bare, B, T, seed)


@checks(Checkpoint, Dropout)
def test_a_checkpointed_layer_moves_the_generator_once_in_forward_and_never_in_backward():
    layer, x = block(np.random.default_rng(0), p=0.5), np.ones((2, 3, 4), np.float32)
    bare, wrapped = np.random.default_rng(1), np.random.default_rng(1)
    layer(x, rng=bare)
    y, backward = Checkpoint(layer)(x, rng=wrapped)
    assert wrapped.bit_generator.state == bare.bit_generator.state
    first = backward(np.ones_like(y))
    assert wrapped.bit_generator.state == bare.bit_generator.state
    np.testing.assert_array_equal(backward(np.ones_like(y)), first)


# the laws' own instruments --------------------------------------------------------------------------------------------


class Wrong(Module):
    """y = 3 x w, with one mistake on purpose."""

    def __init__(self, mistake):
        self.mistake, self.w, self.memory = mistake, Parameter(np.ones(4)), None

    def forward(self, x):
        if self.mistake == "stores":
            self.memory = x.copy()

        def backward(dy):
            if self.mistake == "overwrites dy":
                dy = dy.view()
                dy.flags.writeable = True
                dy *= 3
                return dy * self.w.data
            self.w.add_grad((3.003 if self.mistake == "0.1% off" else 3) * (dy * x).sum(axis=(0, 1)))
            return 3 * dy * self.w.data + (1 if self.mistake == "not linear" else 0)
        return 3 * x * self.w.data, backward


@checks(Module)
@pytest.mark.parametrize("mistake, broken", [
    ("0.1% off", lambda case: laws.gradients_match(case, 2, 3, 0)),
    ("not linear", lambda case: laws.backward_is_linear(case, 2, 3, 0)),
    ("overwrites dy", lambda case: laws.backward_is_linear(case, 2, 3, 0)),
    ("stores", lambda case: kept_bytes(case, 2, 3, 0)),
])
def test_the_laws_catch_a_planted_mistake(mistake, broken):
    case = laws.Case(mistake, lambda rng: Wrong(mistake), lambda rng, B, T: [rng.normal(size=(B, T, 4))], None)
    with pytest.raises((AssertionError, ValueError)):
        broken(case)


@checks(Module)
def test_what_a_closure_reaches_is_found_once_through_every_container():
    x, y, z, w = np.ones(10), np.ones(20), np.ones(30), np.ones(40)
    held = {"list": [x, x[2:5], (y.reshape(4, 5),)]}

    def pullback(dy, default=z):
        return held, dy
    found = reachable([functools.partial(lambda a: (pullback, a), w[:1])])
    assert sum(array.nbytes for array in found.values()) == 8 * (10 + 20 + 30 + 40)


@checks(Linear)
def test_a_frozen_weight_skips_its_own_matrix_product(monkeypatch):
    asked, formula = [], formulas.linear_weight_gradient
    spy = lambda *args, **out: asked.append(1) or formula(*args, **out)
    monkeypatch.setattr(formulas, "linear_weight_gradient", spy)
    for trainable in (True, False):
        asked.clear()
        layer = Linear(3, 2, rng=np.random.default_rng(0))
        layer.weight.trainable = trainable
        y, backward = layer(np.ones((5, 3), np.float32))
        backward(np.ones_like(y))
        assert bool(asked) == trainable
