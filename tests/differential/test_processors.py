"""The score processors against those of Hugging Face transformers: the same tokens stay, with the same scores.

Needs the `oracles` extra.
"""

import functools
import math

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
theirs = pytest.importorskip("transformers.generation.logits_process")

from scratchgpt.decoding import GenerationConfig                              # noqa: E402
from scratchgpt.decoding import processors as ours                            # noqa: E402
from tests.checks import checks                                               # noqa: E402
from tests.decoding.processors.draws import CLOSE, DISTINCT, TIED, V, frozen  # noqa: E402

TOKENS = st.integers(0, V - 1)
SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=4), min_size=1, max_size=6, unique_by=tuple)
QUARTERS = st.sampled_from([0.125, 0.25, 0.375, 0.5, 0.75, 0.875])            # on the boundaries of equal tokens
STRANGE = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.5])


@st.composite
def situations(draw, numbers=None, longest=10):
    """(ids (B, S), scores (B, V)): texts of one length, since a pad is a token to them."""
    B, S = draw(st.integers(1, 3)), draw(st.integers(1, longest))
    ids = [draw(st.lists(st.integers(0, 2), min_size=S, max_size=S)) for _ in range(B)]
    rows = [draw(st.lists(draw(st.sampled_from([TIED, DISTINCT])) if numbers is None else numbers,
                          min_size=V, max_size=V)) for _ in range(B)]
    assume(numbers is not None or all(max(row) > -math.inf for row in rows))
    return frozen(np.array(ids, np.int64)), frozen(np.array(rows, draw(st.sampled_from([np.float32, np.float64]))))


def assert_same(our, their, situation):
    ids, scores = situation
    expected = their(torch.tensor(ids), torch.tensor(scores)).numpy()
    found = our(ids, scores)
    assert found.dtype == expected.dtype == scores.dtype
    np.testing.assert_array_equal(found == -np.inf, expected == -np.inf)
    np.testing.assert_allclose(found, expected, **CLOSE[scores.dtype.type])


# cuts -----------------------------------------------------------------------------------------------------------------

PROBABILITIES = QUARTERS | st.floats(0.001, 0.999).map(lambda p: round(p, 3) + 1e-4 * math.pi)   # on a boundary, or off
CUTS = {
    "temperature": (ours.temperature, theirs.TemperatureLogitsWarper, st.floats(0.01, 100)),
    "top_k": (ours.top_k, theirs.TopKLogitsWarper, st.integers(1, V + 2)),
    "top_p": (ours.top_p, theirs.TopPLogitsWarper, PROBABILITIES.filter(lambda p: p < 1)),
    "min_p": (ours.min_p, theirs.MinPLogitsWarper, PROBABILITIES.filter(lambda p: p < 1) | st.sampled_from([0.0, 1.0])),
    "typical_p": (ours.typical_p, theirs.TypicalLogitsWarper, PROBABILITIES.filter(lambda p: p < 1)),
    "epsilon_cutoff": (ours.epsilon_cutoff, theirs.EpsilonLogitsWarper, PROBABILITIES.filter(lambda p: p < 1)),
    "eta_cutoff": (ours.eta_cutoff, theirs.EtaLogitsWarper, PROBABILITIES.filter(lambda p: p < 1)),
}


@checks(*(make for make, _, _ in CUTS.values()))
@pytest.mark.parametrize("name", CUTS)
@given(situation=situations(), data=st.data())
def test_the_same_tokens_stay(name, situation, data):
    make, peer, settings = CUTS[name]
    setting = data.draw(settings)
    assert_same(make(setting), peer(setting), situation)


@checks(ours.top_k, ours.top_p, ours.min_p, ours.epsilon_cutoff, ours.typical_p, ours.eta_cutoff)
@pytest.mark.parametrize("name", ["top_k", "top_p", "min_p", "epsilon_cutoff", "typical_p", "eta_cutoff"])
@given(equal=st.integers(1, V), others=st.sampled_from([-math.inf, -60.0]), data=st.data())
def test_the_same_stay_where_several_are_equal_and_the_setting_is_exactly_on_their_line(name, equal, others, data):
    make, peer, _ = CUTS[name]
    setting = data.draw(st.integers(1, V) if name == "top_k" else st.sampled_from([i / 8 for i in range(1, 8)]))
    for dtype in (np.float32, np.float64):
        row = data.draw(st.permutations([1.0] * equal + [others] * (V - equal)))
        assert_same(make(setting), peer(setting), (np.zeros((1, 1), int), frozen(np.array([row], dtype))))


@checks(ours.top_h)
@given(situations(), st.integers(1, 998))
def test_top_h_keeps_the_same_scores_and_of_equal_ones_as_many(situation, thousandths):
    ids, scores = situation
    h = thousandths / 1000 + 1e-4 * math.pi                                   # off the lines, which rounding draws
    expected = theirs.TopHLogitsWarper(h)(torch.tensor(ids), torch.tensor(scores)).numpy()
    np.testing.assert_array_equal(np.sort(ours.top_h(h)(ids, scores)), np.sort(expected))


@checks(ours.top_k, ours.top_p, ours.min_p, ours.top_h, ours.typical_p, ours.epsilon_cutoff, ours.eta_cutoff)
@pytest.mark.parametrize("make, peer, setting", [
    (ours.top_k, theirs.TopKLogitsWarper, 50), (ours.top_p, theirs.TopPLogitsWarper, 0.9),
    (ours.top_p, theirs.TopPLogitsWarper, 0.999), (ours.min_p, theirs.MinPLogitsWarper, 0.01),
    (ours.top_h, theirs.TopHLogitsWarper, 0.4), (ours.typical_p, theirs.TypicalLogitsWarper, 0.9),
    (ours.epsilon_cutoff, theirs.EpsilonLogitsWarper, 3e-4), (ours.eta_cutoff, theirs.EtaLogitsWarper, 3e-4)])
@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0, 20.0])
def test_the_same_tokens_of_a_large_vocabulary_stay(make, peer, setting, scale):
    scores = np.random.default_rng(0).normal(size=(2, 5000)) * scale
    assert_same(make(setting), peer(setting), (np.zeros((2, 1), int), frozen(scores)))


# what has been said ---------------------------------------------------------------------------------------------------

@checks(ours.repetition_penalty, ours.encoder_repetition_penalty)
@given(situations(), st.floats(0.1, 10), st.lists(TOKENS, min_size=1, max_size=4))
def test_penalties_are_the_same(situation, theta, source):
    assert_same(ours.repetition_penalty(theta), theirs.RepetitionPenaltyLogitsProcessor(theta), situation)
    source = np.array([source] * len(situation[0]))
    assert_same(ours.encoder_repetition_penalty(theta, source),
                theirs.EncoderRepetitionPenaltyLogitsProcessor(theta, torch.tensor(source)), situation)


@checks(ours.no_repeat_ngram, ours.encoder_no_repeat_ngram)
@given(situations(), st.integers(1, 5), st.lists(st.integers(0, 2), min_size=1, max_size=8))
def test_the_same_ngrams_are_not_repeated(situation, n, source):
    assert_same(ours.no_repeat_ngram(n), theirs.NoRepeatNGramLogitsProcessor(n), situation)
    assert_same(ours.encoder_no_repeat_ngram(n, [source]),
                theirs.EncoderNoRepeatNGramLogitsProcessor(n, torch.tensor([source])), situation)


@checks(ours.sequence_bias, ours.bad_words)
@given(situations(), SEQUENCES, st.lists(st.floats(-5, 5, width=32), min_size=6, max_size=6), st.integers(0, 2))
def test_the_same_sequences_are_wanted_and_unwanted(situation, sequences, values, eos):
    biases = [[sequence, value] for sequence, value in zip(sequences, values)]
    assert_same(ours.sequence_bias(biases), theirs.SequenceBiasLogitsProcessor(biases), situation)
    if sequences != [[eos]]:
        assert_same(ours.bad_words(sequences, eos), theirs.NoBadWordsLogitsProcessor(sequences, eos), situation)


# lengths, bans, what is laid down -------------------------------------------------------------------------------------

@checks(ours.min_length, ours.min_new_tokens, ours.exponential_decay_length)
@given(situations(), st.integers(0, 9), st.integers(0, 5), st.floats(0.5, 2),
       TOKENS | st.lists(TOKENS, min_size=1, max_size=3))
def test_lengths_count_the_same(situation, n, prompt, factor, eos):
    assert_same(ours.min_length(n, eos), theirs.MinLengthLogitsProcessor(n, eos), situation)
    assert_same(ours.min_new_tokens(n, prompt, eos), theirs.MinNewTokensLengthLogitsProcessor(prompt, n, eos),
                situation)
    if isinstance(eos, int) or len(set(eos)) == len(eos):
        assert_same(ours.exponential_decay_length(n, factor, prompt, eos),
                    theirs.ExponentialDecayLengthPenalty((n, factor), eos, prompt), situation)


@checks(ours.suppress, ours.begin_suppress, ours.forced_bos, ours.forced_eos)
@given(situations(longest=4), st.lists(TOKENS, min_size=1, max_size=3), st.integers(1, 5))
def test_the_same_is_banned_and_laid_down(situation, tokens, length):
    assert_same(ours.suppress(tokens), theirs.SuppressTokensLogitsProcessor(tokens), situation)
    assert_same(ours.begin_suppress(tokens, length), theirs.SuppressTokensAtBeginLogitsProcessor(tokens, length),
                situation)
    assert_same(ours.forced_bos(tokens[0]), theirs.ForcedBOSTokenLogitsProcessor(tokens[0]), situation)
    assert_same(ours.forced_eos(tokens, length), theirs.ForcedEOSTokenLogitsProcessor(length, tokens), situation)


@checks(ours.prefix_allowed_tokens)
@given(situations(), st.integers(1, 3))
def test_the_same_is_allowed_beams_and_dead_ends_included(situation, num_beams):
    ids, scores = (np.repeat(part, num_beams, axis=0) for part in situation)
    scores[::2, :3] = -np.inf

    def allowed(prompt, text):
        return [(prompt + int(text[-1])) % 3, int(text.sum()) % V]
    assert_same(ours.prefix_allowed_tokens(allowed, np.arange(len(ids)) // num_beams),
                theirs.PrefixConstrainedLogitsProcessor(allowed, num_beams),
                (ids, scores))


# repair ---------------------------------------------------------------------------------------------------------------

@checks(ours.remove_invalid, ours.renormalize)
@given(situations(STRANGE), situations())
def test_repairs_are_the_same(broken, situation):
    """Theirs writes the lowest number for -inf too, which is how tokens are banned; ours leaves it."""
    def repaired(ids, scores):
        return torch.where(scores == -math.inf, scores, theirs.InfNanRemoveLogitsProcessor()(ids, scores))
    assert_same(ours.remove_invalid(), repaired, broken)
    assert_same(ours.renormalize(), theirs.LogitNormalization(), situation)


# the order ------------------------------------------------------------------------------------------------------------

ASKED = dict(sequence_bias=[[[1, 2], 1.5]], encoder_repetition_penalty=1.5, repetition_penalty=1.3,
             no_repeat_ngram_size=3, encoder_no_repeat_ngram_size=2, bad_words_ids=[[4], [1, 0]], min_length=4,
             min_new_tokens=2, forced_bos_token_id=2, forced_eos_token_id=0,
             exponential_decay_length_penalty=(1, 1.5), suppress_tokens=[6], begin_suppress_tokens=[5], temperature=0.7,
             top_h=0.9, top_k=5, top_p=0.9, min_p=0.05, typical_p=0.9, epsilon_cutoff=0.02, eta_cutoff=0.02,
             renormalize_logits=True)


@functools.cache
def a_model():
    config = transformers.T5Config(vocab_size=V, d_model=4, d_kv=2, d_ff=4, num_layers=1, num_heads=2)
    return transformers.T5ForConditionalGeneration(config)


def their_chain(asked, prompt_length, max_length, source):
    """The processors of a real model of theirs, in the order in which it makes them."""
    asked = transformers.GenerationConfig(do_sample=True, eos_token_id=0, max_length=max_length,
                                          **{"top_k": None, **asked})
    asked._eos_token_tensor = torch.tensor([0])
    return a_model()._get_logits_processor(asked, input_ids_seq_length=prompt_length,
                                           encoder_input_ids=torch.tensor(source))


@checks(ours.build, ours.apply)
@given(st.integers(0, 2**32 - 1), st.sets(st.sampled_from(sorted(ASKED))))
@example(0, set(ASKED))
def test_a_whole_chain_is_theirs(seed, names):
    asked, source = {name: ASKED[name] for name in names}, [[1, 2, 0]]
    rng = np.random.default_rng(seed)
    ids, scores = rng.integers(0, 3, (2, rng.integers(1, 12))), rng.normal(size=(2, V)) * 2
    config = GenerationConfig(eos_token_id=0, max_length=12, **asked)
    chain = ours.build(config, 1, source * len(ids), max_length=12, sampling=True)
    peer = their_chain(asked, 1, 12, source * len(ids))
    assert len(chain) == len(peer)
    if (ours.apply(chain, ids, scores).max(axis=-1) > -np.inf).all():          # theirs is NaN where nothing is left
        assert_same(lambda ids, scores: ours.apply(chain, ids, scores), peer, (ids, scores))
