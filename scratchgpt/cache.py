"""What attention remembers between tokens: the keys and values of the past.

Before this file: `formulas.attention`. After it: why generating a token costs one token's work and not the whole
text's. Keys and values of the past never change in a causal model, so they are kept; the past is a constant, and no
gradient flows into it. A source that is translated never changes either.
"""

import numpy as np

from .errors import GenerationError


class LayerCache:
    """One layer's keys and values (B, K, S, D), in buffers that double when full.

    Appending S tokens one by one copies O(S) rows in all, not O(S^2).
    """

    def __init__(self):
        self.length = 0
        self._keys = self._values = None

    def append(self, k, v):
        """Add k, v (B, K, T, D) behind what is there; returns all keys and all values (B, K, S, D), S = past + T."""
        if self._keys is not None and k.shape[0] != self._keys.shape[0]:
            raise GenerationError("a cache keeps its batch size; "
                                  f"it holds {self._keys.shape[0]} rows, got {k.shape[0]}")
        length = self.length + k.shape[2]
        self._keys = self._room(self._keys, k, length)
        self._values = self._room(self._values, v, length)
        self._keys[:, :, self.length:length] = k
        self._values[:, :, self.length:length] = v
        self.length = length
        return self._keys[:, :, :length], self._values[:, :, :length]

    def kept(self):
        """All keys and values so far, (B, K, S, D) each. Raises GenerationError while there are none."""
        if self._keys is None:
            raise GenerationError("a cache can be read once something is in it; it holds 0 tokens, append(k, v) first")
        return self._keys[:, :, :self.length], self._values[:, :, :self.length]

    def truncate(self, length):
        """Forget all but the first `length` tokens."""
        if not 0 <= length <= self.length:
            raise GenerationError(f"a cache of {self.length} tokens cannot be cut to {length}")
        self.length = length

    def _room(self, buffer, new, length):
        if buffer is not None and length <= buffer.shape[2]:
            return buffer
        B, K, _, D = new.shape
        bigger = np.empty_like(new, shape=(B, K, max(64, 2 * length), D))
        if buffer is not None:
            bigger[:, :, :self.length] = buffer[:, :, :self.length]
        return bigger


class KVCache:
    """One LayerCache for every layer: `cache[i]` belongs to layer i."""

    def __init__(self, n_layer):
        self.layers = [LayerCache() for _ in range(n_layer)]

    def __getitem__(self, index):
        return self.layers[index]

    def __len__(self):
        """The number of tokens that are remembered."""
        return self.layers[0].length if self.layers else 0

    def truncate(self, length):
        """Forget all but the first `length` tokens in every layer."""
        for layer in self.layers:
            layer.truncate(length)


class EncoderDecoderCache:
    """What a decoder remembers: its own past, and the source. `cache[i]` is layer i's pair of LayerCaches.

    self_attention    KVCache of the target so far, appended to token by token
    cross_attention   KVCache of the source: its memory is projected at the first call, and then only read
    """

    def __init__(self, n_layer):
        self.self_attention, self.cross_attention = KVCache(n_layer), KVCache(n_layer)
        self._words = None

    def __getitem__(self, index):
        return self.self_attention[index], self.cross_attention[index]

    def __len__(self):
        """The number of target tokens that are remembered."""
        return len(self.self_attention)

    def all_words(self, words):
        """Which of all target tokens are words and not padding: what was said of the past, and `words` of the new ones.

        words   booleans (B, T), to be given before the layers append their keys    returns booleans (B, past + T)
        """
        if len(self):
            words = np.concatenate([self._words[:, :len(self)], words], axis=1)
        self._words = words
        return words

    def truncate(self, length):
        """Forget all but the first `length` target tokens; the source stays."""
        self.self_attention.truncate(length)
