"""The trace: who removed what, in numbers, in words, and in a table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.processors import (Change, Processor, Trace, apply, forced_bos, min_length, remove_invalid,
                                            suppress, temperature, top_k, top_p, traced)
from scratchgpt.errors import GenerationError
from scratchgpt.tokenizers import CharTokenizer
from tests.checks import checks
from tests.decoding.processors.draws import frozen, padded, situations

LINKS = [Processor("suppress", suppress([1, 2])), Processor("min_length", min_length(4, 0)),
         Processor("forced_bos", forced_bos(3)), Processor("temperature", temperature(0.5)),
         Processor("top_k", top_k(3)), Processor("top_p", top_p(0.5)), Processor("remove_invalid", remove_invalid())]


def trace_of(*steps):
    """A Trace of chains that were applied one after the other, (chain, ids, scores) each."""
    trace = Trace(7)
    for step, (chain, ids, scores) in enumerate(steps):
        for row, changes in enumerate(traced(chain, ids, scores)[1]):
            trace.note(step, row, changes)
    return trace


@checks(Trace, Change, traced)
@given(situations(), st.lists(st.sampled_from(LINKS), max_size=6))
def test_a_trace_changes_nothing_and_notes_every_token_that_went_or_came_back(situation, chain):
    ids, scores = situation
    trace = trace_of((chain, ids, scores))
    np.testing.assert_array_equal(traced(chain, ids, scores)[0], apply(chain, ids, scores))
    assert len(trace.changes) == len(chain) * len(ids)
    why = [[None] * scores.shape[1] for _ in ids]
    for i, link in enumerate(chain):
        before, scores = scores, link.apply(ids, scores)
        for b in range(len(ids)):
            change = trace.changes[b * len(chain) + i]
            went = [v for v in range(7) if before[b, v] > -np.inf and scores[b, v] == -np.inf]
            came = [v for v in range(7) if before[b, v] == -np.inf and scores[b, v] > -np.inf]
            left = [v for v in range(7) if scores[b, v] > -np.inf]
            assert (change.step, change.row, change.name) == (0, b, link.name)
            assert change.removed.tolist() == went and change.restored.tolist() == came and change.left == len(left)
            assert change.likeliest == tuple(sorted(went, key=lambda v: (-before[b, v], v))[:5])
            assert change.forced == (left[0] if len(left) == 1 and went + came else None)
            for v in went + came:
                why[b][v] = link.name if v in went else None
    assert [[trace.why(v, row=b) for v in range(7)] for b in range(len(ids))] == why


@checks(Trace)
def test_each_step_is_asked_by_its_number_from_either_end():
    ids, scores = padded([[1], [1]]), frozen(np.arange(14.0).reshape(2, 7))
    trace = trace_of(*((chain, ids, scores) for chain in (LINKS[:1], LINKS[4:5], [])))
    assert [trace.why(1, step=step) for step in (0, 1, 2, -3, -2, -1)] == ["suppress", "top_k", None] * 2
    assert trace.why(5, step=1, row=1) is None and trace.steps == 3
    for question in ({"step": 3}, {"step": -4}, {"token": 7}, {"token": -1}, {"row": 2}):
        with pytest.raises(GenerationError, match="the trace has 3 steps over 7 tokens"):
            trace.why(**{"token": 1, **question})


@checks(Trace)
def test_texts_of_other_lengths_have_their_own_steps():
    changes, trace = traced(LINKS[:1], padded([[1]]), frozen(np.arange(7.0)[None]))[1][0], Trace(7)
    trace.note(0, 4, changes)
    trace.note(3, 2, changes)
    assert (trace.why(1, step=0, row=4), trace.why(2, step=3, row=2), trace.steps) == ("suppress", "suppress", 4)
    assert [(change.step, change.row) for change in trace.changes] == [(0, 4), (3, 2)]


@checks(Trace)
def test_the_table_shows_ids_or_texts_and_says_what_was_forced():
    trace = trace_of(([LINKS[4], LINKS[2]], padded([[1]]), frozen(np.arange(10.0)[None])))
    assert str(trace) == trace.table() == """\
step  row  processor   removed    left  likeliest of the removed
   1    0  top_k             7       3  6 5 4 3 2 ...
   1    0  forced_bos        3       1  9 8 7  forced: 3"""
    tokenizer = CharTokenizer.train("abcdef gh")
    texts = trace.table(tokenizer).splitlines()[2]
    expected = [tokenizer.token_bytes(i).decode().replace(" ", "␣") for i in (8, 7, 3)]
    assert texts.split("1  ")[-1].split() == [*expected[:2], "forced:", expected[2]]


@checks(Trace)
def test_a_trace_of_nothing_is_a_table_of_nothing():
    assert str(Trace(7)).splitlines() == ["step  row  processor  removed    left  likeliest of the removed"]
    with pytest.raises(GenerationError):
        Trace(7).why(0)
