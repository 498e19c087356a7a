"""Which drafter and rule of acceptance a request asks for. Before: `verification`, the drafters. After: a search."""

from functools import partial

from ....errors import GenerationError
from ...contradictions import SEARCHES
from .acceptance import matching, speculative_sampling
from .assistant import Assistant, assistant_reader, first_layers
from .lookahead import Lookahead
from .prompt_lookup import PromptLookup
from .verification import assisted

RULES = {"matching": matching, "sampling": speculative_sampling}


def speculation_of(config, given, reader):
    """The search with drafts that a request asks for, a function of a `Run`; None if it asks for no drafts.

        rule = matching without chance; with it speculative_sampling where an assistant drafts, and matching elsewhere

    config GenerationConfig, lengths in tokens    given  has assistant_model, rng    reader  Reader of the texts (B, S)
    `assistant_acceptance` names a rule. Raises GenerationError for what cannot be: two searches at once, an assistant
    that does not fit, or a rule without what it needs.
    Source: Leviathan et al. 2023, arXiv:2211.17192; Wolf et al. 2019, arXiv:1910.03771, for the names.
    """
    model, searches = given.assistant_model, [name for name in SEARCHES if config.asks(name)]
    if model is not None and searches:
        raise GenerationError(f"assistant_model drafts for a search token by token; got {searches[0]}="
                              f"{getattr(config, searches[0])!r:.60} beside it: leave out one of them")
    models = model is not None or config.asks("assistant_early_exit")
    if config.asks("num_assistant_tokens") and not models:
        raise GenerationError("num_assistant_tokens acts only with assistant_model or assistant_early_exit; got "
                              f"{config.num_assistant_tokens} without either")
    if not models and not config.asks("prompt_lookup_num_tokens") and not config.asks("lookahead_num_tokens"):
        if config.asks("assistant_acceptance"):
            raise GenerationError("assistant_acceptance judges drafts; pass assistant_model or another way to draft")
        return None
    name = config.assistant_acceptance or ("sampling" if models and given.rng is not None else "matching")
    if name == "sampling" and (given.rng is None or not models):
        raise GenerationError("assistant_acceptance='sampling' needs drafts that were drawn; pass rng= and an "
                              "assistant_model or assistant_early_exit, or take 'matching'")
    return partial(assisted, drafter=_drafter(config, model, reader, name == "sampling"), rule=RULES[name])


def _drafter(config, model, reader, sampled):
    if config.asks("prompt_lookup_num_tokens"):
        return PromptLookup(config.prompt_lookup_num_tokens, config.max_matching_ngram_size or 2)
    if config.asks("lookahead_num_tokens"):
        return Lookahead(reader.ids, config.lookahead_num_tokens, config.lookahead_ngram_size or 3)
    model = first_layers(reader.model, config.assistant_early_exit) if model is None else model
    return Assistant(assistant_reader(model, reader.model, reader.ids, config.use_cache is not False),
                     config.num_assistant_tokens or 5, sampled)
