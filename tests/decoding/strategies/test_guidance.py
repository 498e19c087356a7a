"""Guidance against two passes of the model over whole texts, and under every kind of search."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.decoding.prompt import right_aligned
from scratchgpt.decoding.reader import Reader
from scratchgpt.decoding.strategies import GuidedReader, guide, guided
from scratchgpt.errors import GenerationError
from scratchgpt.models import Transformer
from tests.checks import checks
from tests.decoding.enumerate import distribution
from tests.decoding.lively import lively, lively_and_batch, lively_encoder_decoder
from tests.layers.cases import P, V, gpt2
from tests.layers.llama_cases import llama, mistral
from tests.models.test_encoder_decoder import BOS
from tests.test_device import on_both

models = pytest.mark.parametrize("make", [gpt2, llama, mistral], ids=["gpt2", "llama", "mistral"])
seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([-1.0, 0.0, 0.5, 1.5, 3.0])
CLOSE = dict(rtol=1e-9, atol=1e-10)


def log_probabilities(model, text):
    """Of the token behind a text, read whole and without a cache, from its last n_positions tokens."""
    ids = np.array([text[-(model.n_positions or len(text)):]])
    scores = model.logits(ids, attention_mask=np.ones_like(ids))[0, -1].tolist()                # token 0 too is a word
    top = max(scores)
    return [s - top - math.log(math.fsum(math.exp(x - top) for x in scores)) for s in scores]


def by_two_passes(model, prompt, negative, gamma, count, other=None, ends=()):
    """The greedy answer to a prompt, a list, steered away from another one, which `other` reads if it is given."""
    said = []
    while len(said) < count and not (said and said[-1] in ends):
        c, u = log_probabilities(model, [*prompt, *said]), log_probabilities(other or model, [*negative, *said])
        scores = [b + gamma * (a - b) for a, b in zip(c, u)]
        said.append(scores.index(max(scores)))
    return said


def two_tokens(model, prompt, negative, gamma, T=1.0):
    """{two tokens: log-probability} of all texts of two, at temperature T."""
    def law(prefix):
        c, u = log_probabilities(model, prompt + prefix), log_probabilities(model, negative + prefix)
        scores = [(b + gamma * (a - b)) / T for a, b in zip(c, u)]
        return [s - max(scores) - math.log(math.fsum(math.exp(x - max(scores)) for x in scores)) for s in scores]
    first = law([])
    return {(x, y): first[x] + log_p for x in range(V) for y, log_p in enumerate(law([x]))}


def padded(rng, lengths):
    """Rows of random tokens (B, T), and a mask with pads on either side."""
    ids = rng.integers(0, V, (len(lengths), max(lengths)))
    mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
    return ids, np.where(rng.integers(0, 2, (len(lengths), 1)), mask, mask[:, ::-1]).astype(int)


@checks(guide)
@given(seed=seeds, gamma=st.floats(-3, 5))
def test_guided_scores_go_from_u_through_c(seed, gamma):
    c, u = 3 * np.random.default_rng(seed).normal(size=(2, 2, 3, 5))
    found = guide(c, u, gamma)
    for b, i in np.ndindex(2, 3):
        lc, lu = ([s - math.log(math.fsum(map(math.exp, row))) for s in row] for row in (c[b, i], u[b, i]))
        np.testing.assert_allclose(found[b, i], [y + gamma * (x - y) for x, y in zip(lc, lu)], rtol=1e-10, atol=1e-10)
    assert guide(c.astype(np.float32), u.astype(np.float32), gamma).dtype == np.float32


@checks(GuidedReader, guided)
@models
@settings(max_examples=12)
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3), gamma=scales, cached=st.booleans(), seed=seeds,
       negative=st.sampled_from(["rows", "one", None]))
def test_each_row_says_what_two_passes_over_the_whole_text_say(make, lengths, gamma, negative, cached, seed):
    model, _, _ = lively_and_batch(make, 1, 1, seed)
    rng, count = np.random.default_rng(seed), P + 2                                          # past the context too
    ids, mask = padded(rng, lengths)
    ends = rng.integers(0, V, 2).tolist() if seed % 2 else []
    others, other_mask = padded(rng, rng.integers(1, P + 1, len(lengths) if negative == "rows" else 1))
    away = {} if negative is None else dict(negative_prompt_ids=others, negative_prompt_attention_mask=other_mask)
    found = generate(model, ids, mask, max_new_tokens=count, guidance_scale=gamma, use_cache=cached,
                     eos_token_id=ends or None, return_dict_in_generate=True, **away).answers
    for b in range(len(lengths)):
        prompt = ids[b][mask[b] == 1].tolist()
        at = b % len(others)
        unconditional = prompt[-1:] if negative is None else others[at][other_mask[at] == 1].tolist()
        assert found[b].tolist() == by_two_passes(model, prompt, unconditional, gamma, count, ends=ends)


@checks(GuidedReader, guided)
@models
@settings(max_examples=10)
@given(seed=seeds)
def test_scale_0_gives_the_text_of_the_negative_prompt_and_scale_1_that_of_the_prompt(make, seed):
    model, ids, negative = lively_and_batch(make, 3, 4, seed)
    for scale, prompt, away in ((0, negative, dict(negative_prompt_ids=negative)), (1, ids, {})):
        found = generate(model, ids, max_new_tokens=6, guidance_scale=scale, **away)
        np.testing.assert_array_equal(found[:, 4:], generate(model, prompt, max_new_tokens=6)[:, 4:])


@checks(GuidedReader)
@settings(max_examples=3)
@given(seed=seeds, gamma=scales)
def test_sampled_texts_have_the_probabilities_of_the_guided_scores(seed, gamma):
    model, _, _ = lively_and_batch(gpt2, 1, 1, seed)
    prompt, negative = [1, 2, 3], [4, 5]
    found = distribution(lambda rng: tuple(generate(model, [prompt], max_new_tokens=2, rng=rng, guidance_scale=gamma,
                                                    negative_prompt_ids=[negative], temperature=3.0)[0, 3:].tolist()))
    l = two_tokens(model, prompt, negative, gamma, T=3.0)
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)
    for text, log_p in l.items():
        assert found.get(text, 0) == pytest.approx(math.exp(log_p), abs=1e-12)


@checks(GuidedReader)
@models
@settings(max_examples=10)
@given(seed=seeds, keep=st.lists(st.integers(0, 2), min_size=1, max_size=4), gamma=scales)
def test_to_a_strategy_it_is_a_reader(make, seed, keep, gamma):
    """Drafts are scored at once and taken back, rows are repeated, forks go their own way: as if read anew."""
    model, ids, _ = lively_and_batch(make, 3, 4, seed)
    rng = np.random.default_rng(seed)
    lines, others = right_aligned(np.where(np.arange(4) < [[2], [4], [3]], ids, -1)), ids[:, :2]

    def read(lines, others):
        return GuidedReader(Reader(model, lines, model.new_cache()), Reader(model, others, model.new_cache()), gamma)
    reader = read(lines, others)
    room = np.inf if model.n_positions is None else P - 4
    assert reader.width == 4 and reader.room == read(others, lines).room == room
    assert reader.model is model and len(reader.cache) == 0
    states = []
    reader.scores(states=states)
    own = model.hidden_states(np.maximum(lines, 0), lines >= 0)
    np.testing.assert_allclose(states[-1][:, -1], own[-1][:, -1], **CLOSE)
    draft = rng.integers(0, V, (3, 3))
    reader.advance(draft)
    drafted, fork = reader.scores(4), reader.fork()
    said = np.where(np.arange(3) < [[1], [3], [2]], draft, -1)
    fork.advance(said, drop=3)
    fork.select(keep)
    for i in range(4):
        anew = read(np.concatenate([lines, draft[:, :i]], 1), np.concatenate([others, draft[:, :i]], 1))
        np.testing.assert_allclose(drafted[:, i:i + 1], anew.scores(), **CLOSE)
    texts = [right_aligned(np.concatenate([first, said], axis=1))[keep] for first in (lines, others)]
    np.testing.assert_allclose(fork.scores(), read(*texts).scores(), **CLOSE)
    np.testing.assert_array_equal(fork.ids, right_aligned(texts[0]))
    np.testing.assert_array_equal(reader.ids, np.concatenate([lines, draft], axis=1))            # the fork was its own
    np.testing.assert_allclose(reader.scores(4), drafted, **CLOSE)


@checks(GuidedReader)
@models
@settings(max_examples=6)
@given(seed=seeds, gamma=scales, T=st.integers(1, 4))
def test_searches_over_it_find_what_they_find_over_any_model(make, seed, gamma, T):
    """Drafts change no token, and beams as many as tokens find the likeliest of all texts of two."""
    model, ids, negative = lively_and_batch(make, 2, T, seed)
    options = dict(guidance_scale=gamma, negative_prompt_ids=negative)
    greedy = generate(model, ids, max_new_tokens=7, **options)
    np.testing.assert_array_equal(generate(model, ids, max_new_tokens=7, prompt_lookup_num_tokens=3, **options), greedy)
    found = generate(model, ids, max_new_tokens=2, num_beams=V, **options)
    for prompt, away, text in zip(ids.tolist(), negative.tolist(), found[:, T:].tolist()):
        l = two_tokens(model, prompt, away, gamma)
        assert tuple(text) == max(l, key=l.get)


@checks(guided)
@settings(max_examples=10)
@given(seed=seeds, gamma=scales, one=st.booleans())
def test_an_encoder_decoder_is_steered_away_from_another_source(seed, gamma, one):
    model, source, others = lively_encoder_decoder(2, 5, seed)
    others = others[:1] if one else others
    found = generate(model, source, max_new_tokens=4, guidance_scale=gamma, negative_prompt_ids=others)
    for b in range(2):
        at = b % len(others)
        answer = by_two_passes(model.given(source[b:b + 1]), [BOS], [BOS], gamma, 4, model.given(others[at:at + 1]))
        assert found[b, 1:].tolist() == answer
    assert isinstance(model, Transformer)


@checks(guided)
@pytest.mark.parametrize("lengths", [dict(max_new_tokens=4), dict(max_length=6)])
def test_a_static_cache_holds_a_negative_prompt_longer_than_the_prompt(lengths):
    model, ids, _ = lively_and_batch(gpt2, 2, 5, 0)
    options = dict(guidance_scale=2.0, negative_prompt_ids=ids, **lengths)
    found = generate(model, ids[:, :2], cache_implementation="static", **options)
    np.testing.assert_array_equal(found, generate(model, ids[:, :2], **options))


@checks(guided)
@pytest.mark.parametrize("options, says", [
    (dict(negative_prompt_ids=[[1]]), "guidance_scale"),
    (dict(negative_prompt_attention_mask=[[1]]), "guidance_scale"),
    (dict(guidance_scale=2.0, negative_prompt_attention_mask=[[1]]), "negative_prompt_ids"),
    (dict(guidance_scale=2.0, negative_prompt_ids=[[1], [2], [3]]), "3 rows"),
    (dict(guidance_scale=2.0, negative_prompt_ids=[[V]]), "negative_prompt_ids.*vocab_size"),
    (dict(guidance_scale=2.0, negative_prompt_ids=[[1]], negative_prompt_attention_mask=[[0]]), "negative.*hides"),
    (dict(guidance_scale=2.0, negative_prompt_ids=[[1] * (P + 1)]), "negative_prompt_ids.*n_positions"),
    (dict(guidance_scale=2.0, dola_layers=[0]), "dola_layers")])
def test_a_negative_prompt_that_cannot_be_used_is_refused(options, says):
    model, ids, _ = lively_and_batch(gpt2, 2, 3, 0)
    with pytest.raises(GenerationError, match=says):
        generate(model, ids, max_new_tokens=2, **options)


@checks(guided)
def test_an_encoder_decoder_without_another_source_is_told_to_pass_one():
    model, source, _ = lively_encoder_decoder(2, 5, 0)
    with pytest.raises(GenerationError, match="another source"):
        generate(model, source, max_new_tokens=2, guidance_scale=2.0)


@checks(GuidedReader, guided)
def test_on_a_device_it_says_what_it_says_on_the_host():
    models = on_both(lambda: lively(gpt2, 0))
    found, expected = (generate(model, [[1, 2], [3, 4]], max_new_tokens=P, guidance_scale=2.0) for model in models)
    np.testing.assert_array_equal(found, expected)
