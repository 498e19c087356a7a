"""Which drafter and rule a request gets, and the requests that cannot be met."""

from types import SimpleNamespace

import numpy as np
import pytest

from scratchgpt.decoding import GenerationConfig, generate
from scratchgpt.decoding.reader import Reader
from scratchgpt.decoding.strategies.speculation import (Assistant, Lookahead, PromptLookup, matching, speculation_of,
                                            speculative_sampling)
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.strategies.speculation.drafting import small

MODEL = small(0)


def asked(rng=None, assistant_model=None, **options):
    reader = Reader(MODEL, np.array([[1, 2]]), MODEL.new_cache())
    given = SimpleNamespace(assistant_model=assistant_model, rng=rng)
    return speculation_of(GenerationConfig(**options), given, reader)


@checks(speculation_of)
@pytest.mark.parametrize("options, kind, size, plain, sampled", [
    (dict(assistant_model=MODEL), Assistant, 5, matching, speculative_sampling),
    (dict(assistant_early_exit=1, num_assistant_tokens=3), Assistant, 3, matching, speculative_sampling),
    (dict(assistant_model=MODEL, assistant_acceptance="matching"), Assistant, 5, matching, matching),
    (dict(prompt_lookup_num_tokens=7), PromptLookup, 7, matching, matching),
    (dict(lookahead_num_tokens=4), Lookahead, 4, matching, matching)])
def test_options_name_a_drafter_its_size_and_the_rule_with_and_without_chance(options, kind, size, plain, sampled):
    for rng, rule in ((None, plain), (np.random.default_rng(0), sampled)):
        search = asked(rng, **options)
        drafter = search.keywords["drafter"]
        assert type(drafter) is kind and drafter.size == size and search.keywords["rule"] is rule
        assert getattr(drafter, "sampled", False) == (rule is speculative_sampling)


@checks(speculation_of)
def test_details_reach_the_drafter_and_without_a_wish_there_is_none():
    assert asked() is None
    assert asked(prompt_lookup_num_tokens=1, max_matching_ngram_size=4).keywords["drafter"].longest == 4
    assert asked(prompt_lookup_num_tokens=1).keywords["drafter"].longest == 2
    assert asked(lookahead_num_tokens=1).keywords["drafter"].n == 3
    assert asked(lookahead_num_tokens=1, lookahead_ngram_size=1).keywords["drafter"].n == 1
    assert asked(assistant_model=MODEL, use_cache=False).keywords["drafter"].reader.cache is None


@checks(speculation_of)
@pytest.mark.parametrize("options, says", [
    (dict(assistant_model=MODEL, prompt_lookup_num_tokens=2), "got prompt_lookup_num_tokens=2 beside it"),
    (dict(assistant_model=MODEL, num_beams=2), "got num_beams=2 beside it"),
    (dict(num_assistant_tokens=2), "num_assistant_tokens acts only with"),
    (dict(prompt_lookup_num_tokens=2, num_assistant_tokens=2), "num_assistant_tokens acts only with"),
    (dict(assistant_acceptance="matching"), "assistant_acceptance judges drafts"),
    (dict(assistant_model=MODEL, assistant_acceptance="sampling"), "needs drafts that were drawn"),
    (dict(prompt_lookup_num_tokens=2, assistant_acceptance="sampling", rng=np.random.default_rng(0)),
     "needs drafts that were drawn")])
def test_what_cannot_be_is_refused(options, says):
    with pytest.raises(GenerationError, match=says):
        generate(MODEL, [[1, 2]], max_new_tokens=2, **options)
