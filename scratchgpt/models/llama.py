"""Llama: the model, and the family that differs from it in a line or two.

Before this file: `gpt2`, `llama_config`, `layers.projections`, `layers.rotary`. After it: what has changed since GPT-2:
norms without a mean, positions as turns of queries and keys, heads that share their keys, and a gated MLP.
"""

from operator import attrgetter

from ..layers import (Block, Checkpoint, Dropout, Embedding, GatedMLP, Linear, MultiHeadAttention, RMSNorm,
                      RotaryPositions, SeparateProjections)
from .decoder import Decoder
from .llama_config import LlamaConfig


class Llama(Decoder):
    """The pre-RMSNorm decoder with rotary positions, grouped-query attention and SwiGLU.

        h_0 = E[ids]      h = x + Attn(RMSNorm(x))      y = h + MLP(RMSNorm(h))      logits = RMSNorm(h_L) W_head

    W_head = E^T where the head is tied. Weights start from N(0, 0.02^2), biases from 0, gains from 1.
    A text has no longest length; the model was made for `context` tokens. With the dynamic type of rotary positions the
    angles depend on the length of the text once it passes that: keys that a cache holds stay as they were turned.
    Keeps the ids, the turns cos and sin (B, T, D/2), the input and the output of the last norm, and what its blocks
    keep; with `checkpoint_activations` of each block only its input.
    Source: Touvron et al. 2023, arXiv:2302.13971, section 2.2; Llama Team 2024, arXiv:2407.21783, section 3.2.
    """

    config_class = LlamaConfig
    n_positions = None

    def __init__(self, config, *, rng, checkpoint_activations=False):
        V, C, std = config.vocab_size, config.hidden_size, config.initializer_range
        self.config = config
        self.rotary = RotaryPositions(config.head_dim, config.rope_parameters, config.max_position_embeddings)
        self.embed_tokens = Embedding(V, C, rng=rng, std=std)
        wrap = Checkpoint if checkpoint_activations else lambda block: block
        self.layers = [wrap(self._block(window, rng)) for window in config.windows]
        self.norm = RMSNorm(C, config.rms_norm_eps)
        self.lm_head = None if config.tie_word_embeddings else Linear(C, V, rng=rng, bias=False, std=std)

    def _block(self, window, rng):
        config = self.config
        C, eps, std = config.hidden_size, config.rms_norm_eps, config.initializer_range
        out = Linear(config.num_attention_heads * config.head_dim, C, rng=rng, bias=config.attention_bias, std=std)
        attention = MultiHeadAttention(self._projections(rng), out, config.num_attention_heads,
                                       Dropout(config.attention_dropout), config.num_key_value_heads, window)
        mlp = GatedMLP(C, config.intermediate_size, rng=rng, bias=config.mlp_bias, std=std)
        return Block(RMSNorm(C, eps), attention, RMSNorm(C, eps), mlp)

    def _projections(self, rng):
        config, D = self.config, self.config.head_dim
        return SeparateProjections(config.hidden_size, config.num_attention_heads * D, rng=rng,
                                   C_kv=config.num_key_value_heads * D, bias=config.qkv_bias,
                                   std=config.initializer_range)

    @property
    def context(self):
        """max_position_embeddings: the longest text of the training."""
        return self.config.max_position_embeddings

    def _embed(self, ids, positions, rng, step):
        return step(*self.embed_tokens(ids))                                   # (B, T) -> (B, T, C)

    def _rotate(self, positions, like):
        return self.rotary(positions, like)

    _blocks, _norm, _windows = (property(attrgetter(name)) for name in ("layers", "norm", "config.windows"))

    def _head(self, h):
        return self.embed_tokens.unembed(h) if self.lm_head is None else self.lm_head(h)

    def _vocabulary(self):
        head = [] if self.lm_head is None else [(self.lm_head.weight, (1,))]
        return [(self.embed_tokens.weight, (0,)), *head]
