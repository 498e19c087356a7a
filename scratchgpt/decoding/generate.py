"""The loop from a prompt to a text. Before: `filters`, `greedy`, `sampling`, `cache`. After: generation is three lines.

    scores = model.next_logits(ids)  ->  filters, in order  ->  a strategy chooses
"""

import numpy as np

from .. import backend
from ..errors import GenerationError
from ..inputs import as_mask, as_rows, check_whole
from . import filters
from .greedy import greedy
from .sampling import sample


def generate(model, ids, attention_mask=None, *, max_new_tokens, temperature=1.0, top_k=None, top_p=None, rng=None,
             filters=(), eos_token_id=None, pad_token_id=None):
    """Continue every row of `ids` by up to max_new_tokens tokens.

        x_{t+1} ~ softmax(filters(logits(x_1..x_t)))

    ids             (B, T) integers, T >= 1          max_new_tokens  >= 0
    attention_mask  (B, T) of 1 for tokens and 0 for pads, wherever they are; None: no pads. A padded row is continued
                    as it would be alone, at the end of the array.
    temperature, top_k, top_p                        nothing is applied unasked
    filters         more functions (ids, scores) -> scores, applied first
    rng             numpy.random.Generator to sample; None is greedy, and then sampling options are an error
    eos_token_id    a token, or several, that end a row; None: nothing does. A row that has ended is filled with
    pad_token_id    (None: the first of eos_token_id); when all have ended, generation stops
    returns         (B, T + n) integers, n <= max_new_tokens, a NumPy array: the prompt and what follows
    Past the context length the window slides: each token is predicted from the last n_positions before it.
    Raises GenerationError or DataError for a request that cannot be met.
    Source: Radford et al. 2019, section 3.
    """
    ids = _prompt(ids)
    new = list(stream(model, ids, attention_mask, max_new_tokens=max_new_tokens, temperature=temperature, top_k=top_k,
                      top_p=top_p, rng=rng, filters=filters, eos_token_id=eos_token_id, pad_token_id=pad_token_id))
    return np.concatenate([ids, *(token[:, None] for token in new)], axis=1)


def stream(model, ids, attention_mask=None, *, max_new_tokens, temperature=1.0, top_k=None, top_p=None, rng=None,
           filters=(), eos_token_id=None, pad_token_id=None):
    """As `generate`, yielding the new ids (B,) of each step as soon as they are chosen.

        x_{t+1} ~ softmax(filters(logits(x_1..x_t)))

    ids (B, T)    yields up to max_new_tokens arrays (B,)
    Source: as `generate`.
    """
    check_whole("max_new_tokens", max_new_tokens, 0, GenerationError)
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise GenerationError(f"rng must be a numpy.random.Generator, or None for greedy decoding; got {rng!r:.80}, "
                              "pass np.random.default_rng(seed)")
    if not hasattr(model, "next_logits"):
        raise GenerationError("a text is continued by a language model; an encoder-decoder is one when given a source, "
                              f"generate(model.given(source), ...); got a {type(model).__name__}")
    ids = _prompt(ids)
    words = None if attention_mask is None else as_mask("attention_mask", attention_mask, ids.shape, GenerationError)
    ends, pad = _ends(eos_token_id, pad_token_id)
    chain = [*filters, *_standard_filters(temperature, top_k, top_p, rng)]
    return _steps(model, ids, words, max_new_tokens, chain, greedy if rng is None else sample, rng, ends, pad)


def _steps(model, ids, words, count, chain, choose, rng, ends, pad):
    """Yields the tokens (B,) of each step; those of rows that have ended are `pad`."""
    (B, T), read, cache, ended = ids.shape, 0, model.new_cache(), np.zeros(len(ids), bool)
    text = np.concatenate([ids, np.empty((B, count), ids.dtype)], axis=1)           # as it is said
    line, seen = text, None                                                         # as it is read
    if words is not None:                                # pads to the front: a window must find the words in one piece
        order = np.argsort(words, axis=1, kind="stable")
        line = np.concatenate([np.take_along_axis(ids, order, axis=1), text[:, T:]], axis=1)
        seen = np.concatenate([np.take_along_axis(words, order, axis=1), np.ones((B, count), np.int64)], axis=1)
    for end in range(T, T + count):
        slides = cache is None or model.n_positions is not None and end > model.n_positions
        first = max(0, end - model.n_positions) if slides and model.n_positions is not None else 0
        padding = {} if words is None else {"attention_mask": seen[:, first:end]}
        if slides:
            scores = model.next_logits(line[:, first:end], **padding)
        else:
            scores = model.next_logits(line[:, read:end], cache, **padding)
            read = end
        for keep in chain:
            scores = keep(text[:, :end], scores)
        text[:, end] = line[:, end] = np.where(ended, pad, backend.to_host(choose(scores, rng)))
        ended |= np.isin(text[:, end], ends)
        yield text[:, end].copy()
        if ended.all():
            return


def _ends(eos_token_id, pad_token_id):
    """The tokens that end a row, as a list, and the one that fills it afterwards."""
    several = isinstance(eos_token_id, (list, tuple))
    ends = list(eos_token_id) if several else [] if eos_token_id is None else [eos_token_id]
    pads = [] if pad_token_id is None else [pad_token_id]
    for name, value in [("eos_token_id", end) for end in ends] + [("pad_token_id", pad) for pad in pads]:
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
            raise GenerationError(f"{name} must be a token, an integer >= 0; got {value!r}")
    return ends, [*pads, *ends, 0][0]


def _standard_filters(temperature, top_k, top_p, rng):
    chain = []
    if temperature != 1:
        chain.append(filters.temperature(temperature))
    if top_k is not None:
        chain.append(filters.top_k(top_k))
    if top_p is not None:
        chain.append(filters.top_p(top_p))
    if chain and rng is None:
        raise GenerationError("temperature, top_k and top_p shape what is sampled; pass "
                              "rng=np.random.default_rng(seed), or leave them out for greedy decoding")
    return chain


def _prompt(ids):
    ids = backend.to_host(as_rows("the prompt", ids, GenerationError))
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or ids.shape[1] < 1:
        raise GenerationError(f"the prompt must be integers (B, T) with T >= 1; got {ids.dtype} {ids.shape}")
    return ids.astype(np.int64)                     # a narrow type might not hold the tokens that follow
