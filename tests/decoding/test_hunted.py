"""Claims of decoding that were found broken by an adversarial search, each with the smallest case that breaks it."""

import numpy as np
import pytest

from scratchgpt.decoding import generate
from scratchgpt.errors import GenerationError
from tests.layers.cases import gpt2
from tests.models.test_language_model import model_and_batch


@pytest.mark.parametrize("options", [dict(guidance_scale=1.0, negative_prompt_ids="nonsense")], ids=str)
def test_an_option_that_could_change_nothing_is_refused(options):
    with pytest.raises(GenerationError):
        generate(model_and_batch(gpt2, 1, 1, 0)[0], np.array([[1, 2, 3], [4, 1, 2]]), max_new_tokens=4, **options)
