"""scratchgpt: the GPT stack in pure NumPy, every gradient written by hand and proved by a test.

The names below stand in reading order, from bytes to a trained model. Shapes are written with these letters:

    B batch         T query time       S key/source time    C channels     H query heads    K key/value heads
    D head dimension    F feed-forward hidden    V vocabulary    L layers    R LoRA rank    G quantisation group

    import numpy as np, scratchgpt as sg
    model = sg.GPT2(sg.GPT2Config(vocab_size=65, n_positions=64, n_embd=128, n_layer=4, n_head=4),
                    rng=np.random.default_rng(0))
    loss, backward = model.loss(ids, targets)
    backward()
"""

__version__ = "0.1.0"

from .errors import (CheckpointError, ConfigError, DataError, GenerationError, MissingExtraError, ScratchGPTError,
                     TokenizerError, TrainingError)
from .backend import to_host, use
from .tokenizers import AutoTokenizer, BPETokenizer, CharTokenizer, StreamDecoder
from . import formulas, layers
from .module import Module, Parameter
from .cache import KVCache
from .models import (GPT2, AutoConfig, AutoModel, BigramConfig, BigramLM, GPT2Config, LanguageModel, Llama, LlamaConfig,
                     Mistral, MistralConfig, QuestionAnsweringConfig, QuestionAnsweringGPT, Qwen2, Qwen2Config, Qwen3,
                     Qwen3Config, Transformer, TransformerConfig)
from .optim import SGD, Adam, AdamW, clip_grad_norm, grad_norm, schedule
from .training import (Answering, Evaluation, PairData, TextData, Trainer, TrainingConfig, Translation, answers,
                       evaluate, get_batch, load_state, load_tokens, parse_pairs, save_state, save_tokens,
                       split_pairs, translations, windows)
from .decoding import (GenerationConfig, GenerationOutput, WatermarkDetector, generate, greedy, sample,
                       sequence_logprob, stream, stream_text)
from .checkpoint import load_file, save_file
from .views import next_tokens
from . import plots
