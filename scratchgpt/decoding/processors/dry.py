"""DRY, don't repeat yourself: a penalty on going on as before, which grows with the length of what is repeated.

Before this file: `penalties`. After it: single words may come again, phrases may not.
"""

import math

import numpy as np

from ...errors import GenerationError
from ...inputs import check_whole
from .arguments import LARGEST, token_ids, within


def dry(multiplier, base=1.75, allowed_length=2, sequence_breakers=()):
    """Take from a token what the repetition that it would extend deserves.

        s_v <- s_v - min(m b^(n - a), 1e30)   where n >= a,   n = max { k : the last k tokens stood before a v }

    multiplier         m in [0, 1e6], nats    base  b in [1, 1e6]    allowed_length  a >= 1, in tokens
    sequence_breakers  lists of ids: a repetition never reaches back over the last breaker in the text, and a breaker of
                       one token is never penalised
    returns a processor of scores (B, V)
    All of the text counts, prompt included. Breakers in llama.cpp are strings that it turns into tokens; these are
    tokens. Of breakers that contain each other it may find the inner one's end; here the last end counts.
    Source: p-e-w 2024, text-generation-webui's pull request 5677; llama.cpp's `dry`.
    """
    m, b = within("dry_multiplier", multiplier, "[0, 1e6]"), within("dry_base", base, "[1, 1e6]")
    check_whole("dry_allowed_length", allowed_length, 1, GenerationError)
    if not np.iterable(sequence_breakers) or not all(np.iterable(breaker) for breaker in sequence_breakers):
        raise GenerationError(f"dry_sequence_breakers must be lists of token ids; got {sequence_breakers!r:.80}")
    breakers = [token_ids("dry_sequence_breakers", breaker) for breaker in sequence_breakers]
    if not all(len(breaker) for breaker in breakers):
        raise GenerationError("every one of dry_sequence_breakers must have a token; got an empty one")
    single = [breaker[0] for breaker in breakers if len(breaker) == 1]
    grows = math.ceil((math.log(LARGEST) - math.log(m)) / math.log(b)) if m and b > 1 else 0
    longest = allowed_length + grows                                # what is longer gets the same

    def penalise(ids, scores):
        n = _repeated(ids, np.minimum(_since_breaker(ids, breakers), longest))
        rows, at = np.nonzero(n >= allowed_length)
        following = ids[rows, at + 1]
        counts = (following < scores.shape[-1]) & ~np.isin(following, single)
        rows, following, n = rows[counts], following[counts], n[rows, at][counts]
        with np.errstate(over="ignore"):
            penalty = np.minimum(m * b ** (n - allowed_length).astype(np.float64), LARGEST)
        out = scores.copy()
        np.minimum.at(out, (rows, following), scores[rows, following] - penalty.astype(scores.dtype))
        return out
    return penalise


def _since_breaker(ids, breakers):
    """How many tokens have come since the last breaker, (B,)."""
    since = np.full(len(ids), ids.shape[1])
    for breaker in breakers:
        if len(breaker) <= ids.shape[1]:
            windows = np.lib.stride_tricks.sliding_window_view(ids, len(breaker), axis=1)        # (B, W, length)
            found = (windows == breaker).all(axis=-1)[:, ::-1]                                   # the last one first
            since = np.where(found.any(axis=1), np.minimum(since, found.argmax(axis=1)), since)
    return since


def _repeated(ids, limit):
    """How many tokens up to each position are also the last tokens of the text, at most limit (B,): (B, S - 1)."""
    B, S = ids.shape
    n, alike = np.zeros((B, max(S - 1, 0)), np.int64), np.ones((B, max(S - 1, 0)), bool)
    for k in range(S - 1):                                      # the k-th token from the end, and from each position
        last = ids[:, S - 1 - k, None]
        alike[:, :k] = False
        alike[:, k:] &= (ids[:, :S - 1 - k] == last) & (last >= 0) & (k < limit)[:, None]
        if not alike.any():
            break
        n += alike
    return n
