"""No n-gram twice.

Before this file: `rows`. After it: a token is banned where the last n - 1 tokens were followed by it before.
"""

import numpy as np

from ...errors import GenerationError
from ...inputs import check_whole
from .arguments import source_ids
from .rows import per_row, present


def no_repeat_ngram(n):
    """Ban every token that would complete an n-gram which the text already has.

        s_v <- -inf   where (w_(t-n+1), ..., w_(t-1), v) is in the text

    n >= 1, in tokens; the prompt counts    returns a processor of scores (B, V)
    No n-gram reaches into the pads. With n = 1 no token comes twice.
    Source: Paulus, Xiong & Socher 2017, arXiv:1705.04304, section 2.5.
    """
    check_whole("no_repeat_ngram_size", n, 1, GenerationError)
    return lambda ids, scores: _ban_completions(n, ids, ids, scores)


def encoder_no_repeat_ngram(n, source):
    """Ban every token that would complete an n-gram of the source.

        s_v <- -inf   where (w_(t-n+1), ..., w_(t-1), v) is in the source

    n >= 1, in tokens    source (B, S) ids, -1 for pads    returns a processor of scores (B, V)
    Source: Roller et al. 2020, arXiv:2004.13637, section on beam blocking of the context.
    """
    check_whole("encoder_no_repeat_ngram_size", n, 1, GenerationError)
    source = source_ids("encoder_no_repeat_ngram_size", source)
    return lambda ids, scores: _ban_completions(n, per_row(source, len(scores)), ids, scores)


def _ban_completions(n, text, ids, scores):
    if text.shape[1] < n or ids.shape[1] < n - 1:
        return scores
    prefix = ids[:, ids.shape[1] - (n - 1):]                                             # (B, n - 1)
    windows = np.lib.stride_tricks.sliding_window_view(text, n, axis=1)                  # (B, W, n)
    seen = (windows[..., :-1] == prefix[:, None]).all(axis=-1) & (prefix >= 0).all(axis=-1)[:, None]
    out = scores.copy()
    out[present(np.where(seen, windows[..., -1], -1), scores.shape[-1])] = -np.inf
    return out
