"""Small models of every architecture that a folder can hold, to be saved, damaged and loaded.

To put another one under all tests of folders, add it to MODELS.
"""

import numpy as np

from scratchgpt.models import (BigramConfig, BigramLM, Llama, LlamaConfig, Mistral, MistralConfig, Qwen2, Qwen2Config,
                               Qwen3, Qwen3Config)
from tests.layers.cases import gpt2

SIZES = dict(vocab_size=7, hidden_size=4, intermediate_size=5, num_hidden_layers=2, num_attention_heads=2,
             num_key_value_heads=1, head_dim=6, max_position_embeddings=9)
# model_type: rng -> model
MODELS = {
    "gpt2": gpt2,
    "bigram": lambda rng: BigramLM(BigramConfig(5), rng=rng),
    "llama": lambda rng: Llama(LlamaConfig(**SIZES), rng=rng),
    "mistral": lambda rng: Mistral(MistralConfig(**SIZES, tie_word_embeddings=True), rng=rng),
    "qwen2": lambda rng: Qwen2(Qwen2Config(**SIZES), rng=rng),
    "qwen3": lambda rng: Qwen3(Qwen3Config(**SIZES, attention_bias=True), rng=rng),
}


def make(model_type, seed=0):
    return MODELS[model_type](np.random.default_rng(seed))
