"""The table of next tokens: the model's own probabilities, in order, and readable."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgpt as sg
from scratchgpt import formulas
from scratchgpt.views import NextToken, NextTokens, next_tokens, token_labels
from tests.checks import checks

TEXT = "a cat\nsat é"
TOKENIZER = sg.CharTokenizer.train(TEXT)
V = TOKENIZER.vocab_size


def model(seed, V=V):
    """A bigram with scores of unit size: its answer is a row of its table."""
    made = sg.BigramLM(sg.BigramConfig(V), rng=np.random.default_rng(seed))
    made.table.weight.data = np.random.default_rng(seed).normal(size=(V, V)).astype(np.float32)
    return made


@checks(next_tokens, NextTokens, NextToken)
@given(k=st.integers(1, V + 3), seed=st.integers(0, 2**32 - 1))
def test_the_best_come_first_with_the_probabilities_that_the_model_gives_them(k, seed):
    bigram, ids = model(seed), np.random.default_rng(seed).integers(0, V, 5)
    table = next_tokens(bigram, ids, TOKENIZER, k)
    p = formulas.softmax(bigram.table.weight.data[ids[-1]].astype(np.float64))
    assert len(table) == min(k, V) and [row.rank for row in table] == list(range(1, len(table) + 1))
    assert len({row.id for row in table}) == len(table)
    for row, best in zip(table, sorted(p, reverse=True)):
        assert row.probability == pytest.approx(p[row.id], rel=1e-5) == pytest.approx(best, rel=1e-5)
        assert row.log_probability == pytest.approx(math.log(p[row.id]), abs=1e-5)
        assert row.text == token_labels([row.id], TOKENIZER)[0]
    assert table.rest == pytest.approx(1 - sum(row.probability for row in table), abs=1e-6) and table.rest >= 0


@checks(next_tokens)
def test_a_text_may_be_a_list_a_row_or_a_batch_of_one_and_equal_tokens_come_by_id():
    bigram = model(0)
    bigram.table.weight.data[:] = 0
    for ids in ([1, 2], np.array([1, 2]), np.array([[1, 2]])):
        assert [row.id for row in next_tokens(bigram, ids, TOKENIZER, 4)] == [0, 1, 2, 3]
    assert next_tokens(bigram, [0], TOKENIZER)[0].probability == pytest.approx(1 / V)


@checks(NextTokens)
def test_it_prints_as_a_table_whose_columns_stand_under_each_other():
    table = NextTokens([NextToken(1, 7, "␣the", 0.75, math.log(0.75)),
                        NextToken(2, 4321, "\\n", 0.125, math.log(0.125))])
    assert str(table).splitlines() == ["rank    id  text  probability  nats",
                                       "   1     7  ␣the       0.7500  -0.288",
                                       "   2  4321  \\n         0.1250  -2.079",
                                       "            rest       0.1250"]


@checks(token_labels)
def test_labels_show_what_could_not_be_seen():
    assert token_labels(TOKENIZER.encode(TEXT), TOKENIZER) == ["a", "␣", "c", "a", "t", "\\n", "s", "a", "t", "␣", "é"]
    assert token_labels([V, 0], TOKENIZER)[0] == ""                  # a model's table may be larger than its vocabulary
    wider = model(0, V + 5)
    assert "" in [row.text for row in next_tokens(wider, [0], TOKENIZER, V + 5)]
    bytes_only = sg.BPETokenizer.train("", 256)
    assert token_labels(bytes_only.encode("é"), bytes_only) == ["\\xc3", "\\xa9"]


@checks(next_tokens)
@pytest.mark.parametrize("ids, k, error, says", [
    ([0], 0, sg.ConfigError, "k must be"), ([0], 1.5, sg.ConfigError, "1.5"), ([[0], [1]], 3, sg.DataError, "one text"),
    (np.zeros((1, 1, 1), int), 3, sg.DataError, "one text"), ([], 3, sg.DataError, "at least one"),
    ([V], 3, sg.DataError, "vocab_size"), ([0.5], 3, sg.DataError, "integers")])
def test_what_is_no_text_or_no_number_is_refused(ids, k, error, says):
    with pytest.raises(error, match=says):
        next_tokens(model(0), ids, TOKENIZER, k)


@checks(next_tokens)
def test_the_package_offers_it_by_name():
    assert sg.next_tokens is next_tokens
