"""From a call of `generate` to a `Run`: everything is checked here, before anything is computed.

Before this file: all that it puts together. After it: a strategy meets no bad input, and no bad input meets a model.
"""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from ..errors import GenerationError
from .constraints import constraints, watermark
from .contradictions import check_sampling
from .generation_config import GenerationConfig
from .output import GenerationOutput, noted
from .processors import build
from .prompt import as_prompt
from .run import Run
from .stopping import Stopping, check_limits
from .searches import reader_of, search_of

# what `generate` takes besides the fields of GenerationConfig
ARGUMENTS = ("rng", "tokenizer", "assistant_model", "logits_processor", "prefix_allowed_tokens_fn", "stopping_criteria",
             "negative_prompt_ids", "negative_prompt_attention_mask", "decoder_input_ids")


@dataclass
class Request:
    """A request that can be met: the run, its strategy, and what the answer needs of the question."""

    config: object
    run: Run
    strategy: object
    prompt: np.ndarray

    def answer(self):
        """The ids, or the `GenerationOutput`, of a run that is over."""
        run, lengths = self.run, np.array([len(said) for said in self.run.said], np.int64)
        new = np.full((len(lengths), lengths.max(initial=0)), self.config.pad, np.int64)
        for row, said in zip(new, run.said):
            row[:len(said)] = said
        prompt = np.repeat(self.prompt, len(new) // len(self.prompt), axis=0)
        prompts = np.repeat(run.prompts, len(new) // len(run.prompts), axis=0)
        sequences = np.concatenate([prompt, new], axis=1)
        if not self.config.return_dict_in_generate:
            return sequences
        return GenerationOutput(sequences, prompt.shape[1], lengths, run.reasons, beams=run.beams,
                                sequences_scores=run.sequences_scores, statistics=run.statistics,
                                prompts=prompts, config=self.config, **noted(run, new, prompts, self.config))

    def columns(self):
        """Yield the tokens (R,) of each place in the answers, as soon as all rows have one or have ended."""
        run, n = self.run, 0
        for _ in self.strategy(run):
            while any(len(said) > n for said in run.said) and all(len(said) > n or reason for said, reason
                                                                  in zip(run.said, run.reasons)):
                yield np.array([said[n] if len(said) > n else self.config.pad for said in run.said])
                n += 1


def prepare(model, ids, attention_mask, generation_config, options):
    """Check a call of `generate` and make it ready.    returns Request

        R = B num_return_sequences

    ids, attention_mask (B, T) as `generate` takes them; generation_config or None; options of `generate`
    Raises GenerationError saying which invariant does not hold.
    Source: as `generate`.
    """
    config = GenerationConfig() if generation_config is None else generation_config
    if not isinstance(config, GenerationConfig):
        raise GenerationError(f"generation_config must be a GenerationConfig; got {config!r:.80}, pass its options by "
                              "name: **options")
    given = SimpleNamespace(**{name: options.pop(name, None) for name in ARGUMENTS})
    config = config.replace(**options)
    _check(config, given)
    prompt = as_prompt(model, ids, attention_mask, config.bos_token_id, given.decoder_input_ids)
    _check_vocabulary(config, prompt.model.config.vocab_size)
    prompt, limits = constraints(config, given.tokenizer, prompt)
    check_limits(config, prompt.lengths, given.stopping_criteria)
    copies = 1 if config.asks("num_beams") else config.num_return_sequences or 1
    of = np.repeat(np.arange(len(prompt.lines)), copies)                       # text r continues prompt of[r]
    reader = reader_of(prompt, config, given)
    reader.select(of)
    lengths = prompt.lengths[of]
    stopping = Stopping(config, lengths, given.tokenizer, given.stopping_criteria or ())
    mark = watermark(**config.watermarking) if config.asks("watermarking") else None

    def chain(rows):
        return build(config, lengths[rows], source=prompt.source[of[rows]], rng=given.rng, prompts=of[rows],
                     max_length=stopping.limits[rows], prefix_allowed_tokens_fn=given.prefix_allowed_tokens_fn,
                     constraints=[limit(of[rows]) for limit in limits], custom=given.logits_processor or (),
                     watermark=mark)
    notes = config.return_dict_in_generate or bool(given.stopping_criteria)
    run = Run(reader, config, stopping, chain, given.rng, notes, bool(config.output_hidden_states),
              bool(config.output_trace))
    if config.max_new_tokens == 0:
        run.rows, run.reasons = run.rows[:0], ["length"] * len(of)
    return Request(config, run, search_of(config, given, reader), prompt.ids)


def _check(config, given):
    rng = given.rng
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise GenerationError(f"rng must be a numpy.random.Generator, or None for a search without chance; got "
                              f"{rng!r:.80}, pass np.random.default_rng(seed)")
    check_sampling(config, rng is not None)
    spoken = [name for name in ("stop_strings", "regex", "grammar", "token_healing") if config.asks(name)]
    if spoken and not (hasattr(given.tokenizer, "token_bytes") and hasattr(given.tokenizer, "vocab_size")):
        raise GenerationError(f"{spoken[0]} speaks of text; pass tokenizer=, the one of scratchgpt.tokenizers that the "
                              f"ids are of; got {given.tokenizer!r:.80}")
    for name in ("logits_processor", "stopping_criteria"):
        functions = getattr(given, name) if getattr(given, name) is not None else []
        if not isinstance(functions, (list, tuple)) or not all(map(callable, functions)):
            raise GenerationError(f"{name} must be a list of functions; got {functions!r:.80}")


def _check_vocabulary(config, V):
    """Tokens that options name must exist; pads may be beyond the table, as nothing reads them."""
    for name in ("eos_token_id", "bos_token_id", "forced_bos_token_id", "forced_eos_token_id"):
        value = getattr(config, name)
        for token in value if isinstance(value, (list, tuple)) else [] if value is None else [value]:
            if token >= V:
                raise GenerationError(f"{name} must be in [0, vocab_size={V}); got {token}")
    if (config.output_candidates or 0) > V:
        raise GenerationError(f"output_candidates must be at most vocab_size={V}; got {config.output_candidates}")
