"""The laws that every processor obeys, whatever it does.

It writes into none of its arguments, keeps dtype and shape, gives a row what it would give it alone, whatever pads
stand in front, leaves a token to choose, and makes nothing possible that was not, unless that is what it is for.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding import processors
from scratchgpt.decoding.processors import (apply, bad_words, begin_suppress, dry, dynamic_temperature,
                                            encoder_no_repeat_ngram, encoder_repetition_penalty, epsilon_cutoff,
                                            eta_cutoff, exponential_decay_length, forced_bos, forced_eos,
                                            frequency_penalty, min_length, min_new_tokens, min_p, no_repeat_ngram,
                                            prefix_allowed_tokens, presence_penalty, remove_invalid, renormalize,
                                            repetition_penalty, sequence_bias, suppress, temperature, top_h, top_k,
                                            top_n_sigma, top_p, typical_p, xtc)
from tests.checks import checks
from tests.decoding.processors.draws import CLOSE, V, frozen, padded, situations

# how each is made, given the lengths of the prompts (B,) and the source (B, S)
MAKERS = {
    temperature: lambda n, source: temperature(0.7),
    dynamic_temperature: lambda n, source: dynamic_temperature(1.0, 0.5, 2.0),
    top_k: lambda n, source: top_k(3),
    top_p: lambda n, source: top_p(0.6),
    min_p: lambda n, source: min_p(0.3),
    top_h: lambda n, source: top_h(0.5),
    top_n_sigma: lambda n, source: top_n_sigma(1.0),
    typical_p: lambda n, source: typical_p(0.5),
    epsilon_cutoff: lambda n, source: epsilon_cutoff(0.2),
    eta_cutoff: lambda n, source: eta_cutoff(0.3),
    xtc: lambda n, source: xtc(1.0, 0.1, np.random.default_rng(0)),
    repetition_penalty: lambda n, source: repetition_penalty(1.3),
    frequency_penalty: lambda n, source: frequency_penalty(0.5),
    presence_penalty: lambda n, source: presence_penalty(0.5),
    encoder_repetition_penalty: lambda n, source: encoder_repetition_penalty(1.3, source),
    dry: lambda n, source: dry(0.8, allowed_length=1, sequence_breakers=[[2]]),
    no_repeat_ngram: lambda n, source: no_repeat_ngram(2),
    encoder_no_repeat_ngram: lambda n, source: encoder_no_repeat_ngram(2, source),
    sequence_bias: lambda n, source: sequence_bias({(1,): 2.0, (0, 1, 2): -1.0}),
    bad_words: lambda n, source: bad_words([[0], [1, 2]]),
    min_length: lambda n, source: min_length(4, 1),
    min_new_tokens: lambda n, source: min_new_tokens(2, n, 1),
    exponential_decay_length: lambda n, source: exponential_decay_length(1, 1.5, n, 1),
    suppress: lambda n, source: suppress([0, 3]),
    begin_suppress: lambda n, source: begin_suppress([0, 3], n),
    prefix_allowed_tokens: lambda n, source: prefix_allowed_tokens(lambda b, text: [len(text) % V, 1]),
    forced_bos: lambda n, source: forced_bos(2),
    forced_eos: lambda n, source: forced_eos(2, n + 1),
    remove_invalid: lambda n, source: remove_invalid(),
    renormalize: lambda n, source: renormalize(),
}
REVIVING = {prefix_allowed_tokens, forced_bos, forced_eos, remove_invalid}      # what is impossible may become possible
CUTS = {temperature, dynamic_temperature, top_k, top_p, min_p, top_h, top_n_sigma, typical_p, epsilon_cutoff,
        eta_cutoff, xtc, repetition_penalty, frequency_penalty, presence_penalty, dry, prefix_allowed_tokens,
        forced_bos, forced_eos, renormalize}                                     # a choice is always left


def test_the_laws_are_held_over_every_processor_there_is():
    names = {name for name, thing in vars(processors).items() if callable(thing) and name[0].islower()}
    assert names - {"apply", "build", "traced"} == {make.__name__ for make in MAKERS}


def lengths_and_source(ids):
    n = np.maximum((ids >= 0).sum(axis=1) - 1, 0)
    return n, frozen(ids[:, ::-1].copy())


@checks(*MAKERS)
@given(situations())
def test_arguments_are_only_read_and_dtype_and_shape_are_kept(situation):
    ids, scores = situation
    before = ids.copy(), scores.copy()
    for make, made in MAKERS.items():
        found = made(*lengths_and_source(ids))(ids, scores)
        assert found.dtype == scores.dtype and found.shape == scores.shape, make
    np.testing.assert_array_equal(ids, before[0])
    np.testing.assert_array_equal(scores, before[1])


@checks(*MAKERS)
@given(situations(), st.integers(0, 3))
def test_a_row_gets_what_it_would_get_alone_whatever_pads_stand_in_front(situation, pads):
    ids, scores = situation
    n, source = lengths_and_source(ids)
    wider = np.concatenate([np.full((len(ids), pads), -1), ids], axis=1)
    for make, made in MAKERS.items():
        found = made(n, source)(wider, scores)
        for b, row in enumerate(ids):
            alone = made(n[b:b + 1], source[b:b + 1])(padded([row[row >= 0].tolist()]), scores[b:b + 1])
            np.testing.assert_array_equal(alone[0], found[b], err_msg=make.__name__)


@checks(*MAKERS)
@given(situations())
def test_what_was_impossible_stays_so_and_where_it_is_promised_a_token_is_left(situation):
    ids, scores = situation
    for make, made in MAKERS.items():
        found = made(*lengths_and_source(ids))(ids, scores)
        assert not np.isnan(found).any(), make
        assert make in REVIVING or (found[scores == -np.inf] == -np.inf).all(), make
        assert make not in CUTS or (found.max(axis=1) > -np.inf).all(), make


@checks(*MAKERS)
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_rows_with_nothing_to_choose_from_and_rows_gone_to_nan_pass_without_a_warning(make):
    ids = padded([[1, 2, 1], [2]])
    for row in ([-np.inf] * V, [np.nan] * V, [np.nan] + [0.0] * (V - 1)):
        scores = frozen(np.array([row, row], np.float32))
        found = MAKERS[make](*lengths_and_source(ids))(ids, scores)
        if make not in REVIVING:
            assert not (np.isfinite(found) & ~np.isfinite(scores)).any()


@checks(*MAKERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_the_numbers_that_stand_for_infinities_pass_without_a_warning(make, dtype):
    ids, ends = padded([[1, 2, 1], [2]]), np.finfo(dtype)
    for row in ([ends.min, ends.min, 1, ends.min, 2, -1, ends.min], [ends.min] * V,
                [ends.max, 0, 1, ends.min, 2, -1, -2]):
        found = MAKERS[make](*lengths_and_source(ids))(ids, frozen(np.array([row, row], dtype)))
        assert found.dtype == dtype and not np.isnan(found).any()


@checks(apply)
@given(situation=situations(), links=st.lists(st.sampled_from(sorted(MAKERS, key=lambda make: make.__name__)),
                                              max_size=5))
def test_a_chain_of_any_links_obeys_the_first_law(situation, links):
    ids, scores = situation
    chain = [processors.Processor(make.__name__, MAKERS[make](*lengths_and_source(ids))) for make in links]
    found = apply(chain, ids, scores)
    assert found.dtype == scores.dtype and found.shape == scores.shape
    for link in chain:
        scores = link.apply(ids, scores)
    if xtc not in links:
        np.testing.assert_allclose(found, scores, **CLOSE[scores.dtype.type])
