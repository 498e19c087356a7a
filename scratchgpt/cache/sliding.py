"""A cache that forgets what its layer cannot see any more.

Before this file: `growing`. After it: with windows, the memory for a text of any length is that of a window.
"""

import numpy as np

from ..errors import GenerationError
from ..inputs import check_whole
from .growing import LayerCache

SLACK = 64               # tokens that may always be taken back, as when a draft is rejected


class SlidingLayerCache(LayerCache):
    """The last keys and values of a layer in which a query sees itself and the W - 1 tokens before it.

    window   W, in tokens, >= 1

    The last W - 1 + SLACK tokens are held, all while there are no more, and at most twice as many: so each token is
    copied O(1) times, and what came since the last cut may be cut off again, if that is no more than SLACK tokens.
    `length` counts all that came.
    """

    def __init__(self, window):
        super().__init__()
        check_whole("window", window, 1, GenerationError)
        self.window, self._gone = window, 0                  # gone: the columns before those that are held

    @property
    def length(self):
        """The number of tokens that came, the forgotten ones included."""
        return self._gone + self._held

    def append(self, k, v):
        """Add k, v (B, K, T, D); returns the keys and values that these T see, (B, K, S, D), S <= W - 1 + T."""
        seen = tuple(a[:, :, -(self.window - 1 + k.shape[2]):] for a in super().append(k, v))
        enough = self.window - 1 + SLACK
        if self._held > 2 * enough:
            self._arrays = tuple(a[:, :, self._held - enough:self._held].copy() for a in self._arrays)
            self._gone, self._held = self.length - enough, enough
        return seen

    def realign(self, ends, length):
        """As LayerCache; what is held afterwards is what is held of every row."""
        ends = self.check(ends, length)
        held = self._held_after(ends, length)
        for a in self._arrays:
            self._align(a, ends - self._gone, held)
        self._gone, self._held = length - held, held

    def check(self, ends, length):
        """As LayerCache; besides, what the next token sees of each row must still be there."""
        ends = super().check(ends, length)
        held = self._held_after(ends, length)
        if held < min(length, self.window - 1):
            raise GenerationError(f"a cache with a window of {self.window} tokens holds the last {self._held} of "
                                  f"{self.length} and cannot be cut to {min(length, *ends)}; cut at most {SLACK}")
        return ends

    def _held_after(self, ends, length):
        return min(length, int(np.min(ends)) - self._gone) if self._gone else length
