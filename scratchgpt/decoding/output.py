"""What `generate` gives back to who asks for more than ids. Before this file: `run`. After it: what was said, and why.

Every array of a step stands at the place of the token that it led to; behind a text's end stand NaNs.
"""

from dataclasses import dataclass, field

import numpy as np

from .. import backend, formulas
from ..errors import GenerationError
from ..inputs import check_whole
from .candidates import candidates
from .prompt import right_aligned
from .reader import Reader
from .text import text_of


@dataclass
class GenerationOutput:
    """R texts: prompt and answer, and what is known of them. N is the longest answer, in tokens.

    sequences         (R, T + N) ids: the prompt as it was given, the answer, pads
    prompt_length     T                                     lengths   (R,) tokens of each answer
    finish_reasons    R of "eos", "length", "stop_string", "time", "criterion"
    logprobs          (R, N) log-probabilities of the tokens by the model's own scores, in nats
    scores, logits    (R, N, V) after and before the processors
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
    returns {name: (R, N, ...)}, NaN behind an end; an array that nobody asked for is None
    Source: as `Run`.
    """
    logits = gathered(run.notes, "logits", new.shape[1])
    if logits is None:
        return {}
    l = formulas.log_softmax(np.nan_to_num(logits, nan=0.0))
    chosen = np.take_along_axis(l, new[..., None] % logits.shape[-1], axis=-1)[..., 0]
    found = {"logprobs": np.where(np.isnan(logits[..., 0]), np.nan, chosen)}
    if config.output_logits:
        found["logits"] = logits
    scores = gathered(run.notes, "scores", new.shape[1]) if config.output_scores or config.output_candidates else None
    if config.output_scores:
        found["scores"] = scores
    if config.output_candidates:
        found["candidates"] = candidates(logits, scores, new, prompts, config.output_candidates)
    if config.output_hidden_states:
        found["hidden_states"] = gathered(run.notes, "hidden_states", new.shape[1])
    return found


def gathered(notes, name, n):
    """One array of all steps: notes are R lists of (note, place, step), each note[name] is (B, n, ...).

        y_ri = note_ri[name][place_ri, step_ri]

    n  the longest answer    returns (R, n, ...), NaN behind an end; None where nothing was noted
    Source: as `Run`.
    """
    first = next((row[0] for row in notes if row), None)
    if first is None:
        return None
    array = first[0][name]
    whole = np.full((len(notes), n, *array.shape[2:]), np.nan, array.dtype)
    for r, row in enumerate(notes):
        for i, (note, b, step) in enumerate(row):
            whole[r, i] = note[name][b, step]
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
    ids = np.asarray(backend.to_host(ids))
    words = np.ones(ids.shape, bool) if attention_mask is None else np.asarray(backend.to_host(attention_mask)) != 0
    for n in np.atleast_1d(prompt_length).tolist():
        check_whole("prompt_length", n, 1, GenerationError)
    lengths = np.broadcast_to(prompt_length, len(ids))
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
