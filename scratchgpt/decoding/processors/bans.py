"""What must not be said, and what must be.

Before this file: `rows`. After it: tokens are banned always, at the beginning, or unless a function of the text allows
them; the first and the last token may be laid down.
"""

import numpy as np

from ...errors import GenerationError
from .arguments import check_known, row_counts, token_ids
from .rows import per_row, row_lengths


def suppress(tokens):
    """Ban tokens.

        s_v <- -inf   for v in tokens

    tokens  (N,) ints    returns a processor of scores (B, V)
    Source: Radford et al. 2022, arXiv:2212.04356, whose decoder leaves out what is not speech.
    """
    return _banned("suppress_tokens", tokens, lambda ids: np.ones(len(ids), bool))


def begin_suppress(tokens, prompt_length):
    """Ban tokens as the first behind the prompt.

        s_v <- -inf   for v in tokens, where n = n_prompt

    tokens  (N,) ints    prompt_length  int or (B,) ints, without pads    returns a processor of scores (B, V)
    Source: Radford et al. 2022, arXiv:2212.04356.
    """
    prompt = row_counts("prompt_length", prompt_length)
    return _banned("begin_suppress_tokens", tokens, lambda ids: row_lengths(ids) == per_row(prompt, len(ids)))


def _banned(name, tokens, where):
    tokens = token_ids(name, tokens)

    def ban(ids, scores):
        check_known(name, tokens, scores.shape[-1])
        out = scores.copy()
        out[np.ix_(where(ids), tokens)] = -np.inf
        return out
    return ban


def prefix_allowed_tokens(allowed, prompts=None):
    """Allow what a function of the text allows, and nothing else.

        s_v <- s_v if v in allowed(b, ids_b) else -inf

    allowed    (number of the prompt, its tokens so far (T,), without pads) -> ids, at least one
    prompts    (B,) ints, the number of each row's prompt; None: 0 .. B - 1      returns a processor of scores (B, V)
    Where all that is allowed was impossible before, in all rows of a prompt, it is possible after, with equal scores:
    the function has the last word. Raises GenerationError for an empty set, at the step at which it turns up.
    Source: De Cao et al. 2020, arXiv:2010.00904, section 3.2; transformers' `prefix_allowed_tokens_fn`.
    """
    if not callable(allowed):
        raise GenerationError(f"prefix_allowed_tokens_fn must be a function (number, ids) -> ids; got {allowed!r:.80}")
    prompts = None if prompts is None else row_counts("prompts", prompts)

    def confine(ids, scores):
        mask, numbers = np.full_like(scores, -np.inf), np.arange(len(ids)) if prompts is None else prompts
        for b, (number, row) in enumerate(zip(numbers.tolist(), ids, strict=True)):
            tokens = token_ids("what prefix_allowed_tokens_fn returns", _listed(allowed(number, row[row >= 0])))
            if not len(tokens):
                raise GenerationError(f"prefix_allowed_tokens_fn must allow at least one token; it allows none for "
                                      f"prompt {number} after {row[row >= 0].tolist()!r:.80}")
            check_known("what prefix_allowed_tokens_fn returns", tokens, scores.shape[-1])
            mask[b, tokens] = 0
        out = np.where(mask == 0, scores, mask)
        free = set(numbers[out.max(axis=-1) > -np.inf].tolist())
        return np.where([[number in free] for number in numbers.tolist()], out, mask)
    return confine


def _listed(tokens):
    """Tokens that a caller's function returns, as a list: an array, of whatever library, has tolist."""
    return tokens.tolist() if hasattr(tokens, "tolist") else tokens


def forced_bos(token):
    """Lay down the token behind the first: the language of a translation, for example.

        s_v <- 0 if v = bos else -inf   where n = 1

    token  an id    returns a processor of scores (B, V)
    Source: Liu et al. 2020, arXiv:2001.08210, section 2.2.
    """
    return _forced("forced_bos_token_id", token, lambda ids: row_lengths(ids) == 1)


def forced_eos(token, max_length):
    """Let the last token there is room for be an end.

        s_v <- 0 if v = eos else -inf   where n + 1 = max_length

    token  int or (N,) ints    max_length  int or (B,) ints, in tokens, prompt included
    returns a processor of scores (B, V)
    Source: transformers' `forced_eos_token_id`; there pads count.
    """
    longest = row_counts("max_length", max_length)
    return _forced("forced_eos_token_id", token, lambda ids: row_lengths(ids) + 1 == per_row(longest, len(ids)))


def _forced(name, tokens, where):
    tokens = token_ids(name, tokens)
    if not len(tokens):
        raise GenerationError(f"{name} must be a token id; got none")

    def force(ids, scores):
        check_known(name, tokens, scores.shape[-1])
        out, rows = scores.copy(), where(ids)
        out[rows] = -np.inf
        out[np.ix_(rows, tokens)] = 0
        return out
    return force
