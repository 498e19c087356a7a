"""Dropout as a module. Before: `formulas.dropout`. After: why there is no train and no eval mode in this package."""

import numpy as np

from .. import formulas
from ..errors import ConfigError
from ..module import Module


class Dropout(Module):
    """y = keep x / (1 - p), the mask drawn from `rng`; without a generator, or with p = 0, the identity.

    To train, hand in a generator; to infer, hand in none. Keeps the mask: one byte an element.
    Source: as `formulas.dropout`.
    """

    def __init__(self, p):
        if not 0 <= p < 1:
            raise ConfigError(f"dropout must be a probability, 0 <= p < 1; got p={p}")
        self.p = p

    def mask(self, shape, rng, like):
        """Which values stay, booleans (shape); None where nothing is dropped. Raises ConfigError for another rng."""
        if rng is not None and not isinstance(rng, np.random.Generator):
            raise ConfigError("dropout draws from a numpy.random.Generator, or drops nothing for None; "
                              f"got rng={rng!r:.80}, pass np.random.default_rng(seed)")
        return None if rng is None or self.p == 0 else formulas.dropout_mask(shape, self.p, rng, like)

    def forward(self, x, rng=None):
        """x (...) -> (...)."""
        keep = self.mask(x.shape, rng, x)
        if keep is None:
            return x, lambda dy: dy
        return formulas.dropout(x, keep, self.p), lambda dy: formulas.dropout_backward(dy, keep, self.p)
