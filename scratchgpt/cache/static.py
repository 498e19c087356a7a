"""A cache whose memory is taken once. Before: `growing`. After: what a text of known length costs, and no more."""

from ..errors import GenerationError
from ..inputs import check_whole
from .growing import LayerCache


class StaticLayerCache(LayerCache):
    """A LayerCache in buffers (B, K, capacity, D), made when the first tokens come.

    capacity   in tokens, >= 1. More of them raise GenerationError.
    """

    def __init__(self, capacity):
        super().__init__()
        check_whole("capacity", capacity, 1, GenerationError)
        self.capacity = capacity

    def _room(self, length):
        if length > self.capacity:
            raise GenerationError(f"a static cache holds at most capacity={self.capacity} tokens; got {length}: "
                                  "ask for more at the start")
        return self.capacity
