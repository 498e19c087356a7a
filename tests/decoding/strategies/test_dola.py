"""DoLa against its formulas in lists of numbers, each row alone, read whole; the layer it chooses included."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding import generate
from scratchgpt.decoding.prompt import right_aligned
from scratchgpt.decoding.strategies import DoLaReader, candidate_layers, contrast_layers, dola_reader, jensen_shannon
from scratchgpt.errors import GenerationError
from scratchgpt.models import GPT2, BigramConfig, BigramLM, GPT2Config
from tests.checks import checks
from tests.decoding.enumerate import distribution
from tests.decoding.lively import lively, lively_and_batch, lively_encoder_decoder
from tests.layers.cases import P, V
from tests.layers.llama_cases import llama
from tests.models.test_encoder_decoder import BOS
from tests.test_device import on_both

LAYERS = 5
seeds = st.integers(0, 2**32 - 1)
CLOSE = dict(rtol=1e-9, atol=1e-10)


def deep_gpt2(rng):
    return GPT2(GPT2Config(vocab_size=V, n_positions=P, n_embd=4, n_layer=LAYERS, n_head=2), rng=rng)


def deep_llama(rng):
    return llama(rng, num_hidden_layers=LAYERS)


models = pytest.mark.parametrize("make", [deep_gpt2, deep_llama], ids=["gpt2", "llama"])


# the formulas, in lists of numbers ------------------------------------------------------------------------------------

def log_softmax(scores):
    top = max(scores)
    z = math.fsum(math.exp(s - top) for s in scores)
    return [s - top - math.log(z) for s in scores]


def divergence(p, q):
    m = [(a + b) / 2 for a, b in zip(p, q)]
    return sum(math.fsum(x * math.log(x / y) for x, y in zip(one, m) if x) for one in (p, q)) / 2


def contrasted(mature, candidates):
    """Scores of one position, and which candidate was chosen."""
    l, others = log_softmax(mature), [log_softmax(one) for one in candidates]
    distances = [divergence([math.exp(x) for x in l], [math.exp(x) for x in q]) for q in others]
    chosen = distances.index(max(distances))
    return [x - y if x >= max(l) + math.log(0.1) else -math.inf for x, y in zip(l, others[chosen])], chosen


def scores_behind(model, text, layers):
    """Of one text, read whole and without a cache."""
    states = model.hidden_states(np.array([text[-(model.n_positions or len(text)):]]))
    mature, *candidates = (model.head(states[j])[0, -1].tolist() for j in (-1, *layers))
    return contrasted(mature, candidates)


def greedily(model, text, layers, count):
    said = []
    for _ in range(count):
        scores, _ = scores_behind(model, [*text, *said], layers)
        said.append(scores.index(max(scores)))
    return said


def two_tokens(model, prompt, layers):
    """{two tokens: log-probability} of all texts of two."""
    first, *seconds = (log_softmax(scores_behind(model, prompt + prefix, layers)[0])
                       for prefix in ([], *([x] for x in range(V))))
    return {(x, y): first[x] + seconds[x][y] for x in range(V) for y in range(V)}


# parts ----------------------------------------------------------------------------------------------------------------

@checks(jensen_shannon)
@given(seed=seeds, zeros=st.booleans())
def test_the_divergence_is_that_of_lin_symmetric_and_at_most_ln_2(seed, zeros):
    p, q = np.random.default_rng(seed).dirichlet(np.ones(5), size=(2, 3))
    if zeros:
        p[0], q[0] = [1, 0, 0, 0, 0], [0, 0.5, 0.5, 0, 0]                                     # nothing in common
    found = jensen_shannon(p, q)
    expected = [divergence(a, b) for a, b in zip(p.tolist(), q.tolist())]
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(found, jensen_shannon(q, p), rtol=1e-12)
    np.testing.assert_allclose(jensen_shannon(p, p), 0, atol=1e-15)
    assert (found <= math.log(2) * (1 + 1e-12)).all() and (not zeros or found[0] == pytest.approx(math.log(2)))


def as_transformers_counts(layers, L, tied):
    """Its rule, case for case; where it finds no layer at all (low, 3 tied layers), the only one below L / 2 but 0."""
    start = 0 if not tied else 2 if L > 2 else 1 if L == 2 else 0
    if layers == "high":
        return list(range(L // 2, L, 2)) if L <= 40 else list(range(L - 20, L, 2))
    if start == L // 2:
        return [start]
    return list(range(start, L // 2 if L <= 40 else 20, 2)) or [1]


@checks(candidate_layers)
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("layers", ["low", "high"])
def test_low_and_high_are_the_layers_that_transformers_takes(layers, tied):
    for L in range(1, 90):
        found = candidate_layers(layers, L, tied)
        assert found == as_transformers_counts(layers, L, tied) and all(0 <= layer < L for layer in found)


@checks(contrast_layers)
@given(seed=seeds, J=st.integers(1, 4))
def test_every_position_is_contrasted_with_the_layer_that_differs_most(seed, J):
    rng = np.random.default_rng(seed)
    mature, premature = 2 * rng.normal(size=(2, 3, 6)), 2 * rng.normal(size=(J, 2, 3, 6))
    found = contrast_layers(mature, premature)
    for b, t in np.ndindex(2, 3):
        expected, _ = contrasted(mature[b, t].tolist(), premature[:, b, t].tolist())
        np.testing.assert_allclose(found[b, t], expected, rtol=1e-9, atol=1e-11)
    assert contrast_layers(mature.astype(np.float32), premature.astype(np.float32)).dtype == np.float32


@checks(contrast_layers)
def test_rows_of_one_batch_may_choose_several_layers():
    mature = np.array([[2.0, 0, 0], [2.0, 0, 0]])
    premature = np.array([[[2.0, 0, 0], [0, 4.0, 0]], [[0, 4.0, 0], [2.0, 0, 0]]])           # the other layer in each
    found = contrast_layers(mature, premature)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)
    assert found[0, 0] > 1 and (found[:, 1:] > -np.inf).all()                                # e^-2 > 0.1


# the reader -----------------------------------------------------------------------------------------------------------

@checks(DoLaReader, dola_reader)
@models
@settings(max_examples=12)
@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3), cached=st.booleans(), seed=seeds,
       layers=st.sampled_from(["low", "high", [3], [0, 1, 4]]))
def test_each_row_says_what_the_formulas_say_of_it_alone(make, lengths, layers, cached, seed):
    model, _, _ = lively_and_batch(make, 1, 1, seed)
    rng, longest, count = np.random.default_rng(seed), max(lengths), P + 1                    # past the context too
    ids = rng.integers(0, V, (len(lengths), longest))
    mask = (np.arange(longest) < np.array(lengths)[:, None]).astype(int)
    found = generate(model, ids, mask, max_new_tokens=count, dola_layers=layers, use_cache=cached)
    own = {"low": [2] if make is deep_gpt2 else [0], "high": [2, 4]}.get(str(layers), layers)
    for row, n, text in zip(ids, lengths, found):
        assert text[longest:].tolist() == greedily(model, row[:n].tolist(), own, count)


@checks(DoLaReader)
@models
@settings(max_examples=10)
@given(seed=seeds)
def test_drafts_are_scored_at_once_and_taken_back_as_if_read_token_by_token(make, seed):
    model, ids, _ = lively_and_batch(make, 3, 3, seed)
    rng, layers = np.random.default_rng(seed), [0, 2, 3]
    lines = right_aligned(np.where(np.arange(3) < [[1], [3], [2]], ids, -1))
    reader, states = DoLaReader(model, lines, model.new_cache(), layers), []
    reader.scores(states=states)
    assert len(states) == LAYERS + 1 and states[-1].shape[:2] == lines.shape
    draft = rng.integers(0, V, (3, 3))
    reader.advance(draft)
    drafted, fork = reader.scores(4), reader.fork()
    fork.advance(rng.integers(0, V, (3, 2)), drop=3)
    fork.select([2, 0, 2])
    for one, n in ((reader, 4), (fork, 1), (fork, 3)):
        found = drafted if one is reader else one.scores(n)
        for row, scores in zip(one.ids, found):
            text = row[row >= 0].tolist()
            for i in range(n):
                expected, _ = scores_behind(model, text[:len(text) - n + 1 + i], layers)
                np.testing.assert_allclose(scores[i], expected, **CLOSE)


@checks(DoLaReader)
@models
@settings(max_examples=6)
@given(seed=seeds, T=st.integers(1, 4))
def test_searches_over_it_find_what_they_find_over_any_model(make, seed, T):
    """Drafts change no token, and beams as many as tokens find the likeliest of all texts of two."""
    model, ids, _ = lively_and_batch(make, 2, T, seed)
    options, layers = dict(dola_layers=[1, 3]), [1, 3]
    greedy = generate(model, ids, max_new_tokens=7, **options)
    np.testing.assert_array_equal(generate(model, ids, max_new_tokens=7, prompt_lookup_num_tokens=3, **options), greedy)
    found = generate(model, ids, max_new_tokens=2, num_beams=V, **options)
    for prompt, text in zip(ids.tolist(), found[:, T:].tolist()):
        l = two_tokens(model, prompt, layers)
        assert tuple(text) == max(l, key=l.get)


@checks(DoLaReader)
@settings(max_examples=3)
@given(seed=seeds)
def test_sampled_texts_have_the_probabilities_of_the_contrasted_scores(seed):
    model, prompt, layers = lively_and_batch(deep_gpt2, 1, 1, seed)[0], [1, 2, 3], [1, 3]
    found = distribution(lambda rng: tuple(generate(model, [prompt], max_new_tokens=2, dola_layers=layers,
                                                    rng=rng)[0, 3:].tolist()))
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)
    for text, log_p in two_tokens(model, prompt, layers).items():
        assert found.get(text, 0) == pytest.approx(math.exp(log_p), abs=1e-12)


@checks(dola_reader)
@settings(max_examples=8)
@given(seed=seeds)
def test_an_encoder_decoder_contrasts_the_layers_of_its_decoder(seed):
    model, source, _ = lively_encoder_decoder(2, 5, seed)
    found = generate(model, source, max_new_tokens=4, dola_layers=[0, 1])
    for b in range(2):
        given, text = model.given(source[b:b + 1]), [BOS]
        for _ in range(4):
            states = []
            words = np.ones((1, len(text)), int)                                         # token 0 too is a word
            mature = given.logits(np.array([text]), attention_mask=words, states=states)[0, -1].tolist()
            scores, _ = contrasted(mature, [given.head(states[j])[0, -1].tolist() for j in (0, 1)])
            text.append(scores.index(max(scores)))
        assert found[b].tolist() == text


@checks(DoLaReader, dola_reader)
def test_on_a_device_it_says_what_it_says_on_the_host():
    models = on_both(lambda: lively(deep_gpt2, 0))
    found, expected = (generate(model, [[1, 2], [3, 4]], max_new_tokens=P, dola_layers="high") for model in models)
    np.testing.assert_array_equal(found, expected)


@checks(candidate_layers, dola_reader)
@pytest.mark.parametrize("layers", [[LAYERS], [0, 99]])
def test_a_layer_that_is_not_there_is_refused(layers):
    model, ids, _ = lively_and_batch(deep_gpt2, 2, 3, 0)
    with pytest.raises(GenerationError, match=f"dola_layers.*{layers[-1]}"):
        generate(model, ids, max_new_tokens=2, dola_layers=layers)


@checks(dola_reader)
def test_a_model_without_layers_is_refused():
    model = BigramLM(BigramConfig(V), rng=np.random.default_rng(0))
    with pytest.raises(GenerationError, match="has none"):
        generate(model, [[1]], max_new_tokens=2, dola_layers="low")
