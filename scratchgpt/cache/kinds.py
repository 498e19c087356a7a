"""The kinds of cache by the names that people type. Before: one file for each. After: `key_value`."""

from ..errors import GenerationError
from .growing import LayerCache
from .quantized import QuantizedLayerCache
from .sliding import SlidingLayerCache
from .static import StaticLayerCache

IMPLEMENTATIONS = "dynamic", "static", "sliding_window", "quantized"


def layer_caches(windows, implementation="dynamic", capacity=None):
    """A list of empty caches, one for each layer of a model.

    windows          for each layer the W tokens that a query sees, None for all
    implementation   "dynamic": growing with the text                "static": made for `capacity` tokens at once
                     "sliding_window": only what a layer's window can see; where it has none, growing
                     "quantized": growing, in 8 bits
    capacity         for "static" alone

    Raises GenerationError for another name, a capacity that is none, and a model without windows that should slide.
    """
    if implementation not in IMPLEMENTATIONS:
        raise GenerationError(f"the cache must be one of {', '.join(IMPLEMENTATIONS)}; got {implementation!r:.80}")
    if implementation == "static":
        return [StaticLayerCache(capacity) for _ in windows]
    if implementation == "quantized":
        return [QuantizedLayerCache() for _ in windows]
    slides = implementation == "sliding_window"
    if slides and all(window is None for window in windows):
        raise GenerationError('a "sliding_window" cache is for a model that looks back over a window; '
                              'this one has none in any layer: use "dynamic"')
    return [LayerCache() if window is None or not slides else SlidingLayerCache(window) for window in windows]
