"""Which options go together. Before this file: `errors`. After it: what was asked for can be met, or it was refused.

Two tables and a few sums: what shapes chance needs chance, what shapes beams needs beams, and one search at a time.
"""

import numpy as np

from ..errors import GenerationError

SAMPLING = {"temperature", "dynatemp_range", "dynatemp_exponent", "top_k", "top_p", "min_p", "top_h", "typical_p",
            "epsilon_cutoff", "eta_cutoff", "top_n_sigma", "xtc_probability", "xtc_threshold", "mirostat",
            "mirostat_tau", "mirostat_eta", "mirostat_m"}
# each is a search of its own; a text is decoded by one
SEARCHES = ("num_beams", "penalty_alpha", "mirostat", "assistant_early_exit", "prompt_lookup_num_tokens",
            "lookahead_num_tokens")
# what they find is the best by their own measure, without chance
RANKED = ("penalty_alpha", "num_beam_groups", "force_words_ids")
ORDERED = (("min_length", "max_length"), ("min_new_tokens", "max_new_tokens"), ("num_return_sequences", "num_beams"),
           ("num_beam_groups", "num_beams"))


def check(config):
    """Raise GenerationError naming the first pair of options that contradict each other.

        min <= max        num_return_sequences <= num_beams        num_beams = num_beam_groups * n

    config GenerationConfig, lengths in tokens
    Source: Wolf et al. 2019, arXiv:1910.03771, for the options; the field's library warns where this refuses.
    """
    for one in config.table():
        needs = one.metadata["needs"]
        if needs and config.asks(one.name) and not any(config.asks(need) for need in needs):
            _refuse(f"{one.name} acts only with {' or '.join(needs)}", config, one.name)
    searches = [name for name in SEARCHES if config.asks(name)]
    if len(searches) > 1:
        _refuse("one search at a time", config, *searches)
    for small, large in ORDERED:
        if config.asks(small) and config.asks(large) and getattr(config, small) > getattr(config, large):
            _refuse(f"{small} must not exceed {large}", config, small, large)
    if config.asks("num_beam_groups") and config.num_beams % config.num_beam_groups:
        _refuse("num_beam_groups must divide num_beams", config, "num_beam_groups", "num_beams")
    if config.asks("num_beam_groups") and not config.asks("diversity_penalty"):
        _refuse("groups differ only with diversity_penalty > 0", config, "num_beam_groups", "diversity_penalty")
    if config.asks("num_beam_groups") and config.asks("force_words_ids"):
        _refuse("groups of beams and forced words exclude each other", config, "num_beam_groups", "force_words_ids")
    for name in ("forced_bos_token_id", "forced_eos_token_id"):
        forced = np.atleast_1d(getattr(config, name)).tolist() if config.asks(name) else []
        if forced and set(forced) <= set(config.suppress_tokens or ()):
            _refuse(f"{name} must not be suppressed", config, name, "suppress_tokens")
    if config.mirostat == 2 and config.asks("mirostat_m"):
        _refuse("version 2 of mirostat estimates from no tokens", config, "mirostat", "mirostat_m")
    languages = [name for name in ("regex", "grammar", "token_healing") if config.asks(name)]
    if len(languages) > 1:
        _refuse("a regular expression, a grammar and token healing exclude each other", config, *languages)
    if config.use_cache is False and config.asks("cache_implementation"):
        _refuse("without a cache there is none to be kept in some way", config, "use_cache", "cache_implementation")
    if config.asks("dynatemp_range") and config.dynatemp_range >= (config.temperature or 1):
        _refuse("dynatemp_range must be below the temperature", config, "dynatemp_range", "temperature")


def check_sampling(config, sampled):
    """Raise GenerationError where options shape chance and there is none, or forbid it and there is.

        sampled = (rng is not None)        config GenerationConfig, temperature dimensionless

    Contrastive search ranks its top_k without chance. Source: as `check`.
    """
    if config.do_sample is not None and config.do_sample != sampled:
        _refuse("rng=np.random.default_rng(seed) is what makes sampling; pass it with do_sample=True, and only then",
                config, "do_sample")
    shaping = [name for name in sorted(SAMPLING) if config.asks(name)
               and not (name == "top_k" and config.asks("penalty_alpha"))]
    if shaping and not sampled:
        _refuse("these shape what is sampled; pass rng=np.random.default_rng(seed), or leave them out for a search "
                "without chance", config, *shaping)
    for name in RANKED:
        if config.asks(name) and sampled:
            _refuse("this search draws nothing; leave out rng", config, name)
    if config.asks("num_return_sequences") and not sampled and not config.asks("num_beams"):
        _refuse("without chance and without beams there is one continuation", config, "num_return_sequences")


def _refuse(rule, config, *names):
    raise GenerationError(f"{rule}; got " + ", ".join(f"{name}={getattr(config, name)!r:.60}" for name in names))
