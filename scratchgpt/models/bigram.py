"""The bigram model: the smallest language model there is. Before: `language_model`. After: what a GPT must beat."""

from dataclasses import dataclass
from typing import ClassVar

from ..cache import layer_caches
from ..layers import Embedding
from .config import ModelConfig
from .language_model import LanguageModel


@dataclass(frozen=True)
class BigramConfig(ModelConfig):
    """vocab_size: the number V of distinct tokens."""

    vocab_size: int
    model_type: ClassVar[str] = "bigram"

    def __post_init__(self):
        self._check_whole("vocab_size")

    @property
    def num_parameters(self):
        """V^2."""
        return self.vocab_size ** 2

    @property
    def num_tensors(self):
        """1: the table."""
        return 1


class BigramLM(LanguageModel):
    """The next token's scores depend on the last token only.

        p(x_{t+1} = j | x_t = i) = softmax(W_i)_j

    W (V, V). Trained by cross-entropy, softmax(W_i) tends to the observed frequencies of what follows i.
    Source: Shannon 1948, A mathematical theory of communication, section 3 (the second-order approximation).
    """

    config_class = BigramConfig
    n_positions = None

    def __init__(self, config, *, rng):
        self.config = config
        self.table = Embedding(config.vocab_size, config.vocab_size, rng=rng)

    def _trunk(self, ids, pullbacks, attention_mask=None, cache=None, rng=None, states=None, maps=None):
        logits, table_back = self.table(ids)
        pullbacks.append(table_back)
        if states is not None:
            states.append(logits)
        return logits

    def _head(self, h):
        return h, lambda dlogits: dlogits

    def _vocabulary(self):
        return [(self.table.weight, (0, 1))]                                   # every token before every other

    def new_cache(self, implementation="dynamic", capacity=None):
        """None, of whatever kind: a bigram remembers nothing."""
        layer_caches([], implementation, capacity)
        return None
