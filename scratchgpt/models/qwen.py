"""Qwen2 and Qwen3: a Llama with biases on queries, keys and values; then with norms on queries and keys instead.

Before this file: `llama`, `mistral`. After it: what keeps attention's scores within bounds, by one means or another.
"""

from dataclasses import dataclass
from typing import ClassVar

from ..errors import ConfigError
from ..layers import NormedProjections, RMSNorm
from .llama import Llama
from .llama_config import LlamaConfig

FULL, SLIDING = KINDS = "full_attention", "sliding_attention"        # what a layer's attention may be


@dataclass(frozen=True)
class Qwen2Config(LlamaConfig):
    """As LlamaConfig, with queries, keys and values always biased, and windows in some layers if use_sliding_window.

    layer_types says of each layer "full_attention" or "sliding_attention"; None: the first max_window_layers are full.
    """

    vocab_size: int = 151936
    intermediate_size: int = 22016
    num_key_value_heads: int | None = 32
    max_position_embeddings: int = 32768
    use_sliding_window: bool = False
    sliding_window: int | None = 4096
    max_window_layers: int = 28
    layer_types: tuple | None = None
    model_type: ClassVar[str] = "qwen2"
    architecture: ClassVar[str] = "Qwen2ForCausalLM"
    FIXED: ClassVar[dict] = {**LlamaConfig.FIXED, "attention_bias": (False,), "mlp_bias": (False,)}

    def __post_init__(self):
        super().__post_init__()
        self._check_flags("use_sliding_window")
        self._check_whole("max_window_layers", at_least=0)
        if not self.use_sliding_window:
            object.__setattr__(self, "sliding_window", None)
        self._check_whole_or_none("sliding_window")
        L, types = self.num_hidden_layers, self.layer_types
        if types is None and L <= 1 << 16:
            full = L if self.sliding_window is None else min(self.max_window_layers, L)
            types = [FULL] * full + [SLIDING] * (L - full)
        if not isinstance(types, (list, tuple)) or len(types) != L or not all(kind in KINDS for kind in types):
            raise ConfigError(f"layer_types must say {' or '.join(KINDS)} of each of num_hidden_layers={L} layers; "
                              f"got {types!r:.80}")
        object.__setattr__(self, "layer_types", tuple(types))

    @property
    def qkv_bias(self):
        """True, as in Qwen2."""
        return True

    @property
    def windows(self):
        """The window where layer_types has one."""
        return tuple(self.sliding_window if kind == SLIDING else None for kind in self.layer_types)


class Qwen2(Llama):
    """Llama with biases on queries, keys and values: q = x W_q + b_q, x (B, T, C), and so for k and v.

    Source: Qwen Team 2024, arXiv:2407.10671, section 2.2.
    """

    config_class = Qwen2Config


@dataclass(frozen=True)
class Qwen3Config(Qwen2Config):
    """As Qwen2Config, with a head_dim of its own, and biases only where attention_bias asks for them."""

    head_dim: int | None = 128
    model_type: ClassVar[str] = "qwen3"
    architecture: ClassVar[str] = "Qwen3ForCausalLM"
    FIXED: ClassVar[dict] = {**LlamaConfig.FIXED, "mlp_bias": (False,)}

    @property
    def qkv_bias(self):
        """As attention_bias says."""
        return self.attention_bias

    @property
    def num_parameters(self):
        """2 D a layer more than a Llama's: the gains of the norms on queries and keys."""
        return super().num_parameters + 2 * self.head_dim * self.num_hidden_layers

    @property
    def num_tensors(self):
        """2 a layer more than a Llama's."""
        return super().num_tensors + 2 * self.num_hidden_layers


class Qwen3(Qwen2):
    """Llama with an RMSNorm on every head's queries and keys: q_h = RMSNorm(q_h) before its turn, q (B, T, H, D).

    Source: Qwen Team 2025, arXiv:2505.09388, section 2.
    """

    config_class = Qwen3Config

    def _projections(self, rng):
        D, eps = self.config.head_dim, self.config.rms_norm_eps
        return NormedProjections(super()._projections(rng), RMSNorm(D, eps), RMSNorm(D, eps))
