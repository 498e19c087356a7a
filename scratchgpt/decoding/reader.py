"""A model that reads: the text so far, what is remembered of it, and what is expected next.

Before this file: `cache`, and what a model offers: `logits`, `next_logits`, `new_cache`, `select`. After it: a strategy
need not know of caches, padding or the context's end. It reads tokens, asks for scores, and may take tokens back.

    text    0  1  2  3  4  5  6        ids (B, S), right-aligned, -1 where there is no token
    row 0   a  b  c  d  e  f  g
    row 1  -1 -1  p  q  r  s  t        a row that is shorter; what stands in front of it never counts
            `--- cache ---'  `----- not read yet: the next `scores` reads it
"""

import copy

import numpy as np

from .. import backend


class Reader:
    """One model and B texts.

        scores[b, i] = logits of p(x | ids_b1 .. ids_bt),  t = S - n + i + 1

    model    a LanguageModel, or `model.given(source)`
    ids      (B, S) integers, right-aligned, -1 in front of shorter rows
    cache    what it remembers, or None: it reads the text anew each time
    Past n_positions tokens the window slides: each token is predicted from the last n_positions before it, and nothing
    can be remembered.
    Source: Pope et al. 2022, arXiv:2211.05102, for the cache; left padding, Wolf et al. 2019.
    """

    def __init__(self, model, ids, cache=None):
        self.model, self.ids, self.cache = model, ids, cache

    @property
    def width(self):
        """S: the number of columns, which is the number of tokens of the longest row."""
        return self.ids.shape[1]

    @property
    def room(self):
        """How many tokens can be read before the window slides."""
        return np.inf if self.model.n_positions is None else self.model.n_positions - self.width

    def scores(self, n=1, states=None):
        """What is expected after each of the last n tokens: (B, n, V) in nats, on the host.

        states   a list that receives the hidden states, (L + 1) times (B, T, C), of the tokens that this call reads:
                 of the last n at least, and with n = 1 of all that had not been read
        """
        if self.room < 0:
            self.cache, ends = None, range(self.width - n + 1, self.width + 1)
            looks = [self._ask(self.ids[:, max(0, end - self.model.n_positions):end], 1, states) for end in ends]
            if states:
                states[:] = [np.stack([h[:, -1] for h in states[i::len(states) // n]], axis=1)
                             for i in range(len(states) // n)]
            return np.concatenate(looks, axis=1)
        if self.cache is not None:
            self._forget(self.width - n)
            if n > 1 and len(self.cache) < self.width - n:          # a long prompt needs no scores but its last
                self._ask(self.ids[:, :self.width - n], 1)
        return self._ask(self.ids, n, states)

    def advance(self, tokens, drop=0):
        """Go on by `tokens` in place of the last `drop` columns; what was read there is kept as far as it agrees.

        tokens (B, n) integers, -1 behind the last of a row that gets fewer
        """
        (B, n), start = tokens.shape, self.width - drop
        counts, agreed = (tokens >= 0).sum(axis=1), np.zeros(B, np.int64)
        if drop:
            common = min(n, drop)
            same = tokens[:, :common] == self.ids[:, start:start + common]
            agreed = np.logical_and.accumulate(same & (tokens[:, :common] >= 0), axis=1).sum(axis=1)
        text = np.concatenate([self.ids[:, :start], tokens], axis=1)
        self._align(text, start + counts, start + agreed)

    def select(self, rows):
        """Keep row rows[b] as row b: (B',) integers. Rows may be dropped, repeated, reordered."""
        rows = np.asarray(rows)
        if len(rows) == len(self.ids) and (rows == np.arange(len(rows))).all():
            return
        self.ids, self.model = self.ids[rows], self.model.select(rows)
        if self.cache is not None:
            self.cache.select(rows)
        if len(rows):
            ends = np.full(len(rows), self.width)
            self._align(self.ids, ends, ends)

    def fork(self):
        """Another reader of the same model and text, which goes its own way from here."""
        other = copy.copy(self)
        if self.cache is not None:
            other.cache = self.cache.fork()
        return other

    def _align(self, text, ends, valid):
        """Take over rows that end at column ends[b], their cache being good up to column valid[b]; right-align them."""
        front = np.argmax(text >= 0, axis=1)                                    # pads in front
        length = int((ends - front).max())
        if (ends == ends[0]).all() and length == ends[0]:
            self.ids = text[:, :length]
            if self.cache is not None:
                self._forget(int(valid.min()))
            return
        columns = np.arange(length) + (ends - length)[:, None]
        self.ids = np.where(columns < front[:, None], -1, np.take_along_axis(text, np.maximum(columns, 0), axis=1))
        if self.cache is not None:
            lacking = int((ends - np.minimum(valid, len(self.cache))).max())
            if length <= lacking:
                self.cache.truncate(0)
            else:
                self.cache.realign(ends - lacking, length - lacking)

    def _forget(self, length):
        """Remember `length` columns at most."""
        if len(self.cache) > length:
            self.cache.truncate(length)

    def _ask(self, ids, n, states=None):
        """The scores (B, n, V) behind the last n of ids, of which the model reads what the cache does not hold."""
        wish, found = {}, []
        if (ids < 0).any() or hasattr(self.model, "source"):         # which else takes its pad_token_id for a pad
            wish["attention_mask"] = (ids >= 0).astype(np.int64)
        if states is not None:
            wish["states"] = found
        new = np.maximum(ids[:, 0 if self.cache is None else len(self.cache):], 0)
        scores = (self.model.next_logits(new, self.cache, **wish)[:, None] if n == 1
                  else self.model.logits(new, self.cache, **wish)[:, -n:])
        if states is not None:
            states += map(backend.to_host, found)
        return backend.to_host(scores)
