"""The cache of a decoder. Before: `kinds`. After: what a model remembers is a list of what its layers remember."""


class KVCache:
    """A cache for every layer: `cache[i]` belongs to layer i. All hold the same tokens, `len(cache)` of them.

    layers   a list of LayerCaches, of any kinds, as `layer_caches` makes it
    """

    def __init__(self, layers):
        self.layers = layers

    def __getitem__(self, index):
        return self.layers[index]

    def __len__(self):
        """The number of tokens that are remembered."""
        return self.layers[0].length if self.layers else 0

    def select(self, rows):
        """Row b becomes what row rows[b] was, as `LayerCache.select`, in every layer.    rows (B',) integers"""
        for layer in self.layers:
            layer.select(rows)

    def truncate(self, length):
        """Forget all but the first `length` tokens in every layer."""
        self.realign([length] * (self.layers[0].rows if self.layers else 0), length)

    def realign(self, ends, length):
        """Cut row b at ends[b], and move it to end at `length`, as `LayerCache.realign`, in every layer, or in none.

        ends (B,) integers
        """
        for layer in self.layers:
            layer.check(ends, length)
        for layer in self.layers:
            layer.realign(ends, length)

    def fork(self):
        """A cache with the same tokens and memory of its own."""
        return KVCache([layer.fork() for layer in self.layers])
