"""The bigram model: a table, and what training makes of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.errors import ConfigError
from scratchgpt.models import BigramConfig, BigramLM
from scratchgpt.optim import SGD
from tests.checks import checks


@checks(BigramConfig, BigramLM)
@given(st.integers(1, 40))
def test_the_config_counts_the_parameters_of_the_model(V):
    config = BigramConfig(V)
    model = BigramLM(config, rng=np.random.default_rng(0))
    assert config.num_parameters == model.num_parameters == V * V and config.num_tensors == 1
    assert BigramConfig.from_dict(config.to_dict()) == config


@checks(BigramConfig)
@pytest.mark.parametrize("V", [0, -1, 2.0, "7", None, True, 2**31])
def test_a_vocabulary_must_be_a_positive_integer_of_a_sane_size(V):
    with pytest.raises(ConfigError, match="vocab_size"):
        BigramConfig(V)


@checks(BigramLM)
@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_the_scores_depend_on_the_last_token_only(V, seed):
    rng = np.random.default_rng(seed)
    model = BigramLM(BigramConfig(V), rng=rng)
    ids = rng.integers(0, V, (3, 5))
    np.testing.assert_array_equal(model.logits(ids), model.table.weight.data[ids])
    assert model.new_cache() is None and model.attention_maps(ids) == []


@checks(BigramLM)
def test_trained_to_the_end_it_gives_the_observed_frequencies():
    rng = np.random.default_rng(0)
    V, text = 4, rng.integers(0, 4, (1, 60))
    model = BigramLM(BigramConfig(V), rng=rng).astype(np.float64)
    optimizer = SGD(model.parameters(), lr=8.0)
    for _ in range(600):
        model.zero_grad()
        model.loss(text[:, :-1], text[:, 1:])[1]()
        optimizer.step()
    counts = np.zeros((V, V))
    np.add.at(counts, (text[0, :-1], text[0, 1:]), 1)
    expected = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(formulas.softmax(model.table.weight.data), expected, atol=1e-3)
