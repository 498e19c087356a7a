"""The cache of a decoder that has a source. Before: `key_value`. After: what of a translation is computed only once."""

from .growing import LayerCache


class EncoderDecoderCache:
    """What a decoder remembers: its own past, and the source. `cache[i]` is layer i's pair of LayerCaches.

    self_attention    KVCache of the target so far, appended to token by token
    cross_attention   KVCache of the source: its memory is projected at the first call, and then only read
    """

    def __init__(self, self_attention, cross_attention):
        self.self_attention, self.cross_attention = self_attention, cross_attention
        self._words = LayerCache()                           # of booleans (B, 1, S, 1): they go where the keys go

    def __getitem__(self, index):
        return self.self_attention[index], self.cross_attention[index]

    def __len__(self):
        """The number of target tokens that are remembered."""
        return len(self.self_attention)

    def all_words(self, words):
        """Which of all target tokens are words and not padding: what was said of the past, and `words` of the new ones.

        words   booleans (B, T), to be given before the layers append their keys    returns booleans (B, past + T)
        """
        self._words.truncate(len(self))
        return self._words.append(words[:, None, :, None])[0][:, 0, :, 0]

    def select(self, rows):
        """Row b becomes what row rows[b] was, of the target and of the source.    rows (B',) integers"""
        for part in (self.self_attention, self.cross_attention, self._words):
            part.select(rows)

    def truncate(self, length):
        """Forget all but the first `length` target tokens; the source stays. Words are cut when they are asked for."""
        self.self_attention.truncate(length)

    def realign(self, ends, length):
        """As `KVCache.realign`, of the target; the source stays. The zeros before a row are no words."""
        self.self_attention.realign(ends, length)
        self._words.realign(ends, length)

    def fork(self):
        """A cache with the same tokens, the same source, and memory of its own."""
        other = EncoderDecoderCache(self.self_attention.fork(), self.cross_attention.fork())
        other._words = self._words.fork()
        return other
