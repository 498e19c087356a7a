"""Where whoever comes from PyTorch and transformers stumbled: what their functions return, and what they hand in."""

import numpy as np
import pytest

from scratchgpt.decoding import generate
from tests.checks import checks
from tests.layers.cases import gpt2
from tests.models.test_language_model import model_and_batch

torch = pytest.importorskip("torch")
IDS = np.array([[1, 2, 3], [4, 1, 2]])


@checks(generate)
def test_a_stopping_criterion_may_answer_with_a_tensor_as_those_of_transformers_do():
    model = model_and_batch(gpt2, 1, 1, 0)[0]
    found = generate(model, IDS, max_new_tokens=5, stopping_criteria=[lambda ids, scores: torch.tensor([True])])
    assert found.shape == (2, 4)


@checks(generate)
def test_allowed_tokens_may_come_as_a_tensor():
    model = model_and_batch(gpt2, 1, 1, 0)[0]
    found = generate(model, IDS, max_new_tokens=5, prefix_allowed_tokens_fn=lambda row, ids: torch.tensor([2, 3]))
    assert set(found[:, 3:].ravel().tolist()) <= {2, 3}
