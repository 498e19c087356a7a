"""The recogniser as an automaton."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints import JSON, Recogniser, grammar, regex
from scratchgpt.decoding.constraints.recogniser import DEAD, START
from tests.checks import checks
from tests.decoding.constraints.languages import texts
from tests.interruptions import interrupted_at, side_by_side


@checks(Recogniser)
@given(st.lists(st.text("ab", max_size=5), min_size=1, max_size=5))
def test_many_states_step_at_once_as_each_does_alone(lines):
    recogniser, data = regex("(a|ab)*b?"), np.array([97, 98, 99])
    states = np.array([recogniser.read(text.encode()) for text in lines])
    for byte in data:
        together = recogniser.step(states, byte)
        assert together.tolist() == [recogniser.read(bytes([byte]), state) for state in states.tolist()]
        assert together.tolist() == recogniser.step(states, np.full(len(states), byte)).tolist()


@checks(Recogniser)
def test_nothing_follows_what_is_dead():
    recogniser = regex("a")
    assert recogniser.read(b"b") == DEAD == recogniser.read(b"aa") == recogniser.read(b"a", DEAD)
    assert not recogniser.accepts(DEAD) and recogniser.next_bytes(DEAD) == b""
    assert recogniser.next_bytes(START) == b"a" and recogniser.next_bytes(recogniser.read(b"a")) == b""


@checks(Recogniser)
def test_what_was_read_before_changes_nothing():
    one, other = grammar('root ::= "a" root "b" | ""'), grammar('root ::= "a" root "b" | ""')
    for text in texts("ab", 6):
        assert other.matches(text.encode()) == (text == "a" * (len(text) // 2) + "b" * (len(text) // 2))
    for text in reversed(texts("ab", 6)):
        assert one.matches(text.encode()) == other.matches(text.encode())


@checks(Recogniser)
@pytest.mark.parametrize("recogniser, start, loop", [
    (regex("(a|é)*b"), "", "aé"), (regex("[^x]*"), "", "日"), (grammar(JSON), '"', "ab\\n"),
    (grammar(JSON), "[1", ", 2"),
    (grammar('root ::= (word ", ")*  word ::= [a-z] | "(" word ")"'), "", "a, "),
    (grammar('root ::= root "," word | word  word ::= [a-z]+'), "a", ",bc"),
])
def test_a_loop_leads_back_to_states_that_are_known(recogniser, start, loop):
    start, loop = start.encode(), loop.encode()
    state = recogniser.read(start + 3 * loop)
    before = recogniser.n_states
    for _ in range(100):
        state = recogniser.read(loop, state)
    assert state != DEAD and recogniser.n_states == before


@checks(Recogniser)
def test_ambiguity_costs_no_more_than_the_square_of_the_length():
    recogniser = grammar('root ::= "a" root "b" | "a" root "c" | "a" root root | ""')     # 2^n ways to read n letters
    state, sizes = START, []
    for n in range(24):
        state = recogniser.read(b"a", state)
        sizes.append(len(recogniser._kernels[state]))
    assert state != DEAD and max(sizes) <= 3 * 24 and recogniser.matches(24 * b"a" + 24 * b"b")


LEARNED = [lambda: regex("((a|b)*c(ab|ba)?)*"), lambda: grammar('root ::= "a" root "b" | root root | "c" | ""')]


@checks(Recogniser)
@pytest.mark.parametrize("make", LEARNED, ids=["regex", "grammar"])
def test_ctrl_c_while_a_language_is_learned_leaves_it_usable(make):
    lines, line, going = [text.encode() for text in ("abcab", "aacbb", "cacb", "abba", "")], 1, True
    expected = [make().matches(text) for text in lines]
    while going:
        recogniser = make()
        going = interrupted_at(line, lambda: [recogniser.matches(text) for text in lines], "recogniser.py")
        assert [recogniser.matches(text) for text in lines] == expected
        line += 1 if line < 300 else 41
    assert line > 300 and len(set(expected)) == 2


@checks(Recogniser)
@pytest.mark.parametrize("make", LEARNED, ids=["regex", "grammar"])
def test_threads_may_learn_one_language_together(make):
    lines = [text.encode() for text in texts("abc", 4)]
    expected = [make().matches(text) for text in lines]
    for seed in range(5):
        recogniser, orders = make(), [np.random.default_rng([seed, n]).permutation(len(lines)) for n in range(4)]
        found = side_by_side([lambda order=order: {n: recogniser.matches(lines[n]) for n in order} for order in orders])
        assert all([one[n] for n in range(len(lines))] == expected for one in found)
