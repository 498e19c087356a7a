"""Guidance: away from what would be said without the prompt. Before this file: `reader`. After it: a reader may be made
of two, and no strategy notices, be it a beam search or a draft that is verified.
"""

import numpy as np

from ... import formulas
from ...errors import GenerationError
from ..prompt import as_prompt
from ..reader import Reader


def guide(conditional, unconditional, scale):
    """The scores of a text steered by a prompt: as far from u as the scale says, in the direction of c.

        s = u + gamma (c - u)        c = log softmax(with the prompt), u = log softmax(without it)

    conditional, unconditional (..., V) logits in nats    scale gamma, dimensionless: 0 forgets the prompt, 1 only
    normalises, above 1 exaggerates what the prompt changes, below 0 avoids it
    returns (..., V) in nats, not normalised
    Source: Sanchez et al. 2023, arXiv:2306.17806, section 2; Ho & Salimans 2022, arXiv:2207.12598.
    """
    c, u = formulas.log_softmax(conditional), formulas.log_softmax(unconditional)
    return u + scale * (c - u)


class GuidedReader:
    """Two readers, with and without the prompt, that read the same answer; to a strategy they are one `Reader`.

        scores_i = u_i + gamma (c_i - u_i)

    conditional    Reader of the prompts, whose ids (B, S) the strategy sees
    unconditional  Reader of B other beginnings, of any lengths
    scale          gamma, dimensionless
    Each has its own cache, and past n_positions each its own window. Hidden states are those of the conditional.
    Source: as `guide`.
    """

    def __init__(self, conditional, unconditional, scale):
        self.conditional, self.unconditional, self.scale = conditional, unconditional, scale

    @property
    def ids(self):
        """(B, S) prompts and answers, right-aligned, -1 in front of shorter rows."""
        return self.conditional.ids

    @property
    def model(self):
        """What reads the prompts."""
        return self.conditional.model

    @property
    def cache(self):
        """What is remembered of the prompts and their answers."""
        return self.conditional.cache

    @property
    def width(self):
        """S: the number of columns of `ids`."""
        return self.conditional.width

    @property
    def room(self):
        """How many tokens can be read before the window of either slides."""
        return min(self.conditional.room, self.unconditional.room)

    def scores(self, n=1, states=None):
        """What is expected after each of the last n tokens: (B, n, V) in nats, on the host; states as in `Reader`."""
        return guide(self.conditional.scores(n, states), self.unconditional.scores(n), self.scale)

    def advance(self, tokens, drop=0):
        """Both go on by `tokens` (B, n) in place of the last `drop` columns."""
        self.conditional.advance(tokens, drop)
        self.unconditional.advance(tokens, drop)

    def select(self, rows):
        """Keep row rows[b] of both as row b: (B',) integers."""
        self.conditional.select(rows)
        self.unconditional.select(rows)

    def fork(self):
        """Another pair of readers of the same texts, which goes its own way from here."""
        return type(self)(self.conditional.fork(), self.unconditional.fork(), self.scale)


def guided(prompt, config, given, new_cache):
    """The `GuidedReader` that a request asks for.

        unconditional = negative_prompt_ids, or the prompt's last token

    prompt     `Prompt` of B rows, (B, S)    config  GenerationConfig with guidance_scale
    given      negative_prompt_ids (B, T), or (1, T) for all rows; negative_prompt_attention_mask of the same shape
    new_cache  (model, config, width) -> cache
    Of an encoder-decoder the negative prompt is another source; the answer begins as with the real one.
    Raises GenerationError for a negative prompt that does not fit, or where an encoder-decoder has none.
    Source: Wolf et al. 2019, arXiv:1910.03771: transformers' UnbatchedClassifierFreeGuidanceLogitsProcessor, which in
    models of learned positions counts pads in front of a negative prompt; here a row gets what it would get alone.
    """
    model, lines = _unconditional(prompt, given.negative_prompt_ids, given.negative_prompt_attention_mask)
    answer = prompt.lines.shape[1] - int(prompt.lengths.min())      # a shorter row's answer may take so much more room
    longer = max(0, lines.shape[1] - int(prompt.lengths.min()))
    roomy = config if config.max_length is None else config.replace(max_length=config.max_length + longer)
    conditional = Reader(prompt.model, prompt.lines, new_cache(prompt.model, config, prompt.lines.shape[1]))
    unconditional = Reader(model, lines, new_cache(model, roomy, lines.shape[1] + answer))
    return GuidedReader(conditional, unconditional, config.guidance_scale)


def _unconditional(prompt, ids, mask):
    """(model, lines (B, T)) of what is steered away from."""
    B, reads_source = len(prompt.lines), hasattr(prompt.model, "source")
    if ids is None and mask is not None:
        raise GenerationError("negative_prompt_attention_mask hides some of negative_prompt_ids; pass these too")
    if ids is None and reads_source:
        raise GenerationError("guidance_scale steers an encoder-decoder away from another source; pass it as "
                              "negative_prompt_ids (B, T)")
    if ids is None:
        return prompt.model, prompt.lines[:, -1:]
    try:
        negative = as_prompt(prompt.model.model if reads_source else prompt.model, ids, mask)
    except GenerationError as problem:
        raise GenerationError(f"negative_prompt_ids: {problem}") from None
    if len(negative.lines) not in (1, B):
        raise GenerationError(f"negative_prompt_ids must be a row for each of the {B} prompts, or one for all; got "
                              f"{len(negative.lines)} rows")
    of = np.arange(B) % len(negative.lines)
    return negative.model.select(of), prompt.lines if reads_source else negative.lines[of]
