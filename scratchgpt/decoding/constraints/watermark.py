"""A watermark: text that says by its statistics, to whoever has the key, that a model wrote it.

Before this file: `green_lists`. After it: the reader knows both sides, the processor that prefers green tokens, and the
test that counts them.
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ... import backend
from ...errors import GenerationError
from ...inputs import as_rows, check_whole
from ..processors.rows import highest
from .green_lists import GreenLists

CANDIDATES = 40                          # selfhash asks for a list per candidate: only the likeliest are looked at


def watermark(**settings):
    """Prefer green tokens.

        s_v <- s_v + delta if v is green after the tokens before it, else s_v

    settings  those of `GreenLists`, by name
    returns   a processor: ids (B, S), -1 where there is no token; scores (B, V) in nats
    A row with fewer tokens than a list is chosen by is left alone. "selfhash" looks at the 40 likeliest tokens.
    Raises GenerationError for settings that cannot be; the processor, if no token of V is green.
    Source: Kirchenbauer et al. 2023, arXiv:2301.10226, algorithms 2 and 3; the 40, the authors' code.
    """
    lists = GreenLists.of(settings)

    def prefer_green(ids, scores):
        V, n = scores.shape[-1], lists.n_before
        lists.size(V)                                       # is not 0, or the mark would be none
        bias = np.zeros_like(scores)
        for row, s, b in zip(ids, scores, bias):
            before = tuple(row[len(row) - n:].tolist())
            if len(before) < n or min(before, default=0) < 0:
                continue
            if lists.seeding_scheme == "lefthash":
                b[lists.green(before, V)] = lists.bias
            else:
                likeliest = highest(s, CANDIDATES).tolist()
                b[[v for v in likeliest if lists.is_green(before, v, V)]] = lists.bias
        return scores + bias
    return prefer_green


@dataclass(frozen=True)
class WatermarkDetectorOutput:
    """What a detector found in each of B rows, (B,) each; the names are those of transformers.

    num_tokens_scored  T        num_green_tokens  g        green_fraction  g / T
    z_score            in standard deviations; p_value   the probability of as many green tokens in unmarked text
    prediction         z_score > z_threshold
    """

    num_tokens_scored: np.ndarray
    num_green_tokens: np.ndarray
    green_fraction: np.ndarray
    z_score: np.ndarray
    p_value: np.ndarray
    prediction: np.ndarray


class WatermarkDetector:
    """Count the green tokens of a text, which in unmarked text are a share gamma.

        z = (g - gamma T) / sqrt(T gamma (1 - gamma))        p = P(N(0, 1) > z) = erfc(z / sqrt(2)) / 2

    vocab_size              V, as many as the scores had when the text was made
    ignore_repeated_ngrams  count each n-gram of tokens once: repeated ones toss the same coin again
    settings                those of `GreenLists`, as when the text was made
    gamma in z is the true share, floor(gamma V) / V.
    Raises GenerationError for settings that cannot be.
    Source: Kirchenbauer et al. 2023, arXiv:2301.10226, equation 3; repeated n-grams: arXiv:2306.04634.
    """

    def __init__(self, vocab_size, ignore_repeated_ngrams=False, **settings):
        check_whole("vocab_size", vocab_size, 1, GenerationError)
        self.lists, self.vocab_size = GreenLists.of(settings), vocab_size
        self.ignore_repeated_ngrams = ignore_repeated_ngrams
        self.gamma = self.lists.size(vocab_size) / vocab_size

    def __call__(self, ids, z_threshold=3.0):
        """Test each row: ids (B, S), -1 where there is no token, best without the prompt.

        returns WatermarkDetectorOutput
        Raises GenerationError for a row without a token to score: the first n_before have too few before them.
        """
        ids = backend.to_host(as_rows("ids", ids, GenerationError))
        if ids.ndim != 2 or ids.dtype.kind not in "iu" or (ids >= self.vocab_size).any():
            raise GenerationError(f"ids must be integers (B, S) below vocab_size={self.vocab_size}; "
                                  f"got {ids.dtype} {ids.shape}")
        T, g = np.array([self._count(row[row >= 0].tolist()) for row in ids]).reshape(-1, 2).T
        z = (g - self.gamma * T) / np.sqrt(T * self.gamma * (1 - self.gamma))
        p = np.array([math.erfc(value / math.sqrt(2)) / 2 for value in z.tolist()])
        return WatermarkDetectorOutput(T, g, g / T, z, p, z > z_threshold)

    def _count(self, row):
        """(tokens scored, green ones among them) of a row."""
        n = self.lists.n_before
        ngrams = Counter(tuple(row[t - n:t + 1]) for t in range(n, len(row)))
        if not ngrams:
            raise GenerationError(f"a text must have more than {n} tokens to be tested; got {len(row)}")
        if self.ignore_repeated_ngrams:
            ngrams = dict.fromkeys(ngrams, 1)
        green = sum(times for (*before, token), times in ngrams.items()
                    if self.lists.is_green(tuple(before), token, self.vocab_size))
        return sum(ngrams.values()), green
