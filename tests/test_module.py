"""Parameter and Module: gradients that accumulate, names, state, initial weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import CheckpointError, ConfigError
from scratchgpt.module import BLANK, Module, Parameter, check_fit, normal
from tests.checks import checks


class Leaf(Module):
    def __init__(self, *shape):
        self.weight = Parameter(np.ones(shape))

    def forward(self, x):
        return x * self.weight.data, lambda dy: dy * self.weight.data


class Tree(Module):
    """A module in every place where one may stand, and one parameter used twice."""

    def __init__(self):
        self.first = Leaf(2)
        self.many = [Leaf(3), Leaf(4), "no module"]
        self.pair = (Leaf(5),)
        self.tied = self.first.weight
        self.own = Parameter(np.zeros((2, 2)), trainable=False)
        self.size = 7


NAMES = ["tied", "own", "first.weight", "many.0.weight", "many.1.weight", "pair.0.weight"]


@checks(Module)
def test_parameters_are_named_by_where_they_stand_and_a_shared_one_appears_once():
    tree = Tree()
    names = [name for name, _ in tree.named_parameters()]
    assert sorted(names) == sorted(name for name in NAMES if name != "first.weight")
    assert len(tree.parameters()) == 5 == len({id(p) for p in tree.parameters()})
    assert [name for name, _ in tree.named_modules()] == ["", "first", "many.0", "many.1", "pair.0"]
    assert [parameter.size for parameter in Leaf(2, 3).parameters()] == [6]


@checks(Module)
def test_a_module_without_forward_says_what_to_define():
    with pytest.raises(TypeError, match=r"Tree must define forward\(...\), returning \(y, backward\)"):
        Tree()(np.zeros(2))
    y, backward = Leaf(2)(np.full(2, 3.0))
    assert y.tolist() == [3, 3] and backward(np.ones(2)).tolist() == [1, 1]


@checks(Parameter)
@given(st.lists(st.tuples(st.sampled_from(["copied", "formula", "in place"]), st.integers(1, 9)), min_size=1,
                max_size=6))
def test_gradients_add_up_whichever_way_they_come(ways):
    parameter, total = Parameter(np.zeros(3)), 0
    for round in range(3):                                       # the second and third reuse the first one's memory
        total = 0
        for way, size in ways:
            g = np.full(3, float(size))
            g.flags.writeable = False
            if way == "copied":
                parameter.add_grad(g)
            elif way == "formula":
                parameter.add_grad_of(lambda g, out=None: np.multiply(g, 1, out=out), g)
            else:
                parameter.open_grad()[...] += g
            total += size
        np.testing.assert_array_equal(parameter.grad, np.full(3, total))
        parameter.zero_grad()
        assert parameter.grad is None


@checks(Parameter)
def test_after_zero_grad_the_next_gradient_is_written_into_the_same_memory():
    parameter = Parameter(np.zeros(3))
    double = lambda g, out=None: np.multiply(g, 2, out=out)
    parameter.add_grad_of(double, np.ones(3))
    memory = parameter.grad
    parameter.zero_grad()
    parameter.zero_grad()                                        # twice is once
    parameter.add_grad_of(double, np.full(3, 5.0))
    assert parameter.grad is memory and memory.tolist() == [10, 10, 10]
    parameter.zero_grad()
    assert parameter.open_grad() is memory and memory.tolist() == [0, 0, 0]


@checks(Parameter)
def test_a_gradient_that_was_handed_in_stays_the_callers():
    parameter, g = Parameter(np.zeros(3)), np.ones(3)
    parameter.add_grad(g)
    parameter.add_grad(g)
    parameter.grad += 1
    assert g.tolist() == [1, 1, 1] and parameter.grad.tolist() == [3, 3, 3]


@checks(Parameter)
def test_a_frozen_parameter_calls_no_formula_and_keeps_no_gradient():
    parameter = Parameter(np.zeros(3), trainable=False)
    parameter.add_grad(np.ones(3))
    parameter.add_grad_of(lambda: pytest.fail("the formula was called"))
    assert parameter.grad is None
    assert repr(parameter) == "Parameter(3,) frozen" and repr(Parameter(np.zeros((2, 1)))) == "Parameter(2, 1)"
    assert (parameter.shape, parameter.ndim, parameter.size) == ((3,), 1, 3)


@checks(Module)
@given(st.sampled_from([np.float16, np.float32, np.float64, np.complex128]))
def test_astype_converts_every_parameter_and_forgets_gradients(dtype):
    tree = Tree()
    for parameter in tree.parameters():
        parameter.add_grad(parameter.data)
    assert tree.astype(dtype) is tree
    assert all(parameter.data.dtype == dtype and parameter.grad is None for parameter in tree.parameters())
    for parameter in tree.parameters():
        parameter.add_grad_of(np.negative, parameter.data)
        assert parameter.grad is None or parameter.grad.dtype == dtype


@checks(Module)
def test_pack_reaches_every_parameter_and_astype_leads_back():
    tree = Tree()
    assert tree.pack("bfloat16") is tree
    assert all(parameter.packed_as == "bfloat16" and not parameter.trainable for parameter in tree.parameters())
    assert all(tensor.dtype == "bfloat16" for tensor in tree.state_dict().values())
    tree.astype(np.float32)
    assert all(tensor.dtype == np.float32 for tensor in tree.state_dict().values())


@checks(Module)
def test_zero_grad_reaches_every_parameter():
    tree = Tree()
    for parameter in tree.parameters():
        parameter.add_grad(parameter.data)
    tree.zero_grad()
    assert all(parameter.grad is None for parameter in tree.parameters())


@checks(Module)
def test_a_state_dict_is_the_arrays_themselves_and_loads_into_another_module_cast_to_its_dtype():
    first, second = Tree(), Tree().astype(np.float32)
    state = first.state_dict()
    assert all(state[name] is parameter.data for name, parameter in first.named_parameters())
    state["many.0.weight"][:] = 7
    for parameter in second.parameters():
        parameter.add_grad(parameter.data)
    second.load_state_dict(state)
    assert second.many[0].weight.data.tolist() == [7, 7, 7] and second.tied is second.first.weight
    assert all(parameter.data.dtype == np.float32 and parameter.grad is None for parameter in second.parameters())


@checks(Module)
def test_two_modules_that_were_given_one_state_learn_apart_unless_they_are_to_share_it():
    first, second, third = Tree(), Tree(), Tree()
    state = first.state_dict()
    state["own"] = first.own.data = np.asfortranarray(np.arange(4.0).reshape(2, 2))
    second.load_state_dict(state)
    third.load_state_dict(state, copy=False)
    for (name, mine), other, same in zip(first.named_parameters(), second.parameters(), third.parameters()):
        assert not np.shares_memory(mine.data, other.data) and same.data is mine.data, name
        np.testing.assert_array_equal(other.data, mine.data)
    assert second.own.data.strides == first.own.data.strides                                # as it lay in memory


@checks(Module, check_fit)
def test_a_state_that_does_not_fit_is_refused_whole_with_every_problem_named():
    tree = Tree()
    state = {**tree.state_dict(), "many.1.weight": np.zeros((4, 1)), "extra": np.zeros(1), "own": np.ones((2, 2))}
    del state["pair.0.weight"]
    with pytest.raises(CheckpointError) as error:
        tree.load_state_dict(state)
    for part in ("missing pair.0.weight", "unexpected extra", "many.1.weight must be (4,), got (4, 1)"):
        assert part in str(error.value)
    assert not tree.own.data.any()


@checks(check_fit)
def test_a_state_with_a_host_of_names_gets_an_error_that_can_be_read():
    with pytest.raises(CheckpointError) as error:
        check_fit({**{f"t{i}": None for i in range(100_000)}, "x" * 10**6: None}, {"w": np.zeros(1)}, "all must fit")
    message = str(error.value)
    assert message.startswith("all must fit; missing w; unexpected t0; ") and message.endswith("; and 99002 more")
    with pytest.raises(CheckpointError) as error:
        check_fit({"x" * 10**6: None}, {}, "all must fit")
    assert len(str(error.value)) < 300 and len(message) < 30_000


@checks(normal)
@given(st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_initial_weights_are_std_times_the_standard_normal_of_the_generator(std, seed):
    weights = normal((50, 40), std, np.random.default_rng(seed))
    assert weights.dtype == np.float32 and weights.shape == (50, 40)
    unit = np.random.default_rng(seed).standard_normal((50, 40), dtype=np.float32)
    np.testing.assert_allclose(weights, std * unit, rtol=1e-6)
    assert abs(weights.mean()) < 5 * std / np.sqrt(2000) and weights.std() == pytest.approx(std, rel=0.1)


@checks(normal)
@pytest.mark.parametrize("rng", [None, 0, 3.5, np.random, np.random.RandomState(0)])
def test_initial_weights_need_a_generator(rng):
    with pytest.raises(ConfigError, match=r"np.random.default_rng\(seed\)"):
        normal((2,), 0.1, rng)


@checks(normal)
def test_blank_weights_are_allocated_and_not_drawn():
    blank = normal((2, 3), 0.1, BLANK)
    assert blank.shape == (2, 3) and blank.dtype == np.float32
