"""Texts that are not to end too early, and not to go on for ever.

Before this file: `rows`. After it: the length of a row, counted without its pads, decides how likely its end is. EOS is
any of the tokens that end a text.
"""

import numpy as np

from ...errors import GenerationError
from ...inputs import check_whole
from .arguments import LARGEST, check_known, row_counts, token_ids, within
from .rows import per_row, row_lengths


def min_length(shortest, eos):
    """Let no text end before it has a number of tokens, prompt included.

        s_eos <- -inf   while n < shortest

    shortest  >= 0, in tokens    eos  int or (N,) ints    returns a processor of scores (B, V)
    Source: transformers' `min_length`; there pads count.
    """
    check_whole("min_length", shortest, 0, GenerationError)
    return _held_back(token_ids("eos_token_id", eos), lambda ids: row_lengths(ids) < shortest)


def min_new_tokens(fewest, prompt_length, eos):
    """Let no text end before a number of tokens stand behind the prompt.

        s_eos <- -inf   while n - n_prompt < fewest

    fewest  >= 0, in tokens    prompt_length  int or (B,) ints, without pads    eos  int or (N,) ints
    returns a processor of scores (B, V)
    Source: transformers' `min_new_tokens`.
    """
    check_whole("min_new_tokens", fewest, 0, GenerationError)
    prompt = row_counts("prompt_length", prompt_length)
    return _held_back(token_ids("eos_token_id", eos),
                      lambda ids: row_lengths(ids) - per_row(prompt, len(ids)) < fewest)


def _held_back(eos, too_short):
    def ban(ids, scores):
        check_known("eos_token_id", eos, scores.shape[-1])
        out = scores.copy()
        out[np.ix_(too_short(ids), eos)] = -np.inf
        return out
    return ban


def exponential_decay_length(start, factor, prompt_length, eos):
    """Make the end ever more likely, once a text is long enough.

        s_eos <- s_eos + |s_eos| (f^(n - start) - 1)   when n > start,  n = tokens behind the prompt

    start   >= 0, in tokens    factor  f in [1e-6, 1e6], per token    prompt_length  int or (B,) ints, without pads
    eos     int or (N,) ints   returns a processor of scores (B, V)
    An end that is impossible stays so; no more than 1e30 is added.
    Source: transformers' `exponential_decay_length_penalty`.
    """
    check_whole("exponential_decay_length_penalty's start", start, 0, GenerationError)
    f = within("exponential_decay_length_penalty's factor", factor, "[1e-6, 1e6]")
    prompt, eos = row_counts("prompt_length", prompt_length), token_ids("eos_token_id", eos)

    def urge(ids, scores):
        check_known("eos_token_id", eos, scores.shape[-1])
        over = row_lengths(ids) - per_row(prompt, len(ids)) - start
        rows = np.flatnonzero(over > 0)
        ends = np.ix_(rows, eos)
        s = scores[ends].astype(np.float64)
        with np.errstate(over="ignore"):
            growth = np.minimum(f ** over[rows, None].astype(np.float64), LARGEST) - 1       # (N, 1)
            added = np.minimum(np.abs(s) * growth, LARGEST)
        out = scores.copy()
        out[ends] = np.where(np.isfinite(s), s + added, s)
        return out
    return urge
