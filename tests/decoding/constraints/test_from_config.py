"""What a config asks for."""

import numpy as np
import pytest

from scratchgpt.decoding import GenerationConfig
from scratchgpt.decoding.constraints import JSON, allowed_by, constraints, grammar, regex, starts_with
from scratchgpt.decoding.prompt import Prompt
from scratchgpt.errors import GenerationError
from scratchgpt.tokenizers import BPETokenizer
from tests.checks import checks

tokenizer = BPETokenizer.train('http://a http://b {"a": 1}', 280, special_tokens=["</s>"])
EOS, V = tokenizer.special_tokens["</s>"], tokenizer.vocab_size
LINES = np.array([[-1, 10, 20], [30, 40, 50]])
PROMPT = Prompt(None, np.array([[0, 10, 20], [30, 40, 50]]), LINES, LINES)


def config(**options):
    return GenerationConfig(**{"eos_token_id": EOS, **options})


@checks(constraints)
def test_nothing_asked_for_is_nothing_done():
    prompt, limits = constraints(config(), None, PROMPT)
    assert prompt is PROMPT and limits == []


@checks(constraints)
@pytest.mark.parametrize("options, recogniser", [
    ({"regex": "[0-9]+"}, regex("[0-9]+")), ({"grammar": "json"}, grammar(JSON)),
    ({"grammar": 'root ::= "a" root?'}, grammar('root ::= "a" root?'))])
def test_a_constraint_begins_where_each_rows_prompt_ends(options, recogniser):
    prompt, [limit] = constraints(config(**options), tokenizer, PROMPT)
    scores = np.random.default_rng(0).normal(size=(3, V))
    of = np.array([1, 0, 1])                                                     # the rows that still run
    np.testing.assert_array_equal(limit(of)(LINES[of], scores),
                                  allowed_by(recogniser, tokenizer, np.array([3, 2, 3]), EOS)(LINES[of], scores))
    assert prompt is PROMPT


@checks(constraints)
def test_healing_takes_a_token_off_each_row_and_lays_the_rows_to_the_right_again():
    lines = np.array([[-1, -1, 10], [30, 40, EOS], [30, 40, 50]])                # only one token; a special one; healed
    asked = config(token_healing=True, pad_token_id=7)
    prompt, [limit] = constraints(asked, tokenizer, Prompt(None, lines, lines, lines))
    assert prompt.lines.tolist() == [[-1, -1, 10], [30, 40, EOS], [-1, 30, 40]] and prompt.source is prompt.lines
    assert prompt.ids.tolist() == [[7, 7, 10], [30, 40, EOS], [7, 30, 40]]
    scores, of = np.random.default_rng(0).normal(size=(2, V)), np.array([2, 0])
    expected = starts_with([tokenizer.token_bytes(50), b""], tokenizer, [2, 1])(prompt.lines[of], scores)
    np.testing.assert_array_equal(limit(of)(prompt.lines[of], scores), expected)
    assert (expected[0] == -np.inf).any() and (expected[1] > -np.inf).all()


@checks(constraints)
def test_healing_all_rows_makes_them_shorter_and_leaves_a_source_alone():
    source = np.array([[1, 2]])
    prompt, _ = constraints(config(token_healing=True, eos_token_id=[EOS]), tokenizer,
                            Prompt(None, LINES[1:], LINES[1:], source))
    assert prompt.ids.tolist() == prompt.lines.tolist() == [[30, 40]] and prompt.source is source


@checks(constraints)
@pytest.mark.parametrize("options, says", [
    ({"regex": "("}, "a group is not closed"), ({"grammar": "x"}, "a rule begins with its name")])
def test_what_cannot_be_is_refused(options, says):
    with pytest.raises(GenerationError, match=says):
        constraints(config(**options), tokenizer, PROMPT)
