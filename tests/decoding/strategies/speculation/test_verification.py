"""Speculation against the search token by token: the same text without chance, the same distribution with it."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.decoding import GenerationConfig, generate, stream
from scratchgpt.decoding.prepare import prepare
from scratchgpt.decoding.strategies.speculation import (Assistant, Lookahead, PromptLookup, allowance, assisted, fitting,
                                            verify)
from tests.checks import checks
from tests.decoding.enumerate import distribution
from tests.decoding.lively import lively
from tests.decoding.strategies.speculation.drafting import MODELS, small, talker, ways
from tests.layers.cases import P, V
from tests.layers.llama_cases import mistral

WAYS = tuple(ways(small(0), 0))
FEW = settings(max_examples=max(3, settings.default.max_examples // 10))
OPTIONS = ({}, {"eos_token_id": [1, 2], "pad_token_id": 0}, {"cache_implementation": "static"}, {"use_cache": False},
           {"repetition_penalty": 1.5, "no_repeat_ngram_size": 2}, {"guidance_scale": 1.5})
cases = given(B=st.integers(1, 3), T=st.integers(1, 6), count=st.integers(0, P + 4), seed=st.integers(0, 2**32 - 1),
              options=st.sampled_from(OPTIONS))


def padded(rng, B, T):
    """ids (B, T), and a mask that leaves each row its last token at least, and one row all."""
    words = np.arange(T) >= rng.integers(0, T, B)[:, None]
    words[0] = True
    return rng.integers(0, V, (B, T)), words.astype(int)


@checks(assisted, verify, allowance, fitting, Assistant, PromptLookup, Lookahead)
@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@FEW
@cases
def test_without_chance_no_draft_changes_a_token_past_the_context_too(make, name, B, T, count, seed, options):
    model, rng = lively(make, seed), np.random.default_rng(seed)
    ids, words = padded(rng, B, T)
    expected = generate(model, ids, words, max_new_tokens=count, **options)
    drafted = generate(model, ids, words, max_new_tokens=count, **options, **ways(model, seed)[name])
    np.testing.assert_array_equal(drafted, expected)


def target(model, prompt, N, process=lambda s: s):
    """{answer: probability} of the model's own distribution, every prefix read from the beginning."""
    found = {}
    for answer in itertools.product(range(model.config.vocab_size), repeat=N):
        ids = np.array([[*prompt, *answer]])
        p = [formulas.softmax(process(s)) for s in model.logits(ids)[0, len(prompt) - 1:-1]]
        found[answer] = float(np.prod([row[x] for row, x in zip(p, answer)]))
    return found


def spoken(model, prompt, N, **options):
    """The same of `generate`, by walking through all that chance can do."""
    return distribution(lambda rng: tuple(generate(model, [prompt], max_new_tokens=N, rng=rng, **options)[0][
        len(prompt):].tolist()))


def warm(s):
    return s / 0.7


def two_best(s):
    return np.where(s >= np.sort(s)[-2], s / 1.3, -np.inf)


PROCESSED = [({}, np.asarray), ({"temperature": 0.7}, warm), ({"temperature": 1.3, "top_k": 2}, two_best)]


@checks(assisted, verify)
@pytest.mark.parametrize("way", ["twin", "near", "stranger", "first layer"])
@pytest.mark.parametrize("rule", ["sampling", "matching"])
@pytest.mark.parametrize("vocabulary, N, k, n", [(3, 2, 1, 0), (3, 2, 1, 1), (4, 2, 1, 2), (3, 3, 2, 2), (2, 4, 3, 1)])
def test_an_assistant_leaves_the_distribution_as_it_is(vocabulary, N, k, n, rule, way):
    (options, process), model, prompt = PROCESSED[n], small(0, vocabulary), [0, 1, 0]
    expected = target(model, prompt, N, process)
    near = small(0, vocabulary)
    near.wte.weight.data = near.wte.weight.data + 0.3 * np.random.default_rng(1).normal(size=near.wte.weight.shape)
    draft = {"twin": {"assistant_model": model}, "near": {"assistant_model": near}, "first layer": {
        "assistant_early_exit": 1}, "stranger": {"assistant_model": small(5, vocabulary)}}[way]
    found = spoken(model, prompt, N, num_assistant_tokens=k, assistant_acceptance=rule, **draft, **options)
    assert {answer: found.get(answer, 0) for answer in expected} == pytest.approx(expected, abs=1e-12)


@checks(assisted, verify, Lookahead, PromptLookup)
@pytest.mark.parametrize("name", ["prompt lookup", "jacobi", "lookahead"])
@pytest.mark.parametrize("options, process", PROCESSED, ids=["plain", "temperature", "top_k"])
def test_drafts_that_were_not_drawn_leave_it_too(name, options, process):
    for vocabulary, N, seed in [(3, 3, 0), (2, 4, 1)]:
        model, prompt = small(seed, vocabulary), [0, 1, 0]
        expected = target(model, prompt, N, process)
        found = spoken(model, prompt, N, **ways(model, 0)[name], **options)
        assert {answer: found.get(answer, 0) for answer in expected} == pytest.approx(expected, abs=1e-12)


@checks(assisted, verify)
def test_rows_of_a_padded_batch_that_end_at_different_places_are_independent():
    model, ids, words = small(3, 2), np.array([[0, 1], [1, 0]]), np.array([[1, 1], [0, 1]])
    options = dict(eos_token_id=1, pad_token_id=1, max_new_tokens=2)

    def answers(ids, words, draft, rng):
        return tuple(map(tuple, generate(model, ids, words, rng=rng, **options, **draft)[:, 2:].tolist()))
    singles = [distribution(lambda rng, b=b: answers(ids[b:b + 1], words[b:b + 1], {}, rng)) for b in (0, 1)]
    for draft in ({"assistant_model": small(4, 2)}, {"prompt_lookup_num_tokens": 2}):
        found = distribution(lambda rng: answers(ids, words, draft, rng))
        assert sum(found.values()) == pytest.approx(1, abs=1e-12)
        for (first,), p in singles[0].items():
            for (second,), q in singles[1].items():
                cut = max(len(first), len(second))
                both = tuple(row + (1,) * (cut - len(row)) for row in (first, second))
                assert found.get(both, 0) == pytest.approx(p * q, abs=1e-12)


@checks(assisted, verify, Lookahead, PromptLookup)
@pytest.mark.parametrize("name", ["prompt lookup", "jacobi", "lookahead"])
@FEW
@given(T=st.integers(1, 6), count=st.integers(1, P + 3), seed=st.integers(0, 2**32 - 1))
def test_one_row_with_matching_says_what_sampling_says_with_the_same_generator(name, T, count, seed):
    model, ids = talker(seed), np.random.default_rng(seed).integers(0, V, (1, T))
    expected = generate(model, ids, max_new_tokens=count, rng=np.random.default_rng(seed), temperature=1.5)
    found = generate(model, ids, max_new_tokens=count, rng=np.random.default_rng(seed), temperature=1.5,
                     **ways(model, seed)[name])
    np.testing.assert_array_equal(found, expected)


@checks(assisted)
@pytest.mark.parametrize("name", WAYS)
@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_the_same_seed_twice_gives_the_same_and_two_at_once_do_not_disturb_each_other(name, seed):
    model, rng = talker(seed), np.random.default_rng(seed)
    ids, words = padded(rng, 3, 5)
    options = dict(max_new_tokens=P + 2, eos_token_id=3, temperature=2.0, num_return_sequences=2,
                   **ways(model, seed)[name])

    def tokens(seed, words):
        return stream(model, ids, words, rng=np.random.default_rng(seed), **options)
    first, second = list(tokens(seed, words)), list(tokens(seed + 1, None))
    np.testing.assert_array_equal(first, list(tokens(seed, words)))
    turns = list(itertools.zip_longest(tokens(seed, words), tokens(seed + 1, None)))
    np.testing.assert_array_equal(first, [one for one, _ in turns if one is not None])
    np.testing.assert_array_equal(second, [other for _, other in turns if other is not None])


@checks(assisted, Assistant, fitting)
@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@FEW
@given(seed=st.integers(0, 2**32 - 1), sampled=st.booleans())
def test_after_each_pass_all_caches_hold_what_reading_anew_gives(make, name, seed, sampled):
    model, rng = lively(make, seed), np.random.default_rng(seed)
    ids, words = padded(rng, 3, 4)
    options = dict(max_new_tokens=P, eos_token_id=3, rng=rng if sampled else None, **ways(model, seed)[name])
    request = prepare(model, ids, words, GenerationConfig(), options)
    drafter = request.strategy.keywords["drafter"]
    for _ in request.strategy(request.run):
        readers = [request.run.reader] if request.run.going else []
        if readers and isinstance(drafter, Assistant):
            np.testing.assert_array_equal(drafter.reader.ids, request.run.reader.ids)
            readers.append(drafter.reader)
        for reader in readers:
            for row, found in zip(reader.ids, reader.fork().scores()[:, 0]):
                alone = row[row >= 0][-(reader.model.n_positions or len(row)):]
                np.testing.assert_allclose(found, reader.model.logits(alone[None])[0, -1], rtol=1e-9, atol=1e-9)


@checks(assisted, allowance)
@given(count=st.integers(1, 20), k=st.integers(1, 7), sampled=st.booleans())
def test_a_twin_is_always_right_and_each_pass_but_the_last_says_a_whole_draft_and_one_more(count, k, sampled):
    model = talker(0, n_positions=40)
    out = generate(model, [[1, 2, 3]], max_new_tokens=count, assistant_model=model, num_assistant_tokens=k,
                   rng=np.random.default_rng(0) if sampled else None, return_dict_in_generate=True)
    passes = -(-count // (k + 1))
    assert out.statistics == {"drafted": count - passes, "accepted": count - passes, "target_calls": passes}


@checks(assisted, verify)
@pytest.mark.parametrize("name", WAYS)
def test_what_is_noted_of_each_token_is_what_the_search_token_by_token_notes(name):
    model, (ids, words) = talker(7), padded(np.random.default_rng(7), 3, 4)
    options = dict(max_new_tokens=P, eos_token_id=3, return_dict_in_generate=True, output_logits=True,
                   output_scores=True, output_hidden_states=True, repetition_penalty=1.2)
    expected = generate(model, ids, words, **options)
    found = generate(model, ids, words, **options, **ways(model, 7)[name])
    assert found.finish_reasons == expected.finish_reasons
    for array in ("sequences", "lengths", "logits", "scores", "hidden_states", "logprobs"):
        np.testing.assert_allclose(getattr(found, array), getattr(expected, array), rtol=1e-9, atol=1e-9)


@checks(verify)
@pytest.mark.parametrize("name", ["prompt lookup", "jacobi", "lookahead"])
@FEW
@given(seed=st.integers(0, 2**32 - 1))
def test_processors_meet_no_text_that_would_not_have_come_about(name, seed):
    model, (ids, words) = talker(seed), padded(np.random.default_rng(seed), 3, 4)
    met_by = {}

    def watch(text, scores):
        met_by.setdefault(watched, set()).update(tuple(row[row >= 0].tolist()) for row in text)
        return scores
    for watched, draft in (("plain", {}), ("drafts", ways(model, seed)[name])):
        generate(model, ids, words, max_new_tokens=P, eos_token_id=3, logits_processor=[watch], **draft)
    assert met_by["plain"] == met_by["drafts"]


def standing(lengths, limits, running, room):
    """A run of rows of these lengths, some of which still run, behind each of which limits - lengths tokens may come."""
    width = max(lengths[r] for r in running)
    ids = np.array([[-1] * (width - lengths[r]) + [0] * lengths[r] for r in running])
    left = max(limits[r] - lengths[r] for r in running)
    return SimpleNamespace(reader=SimpleNamespace(ids=ids, width=width, room=room), rows=np.array(running), left=left,
                           stopping=SimpleNamespace(limits=np.array(limits, float)))


@checks(allowance)
@pytest.mark.parametrize("lengths, limits, running, room, most, k", [
    ([4, 4], [20, 20], [0, 1], np.inf, 5, 5),
    ([4, 4], [20, 20], [0, 1], 3, 5, 3), ([4, 4], [20, 20], [0, 1], -2, 5, 0),            # the context ends
    ([18, 17], [20, 20], [0, 1], np.inf, 5, 2), ([19], [20], [0], np.inf, 5, 0),          # one more is said in any case
    ([18, 6], [20, 12], [0, 1], np.inf, 5, 2), ([18, 6], [20, 12], [1], np.inf, 5, 5),    # a static cache is full
    ([4], [np.inf], [0], np.inf, 500, 62)])                                               # what a sliding cache can forget
def test_a_draft_is_as_long_as_all_can_bear(lengths, limits, running, room, most, k):
    assert allowance(standing(lengths, limits, running, room), most) == k


@checks(fitting)
def test_no_row_drafts_what_it_may_not_say_and_columns_without_a_guess_go():
    run, q = standing([18, 6, 7], [20, 12, 13], [0, 1, 2], np.inf), np.random.default_rng(0).random((3, 4, 5))
    draft, chances = fitting(run, np.array([[1, 2, 3, 4], [1, 2, 3, -1], [-1, -1, -1, -1]]), q)
    assert draft.tolist() == [[1, -1, -1], [1, 2, 3], [-1, -1, -1]]
    np.testing.assert_array_equal(chances, q[:, :3])
    draft, chances = fitting(run, np.full((3, 4), -1), None)
    assert draft.shape == (3, 0) and chances is None


@checks(allowance, assisted)
@pytest.mark.parametrize("kind", ["static", "sliding_window", "dynamic"])
def test_long_copies_fit_every_kind_of_cache(kind):
    model = lively(mistral, 0)
    ids, words = np.tile([1, 2, 3, 4, 5], (2, 20)), np.ones((2, 100), int)
    words[1, :93] = 0
    options = dict(max_new_tokens=90, cache_implementation=kind)
    found = generate(model, ids, words, prompt_lookup_num_tokens=89, **options)
    np.testing.assert_array_equal(found, generate(model, ids, words, **options))
