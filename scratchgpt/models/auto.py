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
    """config = f(folder): the config that a folder's config.json describes, read without its weights.

    Source: Wolf et al. 2019, arXiv:1910.03771, for choosing by `model_type`; sizes are in numbers of tokens and channels.
    """

    @staticmethod
    def from_pretrained(folder):
        """The config in `folder`. Raises CheckpointError or ConfigError naming the file and the field."""
        return _model_class(folder).config_class.from_pretrained(folder)


class AutoModel:
    """model = f(folder): the model that a folder holds, of whichever architecture, as its class's own from_pretrained.

    Source: Wolf et al. 2019, arXiv:1910.03771, for choosing by `model_type`; ids are (B, T) for every model.
    """

    @staticmethod
    def from_pretrained(folder, dtype="float32"):
        """The model in `folder`, its weights held as `dtype`; errors as `load_pretrained`."""
        return _model_class(folder).from_pretrained(folder, dtype=dtype)


def _model_class(folder):
    path, values = read_config(folder)
    if values.get("model_type") not in tuple(MODELS):
        raise CheckpointError(f"{path}: model_type must be one of {', '.join(MODELS)}; got {values.get('model_type')!r:.80}")
    return MODELS[values["model_type"]]
