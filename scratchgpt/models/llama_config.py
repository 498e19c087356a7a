"""The sizes of the Llama family, in the words of transformers 4 and 5.

Before this file: `config`, `layers.rotary`. After it: which keys of a config.json decide what such a model computes.
"""

from dataclasses import dataclass
from typing import ClassVar

from ..errors import ConfigError
from ..layers.rotary import ROPE_TYPES, TRAINED
from .config import ModelConfig

THETA = 10_000.0
ROPE_KEYS = {"rope_type", "rope_theta", *(key for kind in ROPE_TYPES.values() for key in kind.needs + kind.may_have)}


@dataclass(frozen=True)
class LlamaConfig(ModelConfig):
    """The sizes of a Llama, under the names of the field's config.json; the defaults are those of transformers.

    num_key_value_heads None means num_attention_heads, head_dim None means hidden_size / num_attention_heads.
    rope_parameters is {"rope_type", "rope_theta", ...}; None means the default type with theta 10,000.
    attention_dropout acts only where a generator is handed to the model.
    """

    vocab_size: int = 32000
    hidden_size: int = 4096
    intermediate_size: int = 11008
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    max_position_embeddings: int = 2048
    rms_norm_eps: float = 1e-6
    initializer_range: float = 0.02
    attention_dropout: float = 0.0
    attention_bias: bool = False
    mlp_bias: bool = False
    tie_word_embeddings: bool = False
    rope_parameters: dict | None = None
    model_type: ClassVar[str] = "llama"
    architecture: ClassVar[str] = "LlamaForCausalLM"
    FIXED: ClassVar[dict] = {"hidden_act": ("silu", "swish")}

    def __post_init__(self):
        self._check_whole("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                          "max_position_embeddings")
        self._default("num_key_value_heads", self.num_attention_heads)
        if self.head_dim is None:
            self._check_divides("num_attention_heads", "hidden_size")
        self._default("head_dim", self.hidden_size // self.num_attention_heads)
        self._check_whole("num_key_value_heads", "head_dim")
        self._check_divides("num_key_value_heads", "num_attention_heads")
        if self.head_dim % 2:
            raise ConfigError(f"head_dim must be even, as rotary positions turn pairs; got head_dim={self.head_dim}")
        self._check_positive("rms_norm_eps")
        self._check_at_least_zero("initializer_range")
        self._check_dropout("attention_dropout")
        self._check_flags("attention_bias", "mlp_bias", "tie_word_embeddings")
        self._default("rope_parameters", {})
        object.__setattr__(self, "rope_parameters", _rope(self.rope_parameters, self))

    def _default(self, name, value):
        if getattr(self, name) is None:
            object.__setattr__(self, name, value)

    @property
    def qkv_bias(self):
        """Whether the projections of queries, keys and values have biases."""
        return self.attention_bias

    @property
    def windows(self):
        """For every layer how many tokens a query sees, itself included; None for all before it."""
        return (None,) * self.num_hidden_layers

    @property
    def num_parameters(self):
        """V C (2 V C with an untied head) + L (2 C H D + 2 C K D + 3 C F + 2 C, and biases) + C."""
        V, C, F, L = self.vocab_size, self.hidden_size, self.intermediate_size, self.num_hidden_layers
        q, kv = self.num_attention_heads * self.head_dim, self.num_key_value_heads * self.head_dim
        layer = 2 * C * q + 2 * C * kv + 3 * C * F + 2 * C
        layer += self.qkv_bias * (q + 2 * kv) + self.attention_bias * C + self.mlp_bias * (2 * F + C)
        return V * C * (1 if self.tie_word_embeddings else 2) + L * layer + C

    @property
    def num_tensors(self):
        """9 L + 2, and one for an untied head and for each bias."""
        biases = 3 * self.qkv_bias + self.attention_bias + 3 * self.mlp_bias
        return (9 + biases) * self.num_hidden_layers + 2 + (not self.tie_word_embeddings)

    def to_dict(self):
        """As config.json has it, with the rotary positions in the words of transformers 5 and of 4."""
        kind = self.rope_parameters["rope_type"]
        scaling = {key: value for key, value in self.rope_parameters.items() if key != "rope_theta"}
        return {**super().to_dict(), "rope_theta": self.rope_parameters["rope_theta"],
                "rope_scaling": None if kind == "default" else scaling}

    @classmethod
    def _modern(cls, values):
        """transformers 4 wrote rope_theta and rope_scaling, where 5 writes rope_parameters.

        Both read rope_scaling first, and 5 also the trained length first from beside them; so does this.
        """
        theta, scaling = values.pop("rope_theta", THETA), values.pop("rope_scaling", None)
        given = scaling or values.get("rope_parameters") or {}
        if not isinstance(given, dict):
            raise ConfigError(f"rope_parameters must be an object; got {given!r:.80}")
        rope = {"rope_theta": theta, **{key: value for key, value in given.items() if value is not None}}
        stretched = [name for name, kind in ROPE_TYPES.items() if TRAINED in kind.needs]
        if values.get(TRAINED) is not None and rope.get("rope_type", rope.get("type")) in stretched:
            rope[TRAINED] = values.pop(TRAINED)
        part = values.pop("partial_rotary_factor", None)
        return {**values, "rope_parameters": rope if part is None else {"partial_rotary_factor": part, **rope}}


def _rope(given, config):
    """Checked rope_parameters, with the defaults of transformers; the old name `type` is read as `rope_type`."""
    if not isinstance(given, dict):
        raise ConfigError(f"rope_parameters must be an object; got {given!r:.80}")
    rope = dict(given)
    kind = rope.pop("type", "default")
    rope = {"rope_type": kind, "rope_theta": THETA, **rope}
    kind = rope["rope_type"]
    if not isinstance(kind, str) or kind not in ROPE_TYPES:
        raise ConfigError(f"rope_parameters: rope_type must be one of {', '.join(ROPE_TYPES)}; got {kind!r:.80}")
    needs = ROPE_TYPES[kind].needs
    if TRAINED in needs:
        rope.setdefault(TRAINED, config.max_position_embeddings)
    if rope.get("partial_rotary_factor") in (1, 1.0):
        del rope["partial_rotary_factor"]
    for key in needs:
        if key not in rope:
            keys = ", ".join(map(str, given)) or "none"
            raise ConfigError(f"rope_parameters: the type {kind} needs {key}; got {keys:.200}")
    for key, value in rope.items():
        if key not in ROPE_KEYS:
            raise ConfigError(f"rope_parameters: {key!s:.80} is not supported; got {value!r:.80}")
        if key == "truncate" and not isinstance(value, bool):
            raise ConfigError(f"rope_parameters: truncate must be true or false; got {value!r:.80}")
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if key not in ("rope_type", "truncate") and not (number and 1e-9 <= value <= 1e30):
            raise ConfigError(f"rope_parameters: {key} must be a number from 1e-9 to 1e30; got {value!r:.80}")
    _check_scaling(kind, rope, config)
    return rope


def _check_scaling(kind, rope, config):
    """The numbers of a type fit each other, so that no angle divides by zero."""
    if not rope["rope_theta"] > 1:
        raise ConfigError(f"rope_parameters: rope_theta must be above 1; got {rope['rope_theta']}")
    if kind != "default" and not 1 <= rope["factor"] <= 1e9:
        raise ConfigError(f"rope_parameters: factor must be from 1 to 1e9; got {rope['factor']}")
    if kind == "dynamic" and config.head_dim < 4:
        raise ConfigError(f"rope_parameters: the type dynamic needs a head_dim of at least 4; got {config.head_dim}")
    if kind == "llama3" and not rope["low_freq_factor"] < rope["high_freq_factor"]:
        raise ConfigError("rope_parameters: low_freq_factor must be below high_freq_factor; "
                          f"got {rope['low_freq_factor']} and {rope['high_freq_factor']}")
