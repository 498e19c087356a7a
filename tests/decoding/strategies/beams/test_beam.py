"""Beam search: exhaustive where it is wide, greedy where it is narrow, and between them what its rule says."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.decoding.generation_config import GenerationConfig
from scratchgpt.decoding.prepare import prepare
from scratchgpt.decoding.strategies.beams import Beam, SampledBeam, beam_search, drawn
from scratchgpt.decoding.strategies.beams.beam import search
from scratchgpt.errors import GenerationError
from scratchgpt.models import GPT2, GPT2Config
from tests.checks import checks
from tests.decoding.enumerate import distribution
from tests.decoding.lively import lively
from tests.decoding.strategies.beams.beam_cases import (TableModel, answers, assert_equal, every_text, log_softmax, ranked,
                                                  searched, slowly)

SEEDS, ALPHAS = st.integers(0, 2**31), st.sampled_from([-1.0, 0.0, 0.6, 1.0, 2.0])
KINDS = st.sampled_from(["power", "gnmt"])
STOPS = st.sampled_from([True, False, "never"])
PROMPT = np.array([[1, 0, 1]])


def gpt2(seed, V=6, P=8):
    config = GPT2Config(vocab_size=V, n_positions=P, n_embd=4, n_layer=2, n_head=2)
    return lively(lambda rng: GPT2(config, rng=rng), seed)


def beams(model, ids=PROMPT, mask=None, n=1, **options):
    return answers(generate(model, ids, mask, num_return_sequences=n, return_dict_in_generate=True, **options), n)


@checks(beam_search, Beam)
@given(SEEDS, st.sampled_from([(2, 4), (3, 3), (5, 2), (7, 1)]), st.sets(st.integers(0, 6), max_size=2), ALPHAS, KINDS,
       st.sampled_from([False, "never"]))
def test_a_beam_as_wide_as_there_are_texts_finds_all_of_them_in_order(seed, size, ends, alpha, kind, stop):
    (V, T), model = size, TableModel(size[0], seed)
    ends = [end for end in ends if end < V - 1]
    expected = ranked(model, tuple(PROMPT[0]), every_text(V, T, ends), alpha, kind)
    [found] = beams(model, n=len(expected), num_beams=V**T, max_new_tokens=T, eos_token_id=ends or None,
                    length_penalty=alpha, length_penalty_type=kind, early_stopping=stop)
    assert_equal(found, expected)


@checks(beam_search, Beam)
@given(SEEDS, st.sampled_from([(), (0,), (0, 2)]), ALPHAS, st.sampled_from([4, 8]))
@settings(max_examples=12)
def test_of_a_real_model_too_a_beam_as_wide_as_there_are_texts_finds_all_of_them_in_order(seed, ends, alpha, P):
    """Its 27 texts of 3 tokens of 3, each read whole and without a cache, from the last P tokens."""
    model, V, T = gpt2(seed, V=3, P=P), 3, 3

    def log_p(text):
        whole = [*PROMPT[0], *text]
        return math.fsum(log_softmax(model.logits(np.array([whole[max(0, t - P):t]]))[0, -1].tolist())[whole[t]]
                         for t in range(3, len(whole)))
    texts = {text: log_p(text) / len(text)**alpha for text in every_text(V, T, ends)}
    [found] = beams(model, n=len(texts), num_beams=V**T, max_new_tokens=T, eos_token_id=list(ends) or None,
                    length_penalty=alpha)
    assert [text for text, _ in found] == sorted(texts, key=texts.get, reverse=True)
    np.testing.assert_allclose([score for _, score in found], sorted(texts.values(), reverse=True), rtol=1e-9)


@checks(beam_search)
@given(SEEDS, st.integers(1, 6), st.sampled_from([None, [2], [2, 3]]))
def test_one_beam_is_greedy(seed, T, ends):
    model, ids = TableModel(5, seed), np.random.default_rng(seed).integers(0, 5, (2, 3))
    options = dict(max_new_tokens=T, eos_token_id=ends)
    beam = searched(beam_search, model, ids, **options)
    assert beam.beams.width == 1
    if ends is None:
        assert beam.sequences.tolist() == generate(model, ids, **options).tolist()
    expected = [slowly(lambda text: log_softmax(model.of((*row.tolist(), *text))), 1, T, ends or ())[0] for row in ids]
    assert_equal([pair for [pair] in answers(beam, 1)], expected)


@checks(beam_search, search, Beam)
@given(SEEDS, st.integers(2, 6), st.integers(3, 5), st.integers(1, 6), st.sampled_from([(), (0,), (0, 2)]), ALPHAS,
       KINDS, STOPS)
@settings(max_examples=100)
def test_beams_are_what_the_rule_told_slowly_gives(seed, B, V, T, ends, alpha, kind, stop):
    B, model = min(B, V**T), TableModel(V, seed)
    expected = slowly(lambda text: log_softmax(model.of((1, 0, 1, *text))), B, T, ends, alpha, kind, stop)
    [found] = beams(model, n=len(expected), num_beams=B, max_new_tokens=T, eos_token_id=list(ends) or None,
                    length_penalty=alpha, length_penalty_type=kind, early_stopping=stop)
    assert_equal(found, expected)


@checks(Beam)
@given(SEEDS, st.integers(2, 3))
def test_so_many_are_looked_at_that_beams_go_on_where_all_ends_are_likelier(seed, B):
    model, taste = TableModel(6, seed), np.array([9.0, 9.0, 9.0, 9.0, 0.0, 0.0])

    def expect(text):
        return (np.array(log_softmax(model.of((1, 0, 1, *text)))) + taste - 9).tolist()
    output = generate(model, PROMPT, num_beams=B, num_return_sequences=B, max_new_tokens=4, eos_token_id=[0, 1, 2, 3],
                      length_penalty=9.0, early_stopping="never", return_dict_in_generate=True,
                      logits_processor=[lambda ids, scores: scores + taste - 9])
    assert_equal(answers(output, B)[0], slowly(expect, B, 4, (0, 1, 2, 3), 9.0, stop="never"))
    assert all((step.tokens[0, :2] >= 0).all() for step in output.beams.steps[:3])


@checks(beam_search)
@given(SEEDS, st.integers(2, 5), STOPS, ALPHAS)
def test_processors_see_log_probabilities_and_their_result_is_what_is_summed(seed, B, stop, alpha):
    model, rng = TableModel(5, seed), np.random.default_rng(seed)
    taste, banned = rng.normal(size=(5, 5)), int(rng.integers(0, 5))

    def expect(text):
        l = log_softmax(model.of((1, 0, 1, *text)))
        scores = [1.3 * l[v] + taste[text[-1] if text else 1, v] for v in range(5)]
        return [-np.inf if v == banned and len(text) % 2 else s for v, s in enumerate(scores)]

    def processor(ids, scores):
        out = 1.3 * scores + taste[ids[:, -1]]
        lengths = (ids >= 0).sum(axis=1) - 3
        out[lengths % 2 == 1, banned] = -np.inf
        return out
    expected = slowly(expect, B, 5, (4,), alpha, stop=stop)
    [found] = beams(model, n=len(expected), num_beams=B, max_new_tokens=5, eos_token_id=4, early_stopping=stop,
                    length_penalty=alpha, logits_processor=[processor])
    assert_equal(found, expected)


@checks(beam_search)
@given(SEEDS, st.integers(2, 5), STOPS)
def test_texts_may_end_by_any_criterion(seed, B, stop):
    model = TableModel(5, seed)
    expected = slowly(lambda text: log_softmax(model.of((1, 0, 1, *text))), B, 6, (), stop=stop,
                      stops=lambda text: sum(text) >= 9)
    output = generate(model, PROMPT, num_beams=B, num_return_sequences=len(expected), max_new_tokens=6,
                      early_stopping=stop, return_dict_in_generate=True,
                      stopping_criteria=[lambda ids, scores: ids[0, 3:].sum() >= 9 and scores.shape == (1, 5)])
    [found] = answers(output, len(expected))
    assert_equal(found, expected)
    assert output.finish_reasons == ["criterion" if sum(text) >= 9 else "length" for text, _ in found]


@checks(beam_search)
@given(SEEDS, st.lists(st.integers(1, 5), min_size=2, max_size=4), STOPS, st.sampled_from(["left", "right"]),
       st.sampled_from([dict(), dict(use_cache=False), dict(cache_implementation="static")]))
@settings(max_examples=15)
def test_every_row_of_a_padded_batch_gives_what_it_gives_alone(seed, lengths, stop, side, cache):
    model, T = gpt2(seed, P=16), max(lengths)
    ids = np.random.default_rng(seed).integers(0, 6, (len(lengths), T))
    mask = np.array([[t >= T - n if side == "left" else t < n for t in range(T)] for n in lengths]).astype(np.int64)
    options = dict(n=2, num_beams=3, max_new_tokens=6, eos_token_id=[1, 4], early_stopping=stop, **cache)
    together = beams(model, ids, mask, **options)
    for row, words, found in zip(ids, mask, together):
        [alone] = beams(model, row[words == 1][None], **options)
        assert [text for text, _ in found] == [text for text, _ in alone]
        np.testing.assert_allclose([s for _, s in found], [s for _, s in alone], rtol=1e-10)


@checks(beam_search)
@given(SEEDS, st.integers(2, 4))
@settings(max_examples=10)
def test_beams_go_on_past_the_context_as_the_window_slides(seed, B):
    model = gpt2(seed, P=4)

    def expect(text):
        return log_softmax(model.logits(np.array([(1, 0, 1, *text)[-4:]]))[0, -1].tolist())
    expected = slowly(expect, B, 5, (5,))
    [found] = beams(model, n=len(expected), num_beams=B, max_new_tokens=5, eos_token_id=5)
    assert [text for text, _ in found] == [text for text, _ in expected]
    np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], rtol=1e-10)


@checks(SampledBeam, beam_search)
@given(SEEDS, st.integers(2, 5), STOPS, st.sampled_from([None, [0], [0, 2]]))
def test_drawing_at_a_temperature_near_0_is_ranking(seed, B, stop, ends):
    model = TableModel(5, seed)
    options = dict(num_beams=B, max_new_tokens=5, eos_token_id=ends, early_stopping=stop)
    [cold] = beams(model, rng=np.random.default_rng(seed), temperature=1e-5, **options)
    [found] = beams(model, **options)
    assert cold[0][0] == found[0][0] and cold[0][1] == pytest.approx(1e5 * found[0][1], rel=1e-9)


def exactly(model, B, T, ends):
    """{(texts, scores): probability} of sampling with B beams, by the rule: all orders of all draws."""
    def after(running, finished, length):
        """The same of a search that stands here."""
        options = {text + (v,): score + l for text, score in running.items()
                   for v, l in enumerate(log_softmax(model.of((1, 0, 1, *text))))}
        found, p = Counter(), {text: math.exp(score) for text, score in options.items()}
        for order in itertools.permutations(options, min(max(2, 1 + len(ends)) * B, len(options))):
            left = [sum(p.values()) - sum(p[text] for text in order[:i]) for i in range(len(order))]
            share = math.prod(p[text] / whole for text, whole in zip(order, left))
            over = {text: options[text] / length for text in order[:B] if text[-1] in ends or length == T}
            best = dict(sorted({**finished, **over}.items(), key=lambda one: -one[1])[:B])
            going = sorted((text for text in order if text[-1] not in ends), key=lambda text: -options[text])[:B]
            if length == T or len(best) == B:
                found[tuple(best)] += share
            else:
                for texts, chance in after({text: options[text] for text in going}, best, length + 1).items():
                    found[texts] += share * chance
        return found
    return after({(): 0.0}, {}, 1)


@checks(SampledBeam)
@pytest.mark.parametrize("V, B, T, ends", [(4, 2, 1, ()), (2, 2, 2, ()), (3, 2, 1, (2,)), (3, 2, 2, (1, 2))])
def test_the_answers_of_sampled_beams_have_exactly_the_probability_of_the_draws(V, B, T, ends):
    model = TableModel(V, seed=V + T)

    def texts(rng):
        [found] = beams(model, n=2, num_beams=B, max_new_tokens=T, eos_token_id=list(ends) or None, rng=rng,
                        early_stopping=True)
        return tuple(text for text, _ in found)
    assert distribution(texts) == pytest.approx(dict(exactly(model, B, T, ends)), rel=1e-9, abs=1e-15)


@checks(SampledBeam)
@given(SEEDS)
def test_the_best_of_all_that_were_drawn_go_on_whatever_was_drawn_first(seed):
    model, rng = TableModel(8, seed), np.random.default_rng(seed)
    l = np.array(log_softmax(model.of((1, 0, 1))))
    first = drawn(l, 4, np.random.default_rng(seed))
    tree = generate(model, PROMPT, num_beams=2, max_new_tokens=3, rng=rng, return_dict_in_generate=True).beams
    assert tree.steps[0].tokens[0].tolist() == sorted(first.tolist(), key=lambda v: -l[v])[:2]
    assert all((np.diff(step.scores[0][step.tokens[0] >= 0]) <= 0).all() for step in tree.steps)


@checks(SampledBeam)
@given(SEEDS)
def test_the_same_generator_gives_the_same_texts_and_two_searches_do_not_meet(seed):
    models = [TableModel(6, seed), TableModel(6, seed + 1)]
    options = dict(num_beams=3, max_new_tokens=4, eos_token_id=1)

    def under_way(model):
        request = prepare(model, PROMPT, None, GenerationConfig(), dict(options, rng=np.random.default_rng(seed)))
        return request, request.strategy(request.run)
    alone = [generate(model, PROMPT, rng=np.random.default_rng(seed), **options).tolist() for model in models]
    requests = [under_way(model) for model in models]
    for _ in range(5):
        for _, steps in requests:
            next(steps, None)
    assert [request.answer().tolist() for request, _ in requests] == alone


@checks(beam_search)
@given(SEEDS, STOPS)
def test_what_is_noted_of_a_text_is_what_its_path_met(seed, stop):
    model = TableModel(6, seed)
    output = generate(model, np.array([[1, 2], [3, 0]]), num_beams=3, num_return_sequences=3, max_new_tokens=5,
                      eos_token_id=[2], early_stopping=stop, repetition_penalty=1.3, return_dict_in_generate=True,
                      output_scores=True, output_logits=True, length_penalty=0.7)
    for r, text in enumerate(output.answers):
        prompt = tuple(output.sequences[r, :2].tolist())
        for i in range(len(text)):
            assert output.logits[r, i].tolist() == model.of((*prompt, *text[:i].tolist())).tolist()
        total = sum(output.scores[r, i, v] for i, v in enumerate(text))
        assert output.sequences_scores[r] == pytest.approx(total / len(text)**0.7, rel=1e-12)
        assert np.isnan(output.scores[r, len(text):]).all()


@checks(beam_search)
def test_more_beams_than_texts_and_fewer_texts_than_wanted_are_refused():
    model = TableModel(3, 0)
    with pytest.raises(GenerationError, match=r"num_beams must not exceed .* 28 beams for 3 \*\* 3"):
        generate(model, PROMPT, num_beams=28, max_new_tokens=3)
    with pytest.raises(GenerationError, match="num_beams must not exceed"):
        generate(model, PROMPT, num_beams=2, max_new_tokens=0)
    with pytest.raises(GenerationError, match="must end with 2 texts for each prompt; prompt 0 has 1"):
        generate(model, PROMPT, num_beams=3, num_return_sequences=2, max_new_tokens=4, suppress_tokens=[0, 2])


@checks(beam_search)
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_scores_that_leave_nothing_are_refused(bad):
    with pytest.raises(GenerationError):
        generate(TableModel(3, 0), PROMPT, num_beams=2, max_new_tokens=2,
                 logits_processor=[lambda ids, scores: np.full_like(scores, bad)])
