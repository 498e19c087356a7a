"""A folder says what it is."""

import json

import numpy as np
import pytest

from scratchgpt.errors import CheckpointError
from scratchgpt.models import AutoConfig, AutoModel, BigramConfig, BigramLM
from tests.checks import checks
from tests.layers.cases import V, gpt2, transformer
from tests.layers.llama_cases import llama, mistral, question_answering, qwen2, qwen3

MODELS = {"bigram": lambda rng: BigramLM(BigramConfig(V), rng=rng), "gpt2": gpt2, "llama": llama, "mistral": mistral,
          "qwen2": qwen2, "qwen3": qwen3, "question_answering_gpt": question_answering, "transformer": transformer}


@checks(AutoModel, AutoConfig)
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_every_model_is_found_again_by_what_its_folder_says(make, tmp_path):
    model = make(np.random.default_rng(0))
    model.save_pretrained(tmp_path)
    config, again = AutoConfig.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)
    assert type(config) is type(model.config) and config == model.config == again.config
    assert type(again) is type(model)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], array)


@checks(AutoModel)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_are_held_in_as_many_bits_as_asked(dtype, tmp_path):
    model = llama(np.random.default_rng(0))
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path, dtype=dtype)
    assert all(parameter.packed_as == dtype for parameter in again.parameters())
    np.testing.assert_allclose(again.logits([[1, 2, 3]]), model.logits([[1, 2, 3]]), atol=1e-2)


@checks(AutoModel, AutoConfig)
@pytest.mark.parametrize("model_type", ["gpt3", None, 5, ["gpt2"], {}], ids=str)
def test_a_folder_that_is_none_of_the_models_is_refused_with_a_list_of_them(model_type, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": model_type}))
    for door in (AutoModel, AutoConfig):
        with pytest.raises(CheckpointError, match=r"config\.json: model_type must be one of bigram, gpt2, llama"):
            door.from_pretrained(tmp_path)
        with pytest.raises(CheckpointError):
            door.from_pretrained(tmp_path / "nowhere")
