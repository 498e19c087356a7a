"""Mistral: a Llama that looks back over a window.

Before this file: `llama`. After it: L layers with a window of W tokens reach back over L (W - 1).
"""

from dataclasses import dataclass
from typing import ClassVar

from .llama import Llama
from .llama_config import LlamaConfig


@dataclass(frozen=True)
class MistralConfig(LlamaConfig):
    """As LlamaConfig; sliding_window is how many tokens a query sees, itself included, None for all before it."""

    intermediate_size: int = 14336
    num_key_value_heads: int | None = 8
    max_position_embeddings: int = 131072
    sliding_window: int | None = 4096
    model_type: ClassVar[str] = "mistral"
    architecture: ClassVar[str] = "MistralForCausalLM"
    FIXED: ClassVar[dict] = {**LlamaConfig.FIXED, "attention_bias": (False,), "mlp_bias": (False,)}

    def __post_init__(self):
        super().__post_init__()
        self._check_whole_or_none("sliding_window")

    @property
    def windows(self):
        """The same window in every layer."""
        return (self.sliding_window,) * self.num_hidden_layers


class Mistral(Llama):
    """Llama with windows: query t sees the keys t - W < s <= t, of shape (B, K, S, D).

    Source: Jiang et al. 2023, arXiv:2310.06825, section 2.
    """

    config_class = MistralConfig
