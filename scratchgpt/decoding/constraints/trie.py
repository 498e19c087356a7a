"""All tokens of a vocabulary as one tree of bytes, walked side by side with an automaton.

Before this file: `recogniser`, and `token_bytes` of a tokenizer. After it: which of 50,000 tokens an automaton lets
pass is found level by level, for all tokens at once: those that begin alike share their beginning.
"""

from functools import lru_cache

import numpy as np

from .recogniser import DEAD


class Trie:
    """The prefixes of all tokens, shorter ones first; number 0 is the empty one.

        state(prefix + byte) = delta(state(prefix), byte)        token passes <=> state(token) != DEAD

    tokens  V of bytes; what has none is never let pass
    Source: Fredkin 1960, "Trie memory"; masks over a vocabulary: Willard & Louf 2023, arXiv:2307.09702.
    """

    def __init__(self, tokens):
        prefixes = sorted({token[:n] for token in {b"", *tokens} for n in range(len(token) + 1)},
                          key=lambda prefix: (len(prefix), prefix))
        number = {prefix: n for n, prefix in enumerate(prefixes)}
        self._parent = np.array([number[prefix[:-1]] for prefix in prefixes])
        self._byte = np.array([prefix[-1] if prefix else 0 for prefix in prefixes])
        self._levels = np.cumsum(np.bincount([len(prefix) for prefix in prefixes])).tolist()
        self._token = np.array([number[token] for token in tokens])

    def allowed(self, recogniser, state):
        """Which tokens may follow in a state: (V,) bool."""
        states = np.full(len(self._parent), DEAD, np.int32)
        states[0] = state
        for first, last in zip(self._levels, self._levels[1:]):                 # prefixes of 1 byte, of 2, ...
            before = states[self._parent[first:last]]
            live = np.flatnonzero(before != DEAD)
            if not live.size:
                break
            states[first + live] = recogniser.step(before[live], self._byte[first + live])
        return (states[self._token] != DEAD) & (self._token > 0)


def vocabulary_of(tokenizer):
    """The bytes of each token, b"" of special ones, and their Trie.

        bytes_v = token_bytes(v) if v is not special, else b""

    tokenizer  as in `allowed_by`    returns  (list of V bytes, Trie); remembered for the last two vocabularies
    Source: `Vocabulary` of the tokenizers.
    """
    return _vocabulary(tokenizer, tokenizer.vocab_size)


@lru_cache(maxsize=2)
def _vocabulary(tokenizer, vocab_size):
    special = set(tokenizer.special_tokens.values())
    tokens = [b"" if v in special else tokenizer.token_bytes(v) for v in range(vocab_size)]
    return tokens, Trie(tokens)
