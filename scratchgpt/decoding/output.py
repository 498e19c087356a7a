"""What `generate` gives back to who asks for more than ids. Before this file: `run`. After it: what was said, and why.

Every array of a step stands at the place of the token that it led to; behind a text's end stand NaNs.
"""

from dataclasses import dataclass, field

import numpy as np

from .. import backend, formulas
from ..errors import GenerationError
from ..inputs import as_mask, as_rows
from .candidates import candidates
from .processors import Trace
from .prompt import right_aligned
from .reader import Reader
from .text import text_of


@dataclass
class GenerationOutput:
    """R texts: prompt and answer, and what is known of them. N is the longest answer, in tokens.

    sequences         (R, T + N) ids: the prompt as it was given, the answer, pads
    prompt_length     T                                     lengths   (R,) tokens of each answer
    finish_reasons    R of "eos", "length", "stop_string", "time", "criterion"
    logprobs          (R, N) log-probabilities of the tokens before the processors, in nats
    scores, logits    (R, N, V) after and before the processors; before them stand the model's own scores, or what
                      guidance_scale and dola_layers have made of them
    hidden_states     (R, N, L + 1, C) that the tokens were predicted from
    candidates        `Candidates`, the k best tokens of each step
    trace             `Trace`, which processor removed which token
    sequences_scores  (R,) what beam search ranked them by
    beams             `BeamTree`, all beams of all steps
    statistics        counts, such as of drafted and accepted tokens
    prompts           (R, S) what was continued, right-aligned, -1 where there is no token
    config            the GenerationConfig that asked for all this
    What was not asked for is None.
    """

    sequences: np.ndarray
    prompt_length: int
    lengths: np.ndarray
    finish_reasons: list
    logprobs: np.ndarray | None = None
    scores: np.ndarray | None = None
    logits: np.ndarray | None = None
    hidden_states: np.ndarray | None = None
    candidates: object = None
    trace: object = None
    sequences_scores: np.ndarray | None = None
    beams: object = None
    statistics: dict = field(default_factory=dict)
    prompts: np.ndarray | None = None
    config: object = None

    @property
    def answers(self):
        """The new tokens of each text, without pads: R arrays of their own lengths."""
        return [row[self.prompt_length:self.prompt_length + n] for row, n in zip(self.sequences, self.lengths)]

    def texts(self, tokenizer):
        """The answers as R str: no special tokens, nothing of what ended them unless include_stop_str_in_output."""
        return [text_of(answer, tokenizer, self.config, prompt[prompt >= 0])
                for answer, prompt in zip(self.answers, self.prompts)]


def noted(run, new, prompts, config):
    """What was noted of each step, by the names of `GenerationOutput`.

        logprobs_ri = log softmax(logits_ri)_{x_ri}

    run a Run that is over    new (R, N) the answers    prompts (R, S) of -1 and tokens    config GenerationConfig
    returns {name: (R, N, ...)}, NaN behind an end, of what was asked for
    Source: as `Run`.
    """
    (R, N), V = new.shape, run.reader.model.config.vocab_size
    asked, found = config.output_candidates, {"logprobs": _logprobs(run.notes, new)}
    logits, scores = (gathered(run.notes, name, (R, N, V)) if asked or getattr(config, f"output_{name}") else None
                      for name in ("logits", "scores"))
    if config.output_logits:
        found["logits"] = logits
    if config.output_scores:
        found["scores"] = scores
    if asked:
        found["candidates"] = candidates(logits, scores, new, prompts, asked)
    if config.output_hidden_states:
        found["hidden_states"] = gathered(run.notes, "hidden_states", (R, N, 0, 0))
    if config.output_trace:
        found["trace"] = Trace(V)
        for row, notes in enumerate(run.notes):
            for step, (note, place, i) in enumerate(notes):
                found["trace"].note(step, row, note["changes"][i][place])
    return found


def _logprobs(notes, new):
    """log softmax(logits)_x of every token x of new (R, N), NaN behind an end, from one step's logits at a time."""
    found = np.full(new.shape, np.nan, next((row[0][0]["logits"].dtype for row in notes if row), np.float32))
    for r, row in enumerate(notes):
        for t, (note, place, i) in enumerate(row):
            found[r, t] = formulas.log_softmax(note["logits"][place, i])[new[r, t]]
    return found


def gathered(notes, name, shape):
    """One array of all steps: notes are R lists of (note, place, i), each note[name] is (B, n, ...).

        y_rt = note_rt[name][place_rt, i_rt]

    shape  (R, N, ...), N being the longest answer; what follows N is that of the first note, if there is any
    returns an array of this shape, NaN behind an end
    Source: as `Run`.
    """
    first = next((row[0][0][name] for row in notes if row), np.zeros((1, 1, *shape[2:]), np.float32))
    whole = np.full((*shape[:2], *first.shape[2:]), np.nan, first.dtype)
    for r, row in enumerate(notes):
        for t, (note, place, i) in enumerate(row):
            whole[r, t] = note[name][place, i]
    return whole


def sequence_logprob(model, ids, prompt_length=1, attention_mask=None):
    """How likely a model finds what follows a prompt.

        log p(x_{n+1} .. x_T | x_1 .. x_n) = sum_{t > n} log softmax(logits_{t-1})_{x_t}

    model           a LanguageModel, or `model.given(source)`        ids  (B, T) integers
    prompt_length   n >= 1, in tokens, or one for each row (B,); in padded rows pads do not count
    attention_mask  (B, T) of 1 for tokens and 0 for pads; None: no pads
    returns (B,) in nats, float64. A product of 1,024 probabilities of 0.5 would be 0 in float32; hence logarithms.
    Past the context length the window slides, as in `generate`.
    Raises GenerationError for a prompt_length < 1, for the first token is given, or above a row's length.
    Source: Bengio et al. 2003, A neural probabilistic language model, section 1.
    """
    ids = backend.to_host(as_rows("ids", ids, GenerationError))
    if ids.ndim != 2 or ids.dtype.kind not in "iu" or ids.size == 0:
        raise GenerationError(f"ids must be integers (B, T) with T >= 1; got {ids.dtype} {ids.shape}")
    if not hasattr(model, "next_logits"):
        raise GenerationError("a text's probability is that of a language model; an encoder-decoder is one when given "
                              f"a source, model.given(source); got a {type(model).__name__}")
    words = np.ones(ids.shape, bool) if attention_mask is None else \
        as_mask("attention_mask", attention_mask, ids.shape, GenerationError) != 0
    lengths = np.asarray(prompt_length)
    if lengths.dtype.kind not in "iu" or lengths.shape not in ((), (len(ids),)) or (lengths < 1).any():
        raise GenerationError(f"prompt_length must be an integer >= 1, or one for each of {len(ids)} rows; "
                              f"got {prompt_length!r:.80}")
    if (lengths > words.sum(axis=1)).any():
        raise GenerationError(f"prompt_length must not exceed a row's tokens; got {lengths.tolist()} for rows of "
                              f"{words.sum(axis=1).tolist()}")
    lines = right_aligned(np.where(words, ids, -1))
    S, n = lines.shape[1], words.sum(axis=1)
    if S == 1:
        return np.zeros(len(ids))
    l = formulas.log_softmax(Reader(model, lines[:, :-1]).scores(S - 1)).astype(np.float64)      # (B, S - 1, V)
    said = np.take_along_axis(l, np.maximum(lines[:, 1:, None], 0), axis=-1)[..., 0]
    return np.where(np.arange(1, S) >= (S - n + lengths)[:, None], said, 0).sum(axis=1)
