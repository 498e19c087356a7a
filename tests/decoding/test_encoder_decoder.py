"""Every way of decoding over an encoder-decoder: a padded batch of sources gives what each gives alone."""

import numpy as np
import pytest

from scratchgpt.decoding import generate
from scratchgpt.decoding.strategies import (beam_search, constrained_beam_search, diverse_beam_search, greedy_search,
                                            mirostat_search, sampling_search)
from tests.checks import checks
from tests.decoding.test_prompt import translator

SOURCE = np.array([[4, 5, 6, 4, 5], [7, 8, 4, 0, 0], [6, 5, 0, 0, 0]])
WORDS = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]])
WAYS = {
    "greedy": {}, "beams": dict(num_beams=3), "several": dict(num_beams=3, num_return_sequences=3),
    "diverse beams": dict(num_beams=4, num_beam_groups=2, diversity_penalty=0.7),
    "forced words": dict(num_beams=4, force_words_ids=[[6, 7]]), "contrastive": dict(penalty_alpha=0.5, top_k=3),
    "layers": dict(dola_layers=[0]), "lookup": dict(prompt_lookup_num_tokens=3), "jacobi": dict(lookahead_num_tokens=3),
    "source's n-grams": dict(encoder_no_repeat_ngram_size=1), "source's tokens": dict(encoder_repetition_penalty=3.0),
    "no cache": dict(use_cache=False), "static": dict(cache_implementation="static"),
    "beams of these": dict(num_beams=3, encoder_no_repeat_ngram_size=1, encoder_repetition_penalty=2.0)}


class Same(np.random.Generator):
    """A generator that gives every row of a call the same number, so that rows draw as they would alone."""

    def __init__(self):
        super().__init__(np.random.PCG64(0))

    def random(self, count):
        return np.full(count, super().random())


def answers(ids, words, **options):
    found = generate(translator(), ids, words, max_new_tokens=6, eos_token_id=3, pad_token_id=0, frequency_penalty=2.0,
                     return_dict_in_generate=True, **options).answers
    return [answer.tolist() for answer in found]


@checks(generate, greedy_search, beam_search, diverse_beam_search, constrained_beam_search)
@pytest.mark.parametrize("name", WAYS)
def test_each_source_of_a_padded_batch_is_answered_as_it_is_alone(name):
    together, n = answers(SOURCE, WORDS, **WAYS[name]), WAYS[name].get("num_return_sequences", 1)
    for b, (row, words) in enumerate(zip(SOURCE, WORDS == 1)):
        assert answers(row[words][None], None, **WAYS[name]) == together[b * n:(b + 1) * n]


@checks(generate, sampling_search, mirostat_search)
@pytest.mark.parametrize("options", [{}, dict(top_p=0.9, temperature=1.4), dict(mirostat=2, mirostat_tau=2.0),
                                     dict(encoder_repetition_penalty=0.5)], ids=str)
def test_it_draws_for_each_source_what_it_draws_alone(options):
    together = answers(SOURCE, WORDS, rng=Same(), **options)
    for row, words, found in zip(SOURCE, WORDS == 1, together):
        assert answers(row[words][None], None, rng=Same(), **options) == [found]


@checks(generate)
def test_what_processors_call_the_source_is_what_the_encoder_reads():
    plain, other, own = (answers(SOURCE, WORDS, **options) for options in (
        {}, dict(encoder_no_repeat_ngram_size=1), dict(encoder_repetition_penalty=1e6)))
    for row, words, new, same in zip(SOURCE, WORDS == 1, other, own):
        assert not set(row[words]) & set(new) and set(same) <= set(row[words]) | {3}
    assert plain != other and plain != own and len({len(answer) for answer in plain}) > 1
