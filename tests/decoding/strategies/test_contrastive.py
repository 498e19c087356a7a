"""Contrastive search against its formula, every candidate of every row read alone, whole and without a cache."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding import generate, stream
from scratchgpt.decoding.strategies import contrastive_search, likeness
from scratchgpt.errors import GenerationError
from scratchgpt.models import GPT2, BigramConfig, BigramLM, GPT2Config
from tests.checks import checks
from tests.decoding.lively import lively, lively_and_batch, lively_encoder_decoder
from tests.layers.cases import P, V, gpt2
from tests.layers.llama_cases import llama, mistral
from tests.models.test_encoder_decoder import BOS
from tests.test_device import on_both

models = pytest.mark.parametrize("make", [gpt2, llama, mistral, lambda rng: BigramLM(BigramConfig(V), rng=rng)],
                                 ids=["gpt2", "llama", "mistral", "bigram"])
seeds = st.integers(0, 2**32 - 1)
CLOSE = dict(rtol=1e-9, atol=1e-10)


def cosine(a, b):
    return math.fsum(x * y for x, y in zip(a, b)) / math.sqrt(math.fsum(x * x for x in a) * math.fsum(x * x for x in b))


def read(model, text):
    """Scores behind a text, and the last hidden state of its last token, both from its last n_positions tokens."""
    ids, states = np.array([text[-(model.n_positions or len(text)):]]), []
    scores = model.logits(ids, attention_mask=np.ones_like(ids), states=states)              # token 0 too is a word
    return scores[0, -1].tolist(), states[-1][0, -1].tolist()


def slowly(model, text, alpha, k, count, ends=(), allowed=None, found=()):
    """The answer to a text, a list: by the formula, with nothing remembered; of equals the one that was found."""
    said = []
    while len(said) < count and not (said and said[-1] in ends):
        whole = [*text, *said]
        scores, _ = read(model, whole)
        allowed = allowed or range(len(scores))
        scores = [s if v in allowed else -math.inf for v, s in enumerate(scores)]
        z = math.fsum(math.exp(s - max(scores)) for s in scores)
        context = [read(model, whole[:j + 1])[1] for j in range(len(whole))]
        values = {}
        for v in sorted(allowed, key=lambda v: -scores[v])[:k]:
            h = read(model, [*whole, v])[1]
            values[v] = (1 - alpha) * math.exp(scores[v] - max(scores)) / z - alpha * max(cosine(h, c) for c in context)
        equals = [v for v in values if values[v] >= max(values.values()) - 1e-12]
        said.append(next((v for v in found[len(said):len(said) + 1] if v in equals), equals[0]))
    return said


@checks(likeness)
@given(B=st.integers(1, 3), k=st.integers(1, 4), S=st.integers(1, 5), seed=seeds)
def test_likeness_is_the_largest_cosine_to_a_word_of_the_context(B, k, S, seed):
    rng = np.random.default_rng(seed)
    h, context, words = rng.normal(size=(B, k, 3)), rng.normal(size=(B, S, 3)), rng.integers(0, 2, (B, S)) == 1
    words[:, -1] = True
    context[~words] *= 100                                                            # what stands at a pad is nothing
    found = likeness(h, context, words)
    for b, i in np.ndindex(B, k):
        expected = max(cosine(h[b, i], context[b, j]) for j in range(S) if words[b, j])
        assert found[b, i] == pytest.approx(expected, rel=1e-11, abs=1e-12)
    assert (likeness(0 * h, context, words) == 0).all()


@checks(contrastive_search)
@models
@settings(max_examples=12)
@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=3), alpha=st.sampled_from([0.1, 0.6, 1.0]),
       k=st.sampled_from([1, 2, 4, V + 3]), cached=st.booleans(), ends=st.sampled_from([None, [2, 5]]), seed=seeds)
def test_each_row_says_what_the_formula_says_of_it_alone(make, lengths, alpha, k, cached, ends, seed):
    model, _, _ = lively_and_batch(make, 1, 1, seed)
    rng, longest, count = np.random.default_rng(seed), max(lengths), P + 1                    # past the context too
    ids = rng.integers(0, V, (len(lengths), longest))
    mask = (np.arange(longest) < np.array(lengths)[:, None]).astype(int)
    found = generate(model, ids, mask, max_new_tokens=count, penalty_alpha=alpha, top_k=k, use_cache=cached,
                     eos_token_id=ends, return_dict_in_generate=True).answers
    for row, n, answer in zip(ids, lengths, found):
        answer = answer.tolist()                           # a window of 2 sees the same again: alike to the last digit
        assert answer == slowly(model, row[:n].tolist(), alpha, k, count, ends or (), found=answer)


def wide(rng):
    """Of so many channels that states point in many directions."""
    return GPT2(GPT2Config(vocab_size=V, n_positions=2 * P, n_embd=24, n_layer=1, n_head=2), rng=rng)


@checks(contrastive_search)
@settings(max_examples=15)
@given(seed=seeds, ends=st.sampled_from([[0], [2, 5], [1, 3, 4]]))
def test_rows_that_end_leave_and_take_their_context_with_them(seed, ends):
    model, ids, _ = lively_and_batch(wide, 4, 5, seed)
    lengths = [5, 1, 3, 2]
    mask = (np.arange(5) >= 5 - np.array(lengths)[:, None]).astype(int)
    found = generate(model, ids, mask, max_new_tokens=P, penalty_alpha=0.8, top_k=5, eos_token_id=ends,
                     return_dict_in_generate=True).answers
    for row, n, answer in zip(ids, lengths, found):
        assert answer.tolist() == slowly(model, row[-n:].tolist(), 0.8, 5, P, ends)


@checks(contrastive_search)
@models
@settings(max_examples=10)
@given(seed=seeds, k=st.integers(1, V))
def test_with_no_penalty_or_no_choice_it_is_greedy(make, seed, k):
    model, ids, _ = lively_and_batch(make, 2, 3, seed)
    greedy = generate(model, ids, max_new_tokens=6)
    for options in (dict(penalty_alpha=1e-15, top_k=k), dict(penalty_alpha=0.9, top_k=1)):
        np.testing.assert_array_equal(generate(model, ids, max_new_tokens=6, **options), greedy)


@checks(contrastive_search)
@settings(max_examples=10)
@given(seed=seeds, alpha=st.sampled_from([0.5, 1.0]))
def test_a_token_that_the_processors_forbid_is_no_candidate_however_new_it_is(seed, alpha):
    model, ids, _ = lively_and_batch(gpt2, 1, 3, seed)
    found = generate(model, ids, max_new_tokens=5, penalty_alpha=alpha, top_k=5, suppress_tokens=[0, 1, 4, 6])
    assert found[0, 3:].tolist() == slowly(model, ids[0].tolist(), alpha, 5, 5, allowed=[2, 3, 5])


@checks(contrastive_search)
@settings(max_examples=8)
@given(seed=seeds)
def test_an_encoder_decoder_repeats_neither_its_words_nor_its_beginning(seed):
    model, source, _ = lively_encoder_decoder(2, 5, seed)
    found = generate(model, source, max_new_tokens=4, penalty_alpha=0.6, top_k=3)
    for b in range(2):
        assert found[b, 1:].tolist() == slowly(model.given(source[b:b + 1]), [BOS], 0.6, 3, 4)


@checks(contrastive_search)
@settings(max_examples=8)
@given(seed=seeds, count=st.integers(1, P))
def test_what_it_tells_of_each_step_is_what_the_model_says_there(seed, count):
    model, ids, _ = lively_and_batch(gpt2, 2, 3, seed)
    out = generate(model, ids, [[1, 1, 1], [0, 0, 1]], max_new_tokens=count, penalty_alpha=0.7, top_k=3, eos_token_id=4,
                   suppress_tokens=[0], return_dict_in_generate=True, output_logits=True, output_scores=True,
                   output_hidden_states=True)
    for b, answer in enumerate(out.answers):
        for i in range(len(answer)):
            text = [*ids[b][2 * b:], *answer[:i]][-P:]
            scores = model.logits(np.array([text]))[0, -1]
            np.testing.assert_allclose(out.logits[b, i], scores, **CLOSE)
            np.testing.assert_allclose(out.scores[b, i], np.where(np.arange(V) == 0, -np.inf, scores), **CLOSE)
            states = np.stack([h[0, -1] for h in model.hidden_states(np.array([text]))])
            np.testing.assert_allclose(out.hidden_states[b, i], states, **CLOSE)


@checks(contrastive_search)
@pytest.mark.parametrize("kind", ["dynamic", "static", "quantized"])
def test_two_texts_under_way_do_not_meet_whatever_the_cache(kind):
    model, ids, _ = lively_and_batch(gpt2, 2, 3, 1)
    options = dict(max_new_tokens=6, penalty_alpha=0.6, top_k=3, cache_implementation=kind)
    pairs = list(zip(*(stream(model, row[None], **options) for row in ids)))
    for said, row in zip(zip(*pairs), ids):
        assert [int(token[0]) for token in said] == generate(model, row[None], **options)[0, 3:].tolist()


@checks(contrastive_search)
@pytest.mark.parametrize("options", [{"penalty_alpha": 0.6}, {"penalty_alpha": 1.5, "top_k": 3},
                                     {"penalty_alpha": 0.6, "top_k": 3, "rng": np.random.default_rng(0)},
                                     {"penalty_alpha": 0.6, "top_k": 3, "num_beams": 2}])
def test_what_it_cannot_do_is_refused(options):
    model, ids, _ = lively_and_batch(gpt2, 2, 3, 0)
    with pytest.raises(GenerationError, match="penalty_alpha"):
        generate(model, ids, max_new_tokens=2, **options)


@checks(contrastive_search)
def test_scores_that_are_no_numbers_are_refused():
    model, ids, _ = lively_and_batch(gpt2, 2, 3, 0)
    with pytest.raises(GenerationError, match="finite"):
        generate(model, ids, max_new_tokens=2, penalty_alpha=0.6, top_k=3,
                 logits_processor=[lambda ids, scores: np.full_like(scores, np.nan)])


@checks(contrastive_search)
def test_on_a_device_it_says_what_it_says_on_the_host():
    models = on_both(lambda: lively(gpt2, 0))
    found, expected = (generate(model, [[1, 2], [3, 4]], max_new_tokens=P, penalty_alpha=0.6, top_k=3) for model in models)
    np.testing.assert_array_equal(found, expected)
