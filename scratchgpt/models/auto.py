"""A folder says what it is: the model class by the `model_type` of its config.json.

Before this file: all models. After it: whoever loads a checkpoint need not know its architecture beforehand.
"""

from ..checkpoint.config_file import read_config
from ..errors import CheckpointError
from .bigram import BigramLM
from .gpt2 import GPT2
from .llama import Llama
from .mistral import Mistral
from .question_answering import QuestionAnsweringGPT
from .qwen import Qwen2, Qwen3
from .transformer import Transformer

MODELS = {model.config_class.model_type: model
          for model in (BigramLM, GPT2, Llama, Mistral, Qwen2, Qwen3, QuestionAnsweringGPT, Transformer)}


class AutoConfig:
    """The config that a folder's config.json describes, read without its weights.

        config = MODELS[model_type].config_class.from_pretrained(folder)

    Its num_parameters, times 4 bytes, is what the weights would take.
    Source: Wolf et al. 2019, arXiv:1910.03771, for choosing by `model_type`.
    """

    @staticmethod
    def from_pretrained(folder):
        """The config in `folder`. Raises CheckpointError or ConfigError naming the file and the field."""
        return _model_class(folder).config_class.from_pretrained(folder)


class AutoModel:
    """The model that a folder holds, of whichever architecture.

        model = MODELS[model_type].from_pretrained(folder)

    Source: Wolf et al. 2019, arXiv:1910.03771, for choosing by `model_type`.
    """

    @staticmethod
    def from_pretrained(folder, dtype="float32"):
        """The model in `folder`, its weights held as `dtype`, in 4 or 2 bytes each; errors as `load_pretrained`."""
        return _model_class(folder).from_pretrained(folder, dtype=dtype)


def _model_class(folder):
    path, values = read_config(folder)
    if values.get("model_type") not in tuple(MODELS):
        raise CheckpointError(f"{path}: model_type must be one of {', '.join(MODELS)}; "
                              f"got {values.get('model_type')!r:.80}")
    return MODELS[values["model_type"]]
