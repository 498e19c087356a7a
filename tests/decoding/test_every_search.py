"""Laws of all searches: the same twice, undisturbed by others under way, and nothing left behind by Ctrl-C."""

import itertools

import numpy as np
import pytest

from scratchgpt.decoding import generate, stream
from scratchgpt.decoding.prepare import Request, prepare
from tests.checks import checks
from tests.decoding.every_search import HELPER, SEARCHES, STREAMED, options_of, prompts, text_of, under_way
from tests.decoding.lively import constant
from tests.decoding.strategies.speculation.drafting import talker

ONE, TWO = prompts()
searches = pytest.mark.parametrize("name", SEARCHES)


@pytest.fixture(scope="module")
def model():
    """A lively GPT-2 with room for every text of the table; HELPER drafts for it."""
    return talker(4, n_positions=16)


def in_turns(steps):
    """Let searches make a step each, in turns, until all are over."""
    for _ in itertools.zip_longest(*steps):
        pass


def insides(model):
    """What a model holds: the names in each of its modules, and the bytes of its weights."""
    return ([(name, sorted(vars(module))) for name, module in model.named_modules()],
            [(name, parameter.data.tobytes(), parameter.grad is None) for name, parameter in model.named_parameters()])


@checks(generate)
@searches
def test_the_same_call_twice_gives_the_same(model, name):
    for prompt in (ONE, TWO):
        np.testing.assert_array_equal(text_of(model, name, prompt, seed=3), text_of(model, name, prompt, seed=3))


@checks(generate)
def test_what_the_searches_of_the_table_say_is_neither_constant_nor_all_the_same(model):
    answers = [row.tolist() for name in SEARCHES for row in text_of(model, name, ONE)]
    assert sum(map(constant, answers)) < 0.1 * len(answers) and len(set(map(tuple, answers))) > len(answers) / 3


@checks(generate, stream, prepare, Request)
@searches
def test_two_of_a_kind_in_turns_say_what_each_says_alone(model, name):
    calls = [(ONE, 0), (TWO, 1), (ONE, 2)]
    alone = [text_of(model, name, prompt, seed) for prompt, seed in calls]
    steps, answers = zip(*(under_way(model, name, prompt, seed) for prompt, seed in calls))
    in_turns(steps)
    for answer, expected in zip(answers, alone):
        np.testing.assert_array_equal(answer(), expected)


@checks(generate, stream, prepare, Request)
def test_all_searches_in_turns_over_one_model_say_what_each_says_alone(model):
    alone = [text_of(model, name, TWO) for name in SEARCHES]
    steps, answers = zip(*(under_way(model, name, TWO) for name in SEARCHES))
    in_turns(steps)
    for name, answer, expected in zip(SEARCHES, answers, alone):
        np.testing.assert_array_equal(answer(), expected, err_msg=name)


@checks(generate)
@searches
def test_ctrl_c_in_a_processor_leaves_the_model_as_it_was(model, name):
    expected, before = text_of(model, name, TWO), [insides(one) for one in (model, HELPER)]
    calls = itertools.count()
    text_of(model, name, TWO, logits_processor=[lambda ids, scores: next(calls) * 0 + scores])
    for at in sorted({0, next(calls) // 2}):
        left = itertools.count(at, -1)

        def interrupt(ids, scores):
            if next(left) == 0:
                raise KeyboardInterrupt
            return scores
        with pytest.raises(KeyboardInterrupt):
            text_of(model, name, TWO, logits_processor=[interrupt])
        assert [insides(one) for one in (model, HELPER)] == before
        np.testing.assert_array_equal(text_of(model, name, TWO), expected)


@checks(generate)
@searches
def test_ctrl_c_within_the_model_between_two_layers_leaves_it_as_it_was(model, name, monkeypatch):
    expected, before, last = text_of(model, name, TWO), [insides(one) for one in (model, HELPER)], model._blocks[-1]
    forward, calls = type(last).forward, itertools.count()

    def broken_at(at):
        """The last layer, which raises when it is read the at-th time; the layer below has filled its cache by then."""
        def read(block, *args, **options):
            if block is last and next(calls) == at:
                raise KeyboardInterrupt
            return forward(block, *args, **options)
        return read
    with monkeypatch.context() as patch:
        patch.setattr(type(last), "forward", broken_at(None))
        text_of(model, name, TWO)
    for at in sorted({0, 1, next(calls) // 2}):
        calls = itertools.count()
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(type(last), "forward", broken_at(at))
            text_of(model, name, TWO)
        assert [insides(one) for one in (model, HELPER)] == before
        np.testing.assert_array_equal(text_of(model, name, TWO), expected)


@checks(stream)
@pytest.mark.parametrize("name", STREAMED)
def test_a_stream_that_is_closed_early_leaves_the_model_as_it_was(model, name):
    expected, before = text_of(model, name, TWO), [insides(one) for one in (model, HELPER)]
    for count in (0, 1, 3):
        columns = stream(model, *TWO, **options_of(name))
        begun = list(itertools.islice(columns, count))
        columns.close()
        assert list(columns) == [] and [insides(one) for one in (model, HELPER)] == before
        for found, column in zip(begun, expected.T):
            np.testing.assert_array_equal(found, column)
        np.testing.assert_array_equal(text_of(model, name, TWO), expected)
