"""The architectures, one file each.

Read in this order: config, pretrained_model, language_model, bigram, decoder, gpt2, llama_config, llama, mistral, qwen,
question_answering, encoder_decoder, transformer, auto.
"""

from .auto import AutoConfig, AutoModel
from .bigram import BigramConfig, BigramLM
from .encoder_decoder import ConditionalModel, EncoderDecoder
from .gpt2 import GPT2, GPT2Config
from .language_model import LanguageModel
from .llama import Llama
from .llama_config import LlamaConfig
from .mistral import Mistral, MistralConfig
from .question_answering import QuestionAnsweringConfig, QuestionAnsweringGPT
from .qwen import Qwen2, Qwen2Config, Qwen3, Qwen3Config
from .transformer import Transformer, TransformerConfig
