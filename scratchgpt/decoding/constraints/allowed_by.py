"""A constraint on text as a mask over tokens.

Before this file: `recogniser`, `trie`. After it: whatever a model prefers, what it says is a text of the language, or
the beginning of one: a token is possible if its bytes can go on, and the end is possible where the text is complete.
"""

from functools import lru_cache

import numpy as np

from ...errors import GenerationError
from ..processors.arguments import check_known, row_counts, token_ids
from ..processors.rows import per_row
from .recogniser import DEAD, LEARNING, START, Recogniser
from .trie import vocabulary_of

MOST_STATES, MOST_MASKS, MOST_TEXTS = 50_000, 512, 1_024               # remembered; more, and all is worked out anew


def allowed_by(recogniser, tokenizer, prompt_length, eos_token_id=()):
    """Let pass what continues, or ends, a text of a language.

        s_v <- s_v if text + bytes(v) begins a text of the language, else -inf
        s_eos <- s_eos if text is one, else -inf

    recogniser     Recogniser, such as regex(pattern) or grammar(text)
    tokenizer      has token_bytes(id), vocab_size, special_tokens; special tokens and those without bytes never pass
    prompt_length  int or (B,) ints, without pads: the text is what a row holds behind so many tokens
    eos_token_id   a token, or several, that end a text; they are no text themselves
    returns        a processor: ids (B, S), -1 where there is no token; scores (B, V), V >= vocab_size
    Rows whose text has ended are left alone. A row that is no beginning of the language, which a beam of probability 0
    may be, gets -inf throughout.
    Texts with bytes that no token has are left out from the start. Raises GenerationError if no text is left; the
    processor raises it where a row has no token to go on with: none is cut so that it fits, or the text is complete and
    no eos_token_id was given.
    Source: Willard & Louf 2023, arXiv:2307.09702; llama.cpp's grammars.
    """
    if not isinstance(recogniser, Recogniser):
        raise GenerationError("recogniser must be a Recogniser, such as regex(pattern) or grammar(text); "
                              f"got {recogniser!r:.80}")
    ends = tuple(token_ids("eos_token_id", () if eos_token_id is None else eos_token_id).tolist())
    lengths = row_counts("prompt_length", prompt_length)
    masks = _masks(recogniser.network, tokenizer, tokenizer.vocab_size, ends)

    def constrain(ids, scores):
        V = scores.shape[-1]
        check_known("the tokenizer's tokens and eos_token_id", (masks.width - 1,), V)
        allowed = np.zeros(scores.shape, bool)
        for row, said in zip(allowed, generated(ids, lengths)):
            if set(ends).isdisjoint(said):
                row[:masks.width] = masks.allowed(said)
            else:
                row[:] = True
        return np.where(allowed, scores, -np.inf)
    return constrain


def generated(ids, prompt_length):
    """What each row holds behind its prompt.

        text_b = (x_{n_b + 1}, x_{n_b + 2}, ...)        of the tokens x_1, x_2, ... of row b

    ids (B, S), -1 where there is no token    prompt_length  n, () or (N,), B a multiple of N    returns B tuples
    Source: the convention of `decoding`.
    """
    return [tuple(row[row >= 0][n:].tolist()) for row, n in zip(ids, per_row(prompt_length, len(ids)))]


class _Masks:
    """Masks over tokens for a language, and what is remembered of them, which is nothing but known results.

        mask(text)_v = [text + bytes(v) begins a text of the language],  v in V or an end
    """

    def __init__(self, network, tokenizer, ends):
        self.tokens, self.trie = vocabulary_of(tokenizer)
        self.ends, self.width = list(ends), max([len(self.tokens), *(end + 1 for end in ends)])
        self.network = network.over(bytes({byte for token in self.tokens for byte in token}))
        self._learned = self._nothing()

    def _nothing(self):
        """A recogniser, the states of texts, the masks of states: put in place of older ones together."""
        return Recogniser(self.network), {}, {}

    def allowed(self, said):
        """Which tokens may follow some others: (width,) bool."""
        with LEARNING:
            if self._learned[0].n_states > MOST_STATES:
                self._learned = self._nothing()
            recogniser, states, masks = self._learned
            state = self._state(said, recogniser, states)
            if state not in masks:
                if len(masks) >= MOST_MASKS:
                    masks.clear()
                mask = np.zeros(self.width, bool)
                mask[:len(self.tokens)] = self.trie.allowed(recogniser, state)
                mask[self.ends] = recogniser.accepts(state)
                if state != DEAD and not mask.any():
                    self._refuse(recogniser.next_bytes(state), said)
                masks[state] = mask
            return masks[state]

    def _state(self, said, recogniser, states):
        """The recogniser's state after some tokens; usually one token after a text that is remembered."""
        known = len(said)
        while known and said[:known] not in states:
            known -= 1
        state = states.get(said[:known], START)
        for token in said[known:]:
            state = recogniser.read(self.tokens[token], state) if self.tokens[token] else DEAD
        if len(states) >= MOST_TEXTS:
            states.clear()
        states[said] = state
        return state

    def _refuse(self, wanted, said):
        text = b"".join(self.tokens[token] for token in said)
        if not wanted:
            raise GenerationError(f"a text that is complete needs a token that ends it; got {text[-40:]!r}, which "
                                  "nothing may follow, and no such token; pass eos_token_id")
        raise GenerationError(f"the vocabulary must be able to spell what the constraint asks for; after "
                              f"{text[-40:]!r} it asks for one of the bytes {wanted[:20]!r}, and no token can go on "
                              "so; allow other texts, or take a tokenizer that has all bytes")


@lru_cache(maxsize=4)
def _masks(network, tokenizer, vocab_size, ends):
    """A new processor, for fewer rows, goes on with what an old one has learned; a vocabulary may have grown."""
    return _Masks(network, tokenizer, ends)
