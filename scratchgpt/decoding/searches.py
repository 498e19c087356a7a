"""Which search a request asks for. Before this file: `strategies`. After it: options have become a function of a `Run`.

A reader may stand between the model and its search: guidance and layer contrast change what is expected, not how it is
searched.
"""

from ..errors import GenerationError
from .reader import Reader
from .strategies import (beam_search, constrained_beam_search, contrastive_search, diverse_beam_search, dola_reader,
                         greedy_search, guided, mirostat_search, sampling_search, speculation_of)


def reader_of(prompt, config, given):
    """The reader of a prompt (B, S), with the cache that the config asks for.

        reader = guided(..) with guidance_scale,  dola_reader(..) with dola_layers,  else Reader(..)

    Raises GenerationError for both contrasts at once, and for a negative prompt that nobody would read.
    Source: as `Reader`.
    """
    if config.asks("guidance_scale") and config.asks("dola_layers"):
        raise GenerationError("one contrast at a time: pass guidance_scale or dola_layers; got "
                              f"{config.guidance_scale!r} and {config.dola_layers!r:.60}")
    negative = given.negative_prompt_ids, given.negative_prompt_attention_mask
    if not config.asks("guidance_scale") and any(one is not None for one in negative):
        raise GenerationError("negative_prompt_ids and their mask act only with a guidance_scale other than 1; got "
                              f"guidance_scale={config.guidance_scale}")
    if config.asks("guidance_scale"):
        return guided(prompt, config, given, new_cache)
    cache = new_cache(prompt.model, config, prompt.lines.shape[1])
    if config.asks("dola_layers"):
        return dola_reader(prompt, config, cache)
    return Reader(prompt.model, prompt.lines, cache)


def new_cache(model, config, width):
    """A cache as asked for, or None; `width` (S) tokens stand in the prompt.

        capacity = min(n_positions, S + new tokens)

    Raises GenerationError for a static cache of unknown length. Source: as `Reader`.
    """
    if config.use_cache is False:
        return None
    kind = config.cache_implementation or "dynamic"
    if kind != "static":
        return model.new_cache(kind)
    longest = [] if model.n_positions is None else [model.n_positions]
    longest += [] if config.max_new_tokens is None else [width + config.max_new_tokens]
    longest += [] if config.max_length is None else [config.max_length]
    if not longest:
        raise GenerationError("a static cache must know its length; pass max_new_tokens or max_length")
    return model.new_cache(kind, min(longest))


def search_of(config, given, reader):
    """The strategy that a config asks for: a function of a `Run` that yields after each step.

        search(run) = while run goes: ask, choose, say

    config GenerationConfig; given the arguments of `generate`; reader of the texts (R, S)
    Source: as `generate`.
    """
    drafting = speculation_of(config, given, reader)
    if drafting is not None:
        return drafting
    if config.asks("penalty_alpha"):
        return contrastive_search
    if config.asks("mirostat"):
        return mirostat_search
    if config.asks("num_beams"):
        return (constrained_beam_search if config.asks("force_words_ids") else
                diverse_beam_search if config.asks("num_beam_groups") else beam_search)
    return greedy_search if given.rng is None else sampling_search
