"""The table of candidates: the best by the model, what processors made of them, and which one it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgpt as sg
from scratchgpt import formulas
from scratchgpt.decoding import generate, sequence_logprob
from scratchgpt.decoding.candidates import Candidates, candidates
from scratchgpt.errors import GenerationError
from tests.checks import checks


def model():
    config = sg.GPT2Config(vocab_size=7, n_positions=9, n_embd=4, n_layer=2, n_head=2, initializer_range=0.5)
    return sg.GPT2(config, rng=np.random.default_rng(0)).astype(np.float64)


@checks(candidates, Candidates)
@given(k=st.integers(1, 5), seed=st.integers(0, 2**32 - 1), ties=st.booleans())
def test_the_k_best_stand_in_order_with_both_probabilities_and_what_came_next_with_its_rank(k, seed, ties):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(2, 3, 5))
    logits = np.round(logits) if ties else logits
    scores = np.where(rng.random(logits.shape) < 0.3, -np.inf, logits / 2)
    scores[..., 0] = 0.0
    new, prompts = rng.integers(0, 5, (2, 3)), np.array([[-1, 4], [2, 1]])
    logits[1, 2:] = scores[1, 2:] = np.nan                                              # the second text ends earlier
    found = candidates(logits, scores, new, prompts, k)
    for r, i in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]:
        l, after = formulas.log_softmax(logits[r, i]), formulas.log_softmax(scores[r, i])
        order = sorted(range(5), key=lambda v: (-l[v], v))
        x = int(new[r, i])
        assert found.ids[r, i].tolist() == order[:k] and found.chosen[r, i] == x
        assert found.ranks[r, i] == order.index(x) + 1
        np.testing.assert_allclose(found.logprobs[r, i], l[order[:k]], rtol=1e-12)
        np.testing.assert_allclose(found.processed[r, i], after[order[:k]], rtol=1e-12)
        np.testing.assert_allclose([found.chosen_logprobs[r, i], found.chosen_processed[r, i]], [l[x], after[x]])
    assert (found.ids[1, 2] == -1).all() and found.chosen[1, 2] == -1 and found.ranks[1, 2] == 0
    assert np.isnan([*found.logprobs[1, 2], *found.processed[1, 2], found.chosen_logprobs[1, 2]]).all()
    np.testing.assert_array_equal(found.prompts, prompts)


def example():
    """Two steps: a likely token, then, of a vocabulary cut to two, an unlikely one."""
    p = np.array([[0.5, 0.25, 0.125, 0.0625, 0.0625], [0.5, 0.25, 0.125, 0.0625, 0.0625]])
    after = np.array([p[0], [0, 0, 0.75, 0.25, 0]])
    with np.errstate(divide="ignore"):
        return candidates(np.log(p)[None], np.log(after)[None], np.array([[0, 2]]), np.array([[-1, 3, 1]]), 2)


@checks(Candidates)
def test_it_prints_the_input_so_far_and_marks_what_came_next():
    letters = sg.CharTokenizer("\nabcé")
    assert example().table(letters).splitlines() == [
        "step  input so far  1st         2nd      otherwise",
        "   1  ca            [\\n 50.0%]  a 25.0%",
        "   2  ca\\n          \\n 50.0%    a 25.0%  [b 12.5%], the 3rd",
        "      processed     out         out      75.0%"]
    assert str(example()).splitlines()[1:3] == [
        "   1  3 1           [0 50.0%]  1 25.0%",
        "   2  3 1 0         0 50.0%    1 25.0%  [2 12.5%], the 3rd"]
    why = example().table(letters, lambda token, step, row: f"cut_{token}_{step}_{row}").splitlines()[-1]
    assert why.split() == ["processed", "cut_0_1_0", "cut_1_1_0", "75.0%"]


@checks(Candidates)
def test_a_long_input_shows_its_end_and_several_texts_their_numbers():
    output = generate(model(), np.zeros((2, 3), int), max_new_tokens=30, return_dict_in_generate=True,
                      output_candidates=2)
    lines = str(output.candidates).splitlines()
    assert lines[0] == "text 1 of 2" and lines[32] == "text 2 of 2" and len(lines) == 2 * (1 + 1 + 30)
    assert all(line[6] == "…" for line in lines[27:32])
    assert "otherwise" not in lines[1]                                        # greedy takes the best, always


@checks(generate, candidates)
def test_generate_gives_them_with_what_processors_did():
    made, ids = model(), np.array([[0, 0, 3], [1, 2, 4]])
    mask = np.array([[0, 1, 1], [1, 1, 1]])
    output = generate(made, ids, mask, max_new_tokens=4, rng=np.random.default_rng(0), top_k=2, output_candidates=3,
                      return_dict_in_generate=True, output_scores=True, output_logits=True)
    found = output.candidates
    np.testing.assert_array_equal(found.chosen, output.sequences[:, 3:])
    np.testing.assert_allclose(found.chosen_logprobs, output.logprobs)
    assert (found.processed[..., :2] > -np.inf).all() and (found.processed[..., 2] == -np.inf).all()
    assert (found.ranks <= 2).all() and found.prompts.tolist() == [[-1, 0, 3], [1, 2, 4]]
    np.testing.assert_allclose(np.exp(found.processed[..., :2]).sum(-1), 1)


@checks(generate)
def test_more_candidates_than_tokens_are_refused():
    with pytest.raises(GenerationError, match="output_candidates must be at most vocab_size"):
        generate(model(), [[0]], max_new_tokens=1, return_dict_in_generate=True, output_candidates=1000)


@checks(sequence_logprob)
@given(seed=st.integers(0, 2**32 - 1), extra=st.integers(-2, 5), start=st.integers(1, 4))
def test_a_text_longer_than_the_context_is_as_likely_as_its_tokens_each_behind_a_full_window(seed, extra, start):
    made = model()
    n = made.n_positions
    ids = np.random.default_rng(seed).integers(0, made.config.vocab_size, (2, n + extra))
    expected = sum(formulas.log_softmax(made.next_logits(ids[:, max(0, t - n):t]))[[0, 1], ids[:, t]]
                   for t in range(start, n + extra))
    np.testing.assert_allclose(sequence_logprob(made, ids, start), expected, rtol=1e-11)
