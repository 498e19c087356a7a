"""The loop from a prompt to a text. Before: `filters`, `greedy`, `sampling`, `cache`. After: generation is three lines.

    scores = model.next_logits(ids)  ->  filters, in order  ->  a strategy chooses
"""

import numpy as np

from .. import backend
from ..errors import GenerationError
from . import filters
from .greedy import greedy
from .sampling import sample


def generate(model, ids, *, max_new_tokens, temperature=1.0, top_k=None, top_p=None, rng=None, filters=()):
    """Continue every row of `ids` by max_new_tokens tokens.

        x_{t+1} ~ softmax(filters(logits(x_1..x_t)))

    ids          (B, T) integers, T >= 1          max_new_tokens  >= 0
    temperature, top_k, top_p                     nothing is applied unasked
    filters      more functions (ids, scores) -> scores, applied first
    rng          numpy.random.Generator to sample; None is greedy, and then sampling options are an error
    returns      (B, T + max_new_tokens) integers, a NumPy array: the prompt and what follows
    Past the context length the window slides: each token is predicted from the last n_positions before it.
    Raises GenerationError or DataError for a request that cannot be met.
    Source: Radford et al. 2019, section 3.
    """
    ids = _prompt(ids)
    new = list(stream(model, ids, max_new_tokens=max_new_tokens, temperature=temperature, top_k=top_k, top_p=top_p,
                      rng=rng, filters=filters))
    return np.concatenate([ids, *(token[:, None] for token in new)], axis=1)


def stream(model, ids, *, max_new_tokens, temperature=1.0, top_k=None, top_p=None, rng=None, filters=()):
    """As `generate`, yielding the new ids (B,) of each step as soon as they are chosen.

        x_{t+1} ~ softmax(filters(logits(x_1..x_t)))

    ids (B, T)    yields max_new_tokens arrays (B,)
    Source: as `generate`.
    """
    if not isinstance(max_new_tokens, int) or max_new_tokens < 0:
        raise GenerationError(f"max_new_tokens must be an integer >= 0; got {max_new_tokens!r}")
    ids = _prompt(ids)
    chain = [*filters, *_standard_filters(temperature, top_k, top_p, rng)]
    return _steps(model, ids, max_new_tokens, chain, greedy if rng is None else sample, rng)


def _steps(model, ids, count, chain, choose, rng):
    text = np.empty((len(ids), ids.shape[1] + count), ids.dtype)
    text[:, :ids.shape[1]] = ids
    read, cache = 0, model.new_cache()
    for end in range(ids.shape[1], text.shape[1]):
        if cache is None or model.n_positions is not None and end > model.n_positions:
            scores = model.next_logits(text[:, :end][:, -(model.n_positions or end):])      # the window slides
        else:
            scores = model.next_logits(text[:, read:end], cache)
            read = end
        for keep in chain:
            scores = keep(text[:, :end], scores)
        text[:, end] = backend.to_host(choose(scores, rng))
        yield text[:, end].copy()


def _standard_filters(temperature, top_k, top_p, rng):
    chain = []
    if temperature != 1:
        chain.append(filters.temperature(temperature))
    if top_k is not None:
        chain.append(filters.top_k(top_k))
    if top_p is not None:
        chain.append(filters.top_p(top_p))
    if chain and rng is None:
        raise GenerationError("temperature, top_k and top_p shape what is sampled; pass rng=np.random.default_rng(seed), "
                              "or leave them out for greedy decoding")
    return chain


def _prompt(ids):
    try:
        ids = np.asarray(ids) if isinstance(ids, (list, tuple)) else backend.to_host(ids)
    except ValueError:
        raise GenerationError("a prompt is integers (B, T), all rows of one length; got rows of several") from None
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or ids.shape[1] < 1:
        raise GenerationError(f"a prompt is integers (B, T) with T >= 1; got {ids.dtype} {ids.shape}")
    return ids.astype(np.int64)                     # a narrow type might not hold the tokens that follow
