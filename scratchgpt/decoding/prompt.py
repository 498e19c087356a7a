"""What is to be continued: ids as people hand them in, made into lines as strategies read them.

Before this file: `inputs`. After it: prompts are checked, padding is -1 in front, and an encoder-decoder has read its
source and is a language model like any other.
"""

from typing import NamedTuple

import numpy as np

from .. import backend
from ..errors import GenerationError, ScratchGPTError
from ..inputs import as_mask, as_rows


class Prompt(NamedTuple):
    """A question, checked.

        lines_b = (-1, .., -1, x_b1, .., x_bn)        the tokens of row b, as a strategy reads them

    model   what continues it       ids    (B, T) as they were given
    lines   (B, S) right-aligned, -1 where there is no token, S the longest row
    source  (B, S') what an encoder-decoder reads, -1 at pads; of other models the lines
    Source: as `as_prompt`.
    """

    model: object
    ids: np.ndarray
    lines: np.ndarray
    source: np.ndarray

    @property
    def lengths(self):
        """(B,) tokens of each row, pads not counted."""
        return (self.lines >= 0).sum(axis=1)


def as_prompt(model, ids, attention_mask=None, bos_token_id=None, decoder_input_ids=None):
    """A `Prompt` of what `generate` was given.

        lines_b = (-1, .., -1, x_b1, .., x_bn)        for a row x_b of n tokens

    ids, attention_mask (B, T); decoder_input_ids (B, T'), for an encoder-decoder, which reads ids as its source
    Raises GenerationError for what is no text, does not fit the vocabulary or the context, or is empty without a bos.
    Source: Wolf et al. 2019, arXiv:1910.03771, for padding on the left.
    """
    if hasattr(model, "given") and not isinstance(model, type):
        model, attention_mask, ids = _reader_of_source(model, ids, attention_mask), None, decoder_input_ids
        if ids is None:
            bos = model.config.bos_token_id if bos_token_id is None else bos_token_id
            ids = np.full((len(model.source), 1), bos)
    elif decoder_input_ids is not None:
        raise GenerationError("decoder_input_ids begin the answer of an encoder-decoder; "
                              f"a {type(model).__name__} continues ids")
    if not hasattr(model, "next_logits") or isinstance(model, type):
        raise GenerationError("a text is continued by a language model, or by an encoder-decoder that is given a "
                              f"source; got a {type(model).__name__}")
    sources = getattr(model, "source", [None])
    ids = _rows(ids, bos_token_id, len(sources))
    if hasattr(model, "source") and len(ids) != len(sources):
        raise GenerationError(f"every answer has one source; got {len(ids)} answers to begin with for {len(sources)} "
                              "sources")
    words = np.ones(ids.shape, np.int64) if attention_mask is None else \
        as_mask("attention_mask", attention_mask, ids.shape, GenerationError)
    _check(model, ids, words != 0)
    lines = right_aligned(np.where(words != 0, ids, -1))
    source = np.where(model.source_mask != 0, model.source, -1) if hasattr(model, "source") else lines
    return Prompt(model, ids, lines, source)


def right_aligned(rows):
    """Rows (B, T) with -1 anywhere, their tokens moved to the right in their order, without columns of -1 in front.

        y_b = (-1, .., -1, x_b1, .., x_bn)

    Source: as `as_prompt`.
    """
    order = np.argsort(rows >= 0, axis=1, kind="stable")
    width = max(1, int((rows >= 0).sum(axis=1).max()))
    return np.take_along_axis(rows, order, axis=1)[:, rows.shape[1] - width:]


def _rows(ids, bos_token_id, count):
    """ids as a host array (B, T) of int64; a narrower type might not hold the tokens that follow."""
    ids = np.zeros((count, 0), np.int64) if ids is None else as_rows("the prompt", ids, GenerationError)
    ids = backend.to_host(ids)
    if ids.ndim == 2 and ids.shape[1] == 0 and len(ids):
        if bos_token_id is None:
            raise GenerationError(f"the prompt must be integers (B, T) with T >= 1; got {ids.shape}: pass a first "
                                  "token, or bos_token_id")
        return np.full((len(ids), 1), bos_token_id, np.int64)
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or ids.size == 0:
        raise GenerationError(f"the prompt must be integers (B, T) with T >= 1; got {ids.dtype} {ids.shape}")
    if ids.dtype == np.uint64:                                   # of which the highest would become negative
        ids = np.minimum(ids, np.uint64(1 << 62))
    return ids.astype(np.int64)


def _check(model, ids, words):
    lengths, V, longest = words.sum(axis=1), model.config.vocab_size, model.n_positions
    if not lengths.all():
        raise GenerationError("every row of the prompt needs a token; attention_mask hides all of row "
                              f"{int(np.argmin(lengths))}")
    outside = ids[words & ((ids < 0) | (ids >= V))]
    if outside.size:
        raise GenerationError(f"the prompt's ids must be in [0, vocab_size={V}); got {int(outside[0])}")
    if longest is not None and lengths.max() > longest:
        raise GenerationError(f"the prompt must fit the context of n_positions={longest} tokens; got {lengths.max()}: "
                              f"pass its end, ids[:, -{longest}:]")


def _reader_of_source(model, ids, attention_mask):
    """The language model that an encoder-decoder is once it has read (B, T), of which places count: pads go behind."""
    if ids is None:
        raise GenerationError("an encoder-decoder needs a source; pass ids (B, T)")
    try:
        given = model.given(ids, attention_mask)
        order = np.argsort(given.source_mask == 0, axis=1, kind="stable")
        if (order == np.arange(order.shape[1])).all():
            return given
        return model.given(*(np.take_along_axis(rows, order, axis=1) for rows in (given.source, given.source_mask)))
    except ScratchGPTError as problem:
        raise GenerationError(str(problem)) from None
