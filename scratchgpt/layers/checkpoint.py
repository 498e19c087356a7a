"""Activation checkpointing: memory for time. Before: `module`. After: what the second rule buys, in a few lines."""

import copy

from ..module import Module


class Checkpoint(Module):
    """y = layer(x), x (...), keeping only x and the options; the backward pass calls the layer again for what it needs.

    With each of L blocks wrapped, the memory of activations falls from L blocks to one, for one more forward pass.
    Dropout draws the same masks again, from a copy of the generator. Its parameters are the layer's own, under the
    layer's names. A BatchNorm inside would move its running averages twice.
    Source: Chen et al. 2016, arXiv:1604.06174.
    """

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x, rng=None, **options):
        """As `layer`; with a cache it is the layer, since what was appended once must not be appended again."""
        if rng is not None:
            options["rng"] = rng
        if options.get("cache") is not None:
            return self.layer(x, **options)
        before = copy.deepcopy(rng)
        y, _ = self.layer(x, **options)
        again = {key: value for key, value in options.items() if key not in ("rng", "maps")}

        def backward(dy):
            replayed = {} if before is None else {"rng": copy.deepcopy(before)}
            return self.layer(x, **again, **replayed)[1](dy)
        return y, backward

    def named_modules(self, name=""):
        """The layer's, so that wrapping changes no name in a checkpoint file."""
        return self.layer.named_modules(name)
