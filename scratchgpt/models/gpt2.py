"""GPT-2: the model.

Before this file: `decoder`. After it: the whole of a GPT on one page.
"""

import math
from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar

from ..errors import ConfigError
from ..layers import (ACTIVATIONS, MLP, Block, Checkpoint, Dropout, Embedding, FusedProjections, LayerNorm,
                      LearnedPositions, Linear, MultiHeadAttention)
from .config import ModelConfig
from .decoder import Decoder

PRESETS = {"gpt2": dict(n_layer=12, n_embd=768, n_head=12),
           "gpt2-medium": dict(n_layer=24, n_embd=1024, n_head=16),
           "gpt2-large": dict(n_layer=36, n_embd=1280, n_head=20),
           "gpt2-xl": dict(n_layer=48, n_embd=1600, n_head=25)}


@dataclass(frozen=True)
class GPT2Config(ModelConfig):
    """The sizes of a GPT-2, under the names of the field's config.json; the defaults are the smallest published one.

    n_inner None means 4 n_embd. The dropout probabilities act only where a generator is handed to the model.
    """

    vocab_size: int = 50257
    n_positions: int = 1024
    n_embd: int = 768
    n_layer: int = 12
    n_head: int = 12
    n_inner: int | None = None
    activation_function: str = "gelu_new"
    layer_norm_epsilon: float = 1e-5
    initializer_range: float = 0.02
    resid_pdrop: float = 0.1
    embd_pdrop: float = 0.1
    attn_pdrop: float = 0.1
    model_type: ClassVar[str] = "gpt2"
    architecture: ClassVar[str] = "GPT2LMHeadModel"
    FIXED: ClassVar[dict] = {"scale_attn_weights": (True,), "scale_attn_by_inverse_layer_idx": (False,),
                             "add_cross_attention": (False,), "tie_word_embeddings": (True,)}

    def __post_init__(self):
        self._check_whole("vocab_size", "n_positions", "n_embd", "n_layer", "n_head")
        self._check_whole_or_none("n_inner")
        self._check_divides("n_head", "n_embd")
        self._check_choice("activation_function", ACTIVATIONS)
        self._check_positive("layer_norm_epsilon")
        self._check_at_least_zero("initializer_range")
        self._check_dropout("resid_pdrop", "embd_pdrop", "attn_pdrop")

    @classmethod
    def preset(cls, name, **changes):
        """The config of a published model: "gpt2", "gpt2-medium", "gpt2-large" or "gpt2-xl", with `changes`."""
        if name not in PRESETS:
            raise ConfigError(f"the preset must be one of {', '.join(PRESETS)}; got {name!r}")
        return cls(**{**PRESETS[name], **changes})

    @property
    def num_parameters(self):
        """V C + P C + L (4 C^2 + 2 C F + 9 C + F) + 2 C: tables, blocks, last norm; the tied head counts once."""
        V, P, C, L, F = self.vocab_size, self.n_positions, self.n_embd, self.n_layer, self.n_inner or 4 * self.n_embd
        return V * C + P * C + L * (4 * C * C + 2 * C * F + 9 * C + F) + 2 * C

    @property
    def num_tensors(self):
        """12 L + 4: how many arrays those numbers are in."""
        return 12 * self.n_layer + 4


class GPT2(Decoder):
    """The pre-LN decoder of GPT-2, with learned positions and a tied head.

        h_0 = wte[ids] + wpe[positions]      h_l = Block_l(h_{l-1})      logits = LN(h_L) wte^T

    Weights start from N(0, 0.02^2), residual projections from N(0, 0.02^2 / (2 L)), biases from 0, gains from 1.
    Keeps the ids, the input and the output of the last norm, and what its blocks keep; with `checkpoint_activations` of
    each block only its input. Dropout on the embeddings adds a byte for each of B T C, padding the positions (B, T).
    Source: Radford et al. 2019, Language models are unsupervised multitask learners, section 2.3, and its code.
    """

    config_class = GPT2Config

    def __init__(self, config, *, rng, checkpoint_activations=False):
        C, std = config.n_embd, config.initializer_range
        self.config, self.n_positions = config, config.n_positions
        self.wte = Embedding(config.vocab_size, C, rng=rng, std=std)
        self.wpe = LearnedPositions(config.n_positions, C, rng=rng, std=std)
        self.dropout = Dropout(config.embd_pdrop)
        wrap = Checkpoint if checkpoint_activations else lambda block: block
        self.h = [wrap(_block(config, rng)) for _ in range(config.n_layer)]
        self.ln_f = LayerNorm(C, config.layer_norm_epsilon)

    def _embed(self, ids, positions, rng, step):
        h = step(*self.wte(ids))                                               # (B, T) -> (B, T, C)
        h = step(*self.wpe(h, positions))
        return step(*self.dropout(h, rng))

    _blocks, _norm = property(attrgetter("h")), property(attrgetter("ln_f"))

    def _head(self, h):
        return self.wte.unembed(h)

    def _vocabulary(self):
        return [(self.wte.weight, (0,))]                                       # the head is tied to it


def _block(config, rng):
    """One pre-LN block; its projections into the residual stream start smaller, by sqrt(2 L)."""
    C, std, eps = config.n_embd, config.initializer_range, config.layer_norm_epsilon
    residual_std = std / math.sqrt(2 * config.n_layer)
    attention = MultiHeadAttention(FusedProjections(C, rng=rng, std=std), Linear(C, C, rng=rng, std=residual_std),
                                   config.n_head, Dropout(config.attn_pdrop))
    mlp = MLP(C, config.n_inner, rng=rng, activation=ACTIVATIONS[config.activation_function](), std=std,
              down_std=residual_std)
    return Block(LayerNorm(C, eps), attention, LayerNorm(C, eps), mlp, Dropout(config.resid_pdrop))
