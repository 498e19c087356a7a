"""Which processors a config asks for, and in which order they are applied.

Before this file: all other processors, `chain`. After it: the same options give other texts in another order, and the
two orders that people know have names.
"""

from types import SimpleNamespace

import numpy as np

from ...errors import GenerationError
from .bans import begin_suppress, forced_bos, forced_eos, prefix_allowed_tokens, suppress
from .bias import bad_words, sequence_bias
from .chain import Processor
from .cuts import min_p, top_h, top_k, top_n_sigma, top_p
from .dry import dry
from .lengths import exponential_decay_length, min_length, min_new_tokens
from .ngrams import encoder_no_repeat_ngram, no_repeat_ngram
from .penalties import encoder_repetition_penalty, frequency_penalty, presence_penalty, repetition_penalty
from .repair import remove_invalid, renormalize
from .temperature import dynamic_temperature, temperature
from .typical import epsilon_cutoff, eta_cutoff, typical_p
from .xtc import xtc

# what holds for greedy and beam search too, and so comes first in either order
ALWAYS = ("sequence_bias", "encoder_repetition_penalty", "repetition_penalty", "frequency_penalty", "presence_penalty",
          "dry", "no_repeat_ngram", "encoder_no_repeat_ngram", "bad_words", "min_length", "min_new_tokens",
          "prefix_allowed_tokens", "constraints", "forced_bos", "forced_eos", "remove_invalid",
          "exponential_decay_length", "suppress", "begin_suppress", "custom")
CUTS = {
    "hf": ("temperature", "dynamic_temperature", "top_h", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff",
           "eta_cutoff", "top_n_sigma", "xtc"),
    "llamacpp": ("top_n_sigma", "top_k", "typical_p", "top_p", "min_p", "top_h", "epsilon_cutoff", "eta_cutoff", "xtc",
                 "temperature", "dynamic_temperature"),
}
ORDERS = {name: (*ALWAYS, *sampling, "watermark", "renormalize") for name, sampling in CUTS.items()}
# name of a processor: (the option that asks for it, how it is made of the option's value and of what else is known)
MAKERS = {
    "sequence_bias": ("sequence_bias", lambda value, at: sequence_bias(value)),
    "encoder_repetition_penalty": ("encoder_repetition_penalty",
                                   lambda value, at: encoder_repetition_penalty(value, at.source)),
    "repetition_penalty": ("repetition_penalty", lambda value, at: repetition_penalty(value)),
    "frequency_penalty": ("frequency_penalty", lambda value, at: frequency_penalty(value)),
    "presence_penalty": ("presence_penalty", lambda value, at: presence_penalty(value)),
    "dry": ("dry_multiplier", lambda value, at: dry(value, at.option("dry_base", 1.75),
                                                    at.option("dry_allowed_length", 2),
                                                    at.option("dry_sequence_breakers", ()))),
    "no_repeat_ngram": ("no_repeat_ngram_size", lambda value, at: no_repeat_ngram(value)),
    "encoder_no_repeat_ngram": ("encoder_no_repeat_ngram_size",
                                lambda value, at: encoder_no_repeat_ngram(value, at.source)),
    "bad_words": ("bad_words_ids", lambda value, at: bad_words(value, at.eos)),
    "min_length": ("min_length", lambda value, at: min_length(value, at.eos)),
    "min_new_tokens": ("min_new_tokens", lambda value, at: min_new_tokens(value, at.prompt_length, at.eos)),
    "forced_bos": ("forced_bos_token_id", lambda value, at: forced_bos(value)),
    "forced_eos": ("forced_eos_token_id", lambda value, at: forced_eos(value, at.max_length)),
    "remove_invalid": ("remove_invalid_values", lambda value, at: remove_invalid()),
    "exponential_decay_length": ("exponential_decay_length_penalty",
                                 lambda value, at: exponential_decay_length(*value, at.prompt_length, at.eos)),
    "suppress": ("suppress_tokens", lambda value, at: suppress(value)),
    "begin_suppress": ("begin_suppress_tokens", lambda value, at: begin_suppress(value, _first_free(at))),
    "temperature": ("temperature", lambda value, at: temperature(value)),
    "dynamic_temperature": ("dynatemp_range", lambda value, at: dynamic_temperature(
        at.option("temperature", 1.0), value, at.option("dynatemp_exponent", 1.0))),
    "top_h": ("top_h", lambda value, at: top_h(value)),
    "top_k": ("top_k", lambda value, at: top_k(value)),
    "top_p": ("top_p", lambda value, at: top_p(value)),
    "min_p": ("min_p", lambda value, at: min_p(value)),
    "typical_p": ("typical_p", lambda value, at: typical_p(value)),
    "epsilon_cutoff": ("epsilon_cutoff", lambda value, at: epsilon_cutoff(value)),
    "eta_cutoff": ("eta_cutoff", lambda value, at: eta_cutoff(value)),
    "top_n_sigma": ("top_n_sigma", lambda value, at: top_n_sigma(value)),
    "xtc": ("xtc_probability", lambda value, at: xtc(value, at.option("xtc_threshold", 0.1), at.rng)),
    "renormalize": ("renormalize_logits", lambda value, at: renormalize()),
}


def build(config, prompt_length, source=None, *, max_length=None, rng=None, sampling=None, prompts=None,
          prefix_allowed_tokens_fn=None, constraints=(), custom=(), watermark=None):
    """The chain of processors that a config asks for, in the order that it names.

        chain = (p for p in ORDERS[config.processor_order] if it is asked for)

    config         GenerationConfig; what it does not ask for is not in the chain
    prompt_length  int or (B,) ints, in tokens without pads    source  (B, S) ids of an encoder, -1 for pads
    max_length     int or (B,) ints, in tokens, prompt included; the config's if None
    rng            a numpy Generator, for xtc
    sampling       whether tokens will be drawn: only then temperature, cuts and xtc are in the chain; None: if rng is
    prompts        (B,) ints, which prompt a row continues, for prefix_allowed_tokens_fn; None: each its own
    constraints, custom, watermark  finished: a Processor or a plain (ids, scores) -> scores each, of the first two
                   several; they stand where ORDERS says
    returns        list of Processors
    "hf" is the order of transformers; penalties that it does not have stand behind its own, cuts behind its cuts. In
    "llamacpp" temperature comes last: the cuts see what it has not bent yet, so other tokens stay; cuts
    that llama.cpp does not have stand before xtc. What holds without sampling comes first in both.
    Raises GenerationError for what no processor takes, or what is missing for one.
    Source: transformers' `_get_logits_processor`; llama.cpp's default chain of samplers.
    """
    def option(name, default=None):
        return getattr(config, name) if config.asks(name) else default
    order = option("processor_order", "hf")
    at = SimpleNamespace(option=option, eos=config.ends, prompt_length=prompt_length, source=source,
                         max_length=option("max_length") if max_length is None else max_length, rng=rng)
    finished = {"constraints": constraints, "custom": map(_guarded, custom), "watermark": _listed(watermark),
                "prefix_allowed_tokens": [prefix_allowed_tokens(function, prompts)
                                          for function in _listed(prefix_allowed_tokens_fn)]}
    sampling = rng is not None if sampling is None else sampling
    idle = () if sampling else CUTS[order]
    idle = (*idle, "temperature") if option("dynatemp_range") is not None else idle          # one or the other
    chain = []
    for name in (name for name in ORDERS[order] if name not in idle):
        if name in finished:
            chain += [_named(name, processor) for processor in finished[name]]
        elif (value := option(MAKERS[name][0])) is not None:
            chain.append(Processor(name, MAKERS[name][1](value, at)))
    return chain


def _listed(thing):
    return [] if thing is None else [thing]


def _named(name, processor):
    if not isinstance(processor, Processor) and not callable(processor):
        raise GenerationError(f"{name} must be functions (ids, scores) -> scores; got {processor!r:.80}")
    return processor if isinstance(processor, Processor) else Processor(name, processor)


def _guarded(processor):
    """A caller's own processor, which may write into what it gets, and must give back scores."""
    name, function = _named("custom", processor)

    def apply(ids, scores):
        found = np.asarray(function(ids.copy(), scores.copy()))
        if found.shape != scores.shape or found.dtype.kind != "f":
            raise GenerationError(f"a logits_processor must return scores {scores.shape}; got {found.dtype} "
                                  f"{found.shape}")
        return found
    return Processor(name, apply)


def _first_free(at):
    """The length at which the first token is chosen freely: behind the prompt, and behind a BOS that is laid down."""
    prompt = np.asarray(at.prompt_length)
    return prompt + ((prompt == 1) & (at.option("forced_bos_token_id") is not None))
