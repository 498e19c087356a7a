"""The tree of a search: every slot is a text, every leaf one that ended, and the answers are among the leaves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.decoding.strategies.beams import BeamRun, BeamStep, BeamTree, Leaf
from tests.checks import checks
from tests.decoding.strategies.beams.beam_cases import TableModel, answers, log_p

WAYS = st.sampled_from([dict(), dict(num_beam_groups=2, diversity_penalty=1e-14), dict(force_words_ids=[[1, 0]])])


@checks(BeamTree, BeamStep, Leaf, BeamRun)
@given(st.integers(0, 2**31), st.sampled_from([True, False, "never"]), WAYS)
def test_slots_and_leaves_are_texts_with_their_scores_and_the_answers_are_leaves(seed, stop, way):
    model, prompts = TableModel(4, seed), np.array([[1, 2], [3, 0], [2, 2]])
    output = generate(model, prompts, num_beams=4, num_return_sequences=2, max_new_tokens=5, eos_token_id=3,
                      early_stopping=stop, return_dict_in_generate=True, length_penalty=0.5, **way)
    tree = output.beams
    assert (tree.count, tree.width) == (3, 4)
    for b, prompt in enumerate(prompts.tolist()):
        for t, step in enumerate(tree.steps):
            there = step.tokens[b] >= 0
            assert (there == (step.parents[b] >= 0)).all() and (there == ~np.isnan(step.scores[b])).all()
            for slot in np.flatnonzero(there):
                text = tree.path(b, t, slot)
                assert len(text) == t + 1 and 3 not in text
                assert step.scores[b, slot] == pytest.approx(log_p(model, prompt, text), rel=1e-10)
        leaves = tree.paths(b)
        for text, score in leaves:
            assert score == pytest.approx(log_p(model, prompt, text) / len(text)**0.5, rel=1e-10)
            assert text[-1] == 3 or len(text) == 5
        assert [score for _, score in leaves] == sorted((score for _, score in leaves), reverse=True)
        best = answers(output, 2)[b]
        assert [(list(text), score) for text, score in best] == leaves[:2]
    assert len(tree.finished) == sum(len(tree.paths(b)) for b in range(3))


@checks(BeamTree)
def test_a_prompt_that_is_done_leaves_empty_slots_while_others_go_on():
    def processor(ids, scores):                     # what begins with 1 may only end, what begins with 0 never ends
        front = ids[np.arange(len(ids)), np.argmax(ids >= 0, axis=1)]
        return np.where((front[:, None] == 1) == (np.arange(3) == 2), scores, -np.inf)
    tree = generate(TableModel(3, 0), np.array([[1], [0]]), num_beams=2, max_new_tokens=3, eos_token_id=2,
                    logits_processor=[processor], return_dict_in_generate=True).beams
    assert [leaf[:4] for leaf in tree.finished if leaf.prompt == 0] == [(0, 0, 0, 2)]
    assert len(tree.steps) == 3
    for step in tree.steps:
        assert step.tokens[0].tolist() == step.parents[0].tolist() == [-1, -1] and np.isnan(step.scores[0]).all()
    assert (tree.steps[1].tokens[1] >= 0).all()
    assert tree.path(0, -1, 0) == [] and tree.paths(0) == [([2], tree.finished[0].score)]
