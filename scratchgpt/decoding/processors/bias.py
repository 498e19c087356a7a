"""Wanted and unwanted sequences of tokens.

Before this file: `arguments`. After it: a bias may wait for a beginning; a bad word is a bias of -inf.
"""

import math

import numpy as np

from ...errors import GenerationError
from .arguments import check_known, token_ids, within


def sequence_bias(biases):
    """Add to the score of a token that would complete a sequence.

        s_v <- s_v + sum { beta_q : q = (q_1, ..., q_m, v), and the last m tokens are q_1, ..., q_m }

    biases   {(id, ...): beta}, or [[[id, ...], beta], ...] as JSON has it; beta in [-1e30, 1e30] nats, or -inf
    returns  a processor of scores (B, V)
    A sequence of one token has nothing to wait for. Of equal sequences the last counts.
    Raises GenerationError for no biases, an empty sequence, other ids or numbers.
    Source: transformers' `sequence_bias`.
    """
    try:
        pairs = {tuple(ids): beta for ids, beta in (biases.items() if isinstance(biases, dict) else biases)}
    except (TypeError, ValueError):
        pairs = {}
    if not pairs:
        raise GenerationError(f"sequence_bias must pair sequences of token ids with numbers; got {biases!r:.80}")
    return _biased("sequence_bias", pairs)


def bad_words(words, eos=()):
    """Ban every token that would complete a bad word.

        s_v <- -inf   where (q_1, ..., q_m, v) is a bad word and the last m tokens are q_1, ..., q_m

    words  lists of token ids    eos  ids that end the text: a word of nothing but one is let through
    returns  a processor of scores (B, V)
    Raises GenerationError for no words, an empty word, other ids.
    Source: transformers' `bad_words_ids`.
    """
    ends = token_ids("eos_token_id", eos).tolist()
    if not np.iterable(words) or not all(np.iterable(word) for word in words) or not len(words):
        raise GenerationError(f"bad_words_ids must be lists of token ids; got {words!r:.80}")
    return _biased("bad_words_ids", {tuple(word): -math.inf for word in words
                                     if len(word) != 1 or word[0] not in ends})


def _biased(name, pairs):
    """A processor from {sequence: bias}; sequences of one length are looked up at once."""
    groups = {}
    for sequence, beta in pairs.items():
        ids = token_ids(name, sequence)
        if not len(ids):
            raise GenerationError(f"every sequence of {name} must have a token; got an empty one")
        beta = beta if beta == -math.inf else within(f"{name}'s bias", beta, "[-1e30, 1e30]")
        groups.setdefault(len(ids), []).append((ids, beta))
    table = [(np.array([ids for ids, _ in group]), np.array([beta for _, beta in group])) for group in groups.values()]

    def add(ids, scores):
        bias = np.zeros_like(scores)
        for sequences, betas in table:                                                   # (N, m + 1), (N,)
            check_known(name, sequences.ravel(), scores.shape[-1])
            before = sequences.shape[1] - 1
            if before <= ids.shape[1]:
                ending = ids[:, None, ids.shape[1] - before:]                            # (B, 1, m)
                rows, which = np.nonzero((ending == sequences[:, :-1]).all(axis=-1))     # (B, N)
                np.add.at(bias, (rows, sequences[which, -1]), betas[which].astype(scores.dtype))
        return scores + bias
    return add
