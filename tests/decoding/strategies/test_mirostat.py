"""Mirostat against its algorithm in plain numbers, its law that surprise is held, and how far it bends a model."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.decoding import generate, sample, stream
from scratchgpt.decoding.strategies import (mirostat_search, next_mu, surprise, surprise_cut, zipf_cut, zipf_exponent,
                                            zipf_k)
from scratchgpt.errors import GenerationError
from scratchgpt.models import GPT2, GPT2Config
from tests.checks import checks
from tests.decoding.enumerate import distribution
from tests.decoding.strategies.speculation.drafting import talker

seeds = st.integers(0, 2**32 - 1)


def small(seed, V=4, scale=1.0, n_positions=4):
    """A float64 model of V tokens, so small that all its texts can be listed."""
    rng = np.random.default_rng(seed)
    model = GPT2(GPT2Config(vocab_size=V, n_positions=n_positions, n_embd=4, n_layer=1, n_head=2), rng=rng)
    model.astype(np.float64)
    for parameter in model.parameters():
        parameter.data = scale * rng.normal(size=parameter.shape)
    return model


def probabilities(model, prompt, prefix):
    """Of the token behind a prompt and a prefix, as the model has it: a list."""
    text = [*prompt, *prefix][-model.n_positions:]
    scores = model.logits(np.array([text]))[0, -1].tolist()
    top = max(scores)
    z = math.fsum(math.exp(s - top) for s in scores)
    return [math.exp(s - top) / z for s in scores]


# the algorithm, in lists of numbers -----------------------------------------------------------------------------------

def exponent(p, m):
    p = sorted((one for one in p if one > 0), reverse=True)[:m]
    t = [math.log((i + 2) / (i + 1)) for i in range(len(p) - 1)]
    b = [math.log(p[i] / p[i + 1]) for i in range(len(p) - 1)]
    return sum(x * y for x, y in zip(t, b)) / sum(x * x for x in t) if t else math.inf


def tokens_for(z, mu, V):
    if z == math.inf:
        return 1
    if abs(z - 1) < 1e-9:
        k = 2 ** mu / math.log(V)
    elif z < 1e-6:
        return V if 2 ** mu > V - 1 else 1
    else:
        k = ((z - 1) * 2 ** mu / (1 - V ** (1 - z))) ** (1 / z)
    return max(1, min(V, int(k)))


def cut(p, mu, version, m):
    """What is left of probabilities, normalised."""
    if version == 2:
        kept = [x if x > 0 and -math.log2(x) <= mu else 0 for x in p]
        kept = kept if any(kept) else [x if x == max(p) else 0 for x in p]
    else:
        line = sorted(p, reverse=True)[tokens_for(exponent(p, m), mu, len(p)) - 1]
        kept = [x if x >= line else 0 for x in p]
    return [x / math.fsum(kept) for x in kept]


def law_of(model, prompt, version, tau, eta, m=100):
    """prefix -> probabilities of the next token, mu being walked from the start."""
    def law(prefix):
        mu = 2 * tau
        for i in range(len(prefix) + 1):
            kept = cut(probabilities(model, prompt, prefix[:i]), mu, version, m)
            if i < len(prefix):
                mu -= eta * (-math.log2(kept[prefix[i]]) - tau) if kept[prefix[i]] else math.inf
        return np.array(kept)
    return law


def texts(model, prompt, N, **options):
    """{N tokens: probability} of what `generate` samples, by walking through all that chance can do."""
    def say(rng):
        return tuple(generate(model, [prompt], max_new_tokens=N, rng=rng, **options)[0, -N:].tolist())
    return distribution(say)


def texts_by(law, V, N):
    """The same by a law, prefix -> probabilities of the next token."""
    return {path: math.prod(law(path[:i])[token] for i, token in enumerate(path))
            for path in itertools.product(range(V), repeat=N)}


class Scripted(np.random.Generator):
    """A generator whose uniform numbers are written down before: the t-th call gives numbers[t], to every row."""

    def __init__(self, numbers):
        super().__init__(np.random.PCG64(0))
        self.numbers = iter(numbers)

    def random(self, count):
        return np.full(count, next(self.numbers))


# its parts ------------------------------------------------------------------------------------------------------------

def drawn_scores(seed, B=3, V=9, out=0.2):
    """Scores (B, V), some -inf, one at least finite in every row."""
    rng = np.random.default_rng(seed)
    scores = 2 * rng.normal(size=(B, V))
    scores[rng.random((B, V)) < out] = -np.inf
    scores[:, 0] = rng.normal(size=B)
    return scores


def as_probabilities(scores):
    p = np.exp(scores - scores.max())
    return (p / p.sum()).tolist()


@checks(surprise, surprise_cut)
@given(seed=seeds, mu=st.floats(-2, 12))
def test_version_2_keeps_what_is_no_more_surprising_than_mu_and_one_at_least(seed, mu):
    scores = drawn_scores(seed)
    before = scores.copy()
    kept = surprise_cut(scores, np.full(len(scores), mu))
    np.testing.assert_array_equal(scores, before)
    for row, found in zip(scores, kept):
        bits = [-math.log2(p) if p else math.inf for p in as_probabilities(row)]
        np.testing.assert_allclose(surprise(row), bits, rtol=1e-11, atol=1e-11)
        expected = [b <= mu for b in bits] if min(bits) <= mu else [b == min(bits) for b in bits]
        assert (found > -np.inf).tolist() == [e and b < math.inf for e, b in zip(expected, bits)]
        assert all(f == s for f, s in zip(found, row) if f > -np.inf)


@checks(zipf_exponent)
@given(z=st.floats(0.05, 5), m=st.integers(2, 40), seed=seeds)
def test_the_exponent_of_a_distribution_of_zipf_is_its_own(z, m, seed):
    rng = np.random.default_rng(seed)
    scores = -z * np.log(np.arange(1, 31)) + rng.normal()
    scores = rng.permutation(np.append(scores, [-np.inf] * 5))
    assert zipf_exponent(scores[None], m)[0] == pytest.approx(z, rel=1e-11)


@checks(zipf_exponent)
@given(seed=seeds, m=st.integers(2, 12))
def test_the_exponent_is_the_slope_by_least_squares(seed, m):
    scores = drawn_scores(seed)
    expected = [exponent(as_probabilities(row), m) for row in scores]
    np.testing.assert_allclose(zipf_exponent(scores, m), expected, rtol=1e-9, atol=1e-12)


@checks(zipf_k)
@given(z=st.floats(0.05, 20), mu=st.floats(-3, 25), V=st.integers(2, 60_000))
def test_k_is_that_of_the_paper_between_1_and_the_vocabulary(z, mu, V):
    found, = zipf_k(np.array([z]), np.array([mu]), V)
    near = {max(1, min(V, tokens_for(z, mu + step, V))) for step in (-1e-9, 0, 1e-9)}       # a whole part may tip over
    assert 1 <= found <= V and found in near


@checks(zipf_k)
@pytest.mark.parametrize("z, mu, V, k", [
    (1, 5, 50, 8), (1 + 1e-12, 5, 50, 8), (1 - 1e-7, 5, 50, 8), (math.inf, 9, 50, 1), (0, 5, 50, 1), (0, 6, 50, 50),
    (2, -9, 50, 1), (0.9, 40, 50, 50), (2, 5, 1, 1)])
def test_k_at_its_edges_is_the_limit(z, mu, V, k):
    assert zipf_k(np.array([float(z)]), np.array([float(mu)]), V).tolist() == [k]            # 2^5 / ln 50 = 8.2


@checks(zipf_cut)
@given(seed=seeds, mu=st.floats(-1, 6), m=st.integers(2, 12))
def test_version_1_keeps_the_k_likeliest_and_their_ties(seed, mu, m):
    scores = drawn_scores(seed).round(1)
    kept = zipf_cut(scores, np.full(len(scores), mu), m)
    for row, found in zip(scores, kept):
        expected = np.array(cut(as_probabilities(row), mu, 1, m)) > 0
        np.testing.assert_array_equal(found > -np.inf, expected)
        np.testing.assert_array_equal(found[expected], row[expected])


# the law that it is for -----------------------------------------------------------------------------------------------

@checks(next_mu)
@given(mu=st.floats(0, 20), bits=st.floats(0, 20), tau=st.floats(0.1, 10), eta=st.floats(0.01, 1))
def test_a_surprise_above_tau_lowers_mu_and_one_below_raises_it(mu, bits, tau, eta):
    after = next_mu(np.array([mu]), np.array([bits]), tau, eta)[0]
    assert after == pytest.approx(mu - eta * (bits - tau), rel=1e-12, abs=1e-12)
    assert np.sign(after - mu) in (np.sign(tau - bits), 0)


@checks(next_mu, surprise_cut, zipf_cut)
@pytest.mark.parametrize("make_cut", [surprise_cut, zipf_cut], ids=["2", "1"])
@pytest.mark.parametrize("tau, eta", [(1.0, 0.1), (2.5, 0.1), (2.5, 0.5), (4.0, 0.05)])
def test_on_a_fixed_distribution_the_mean_surprise_is_tau_within_what_mu_can_have_moved(make_cut, tau, eta):
    """mu_N - mu_0 = -eta sum_t (S_t - tau): the mean is tau + (mu_0 - mu_N) / (eta N), and mu stays in a range."""
    rng, B, V, N = np.random.default_rng(0), 20, 60, 600
    scores = np.broadcast_to(rng.normal(size=V), (B, V))                                     # entropy 5.3 bits > tau
    mu, total, reach = np.full(B, 2 * tau), np.zeros(B), 0.0
    for _ in range(N):
        kept = make_cut(scores, mu)
        bits = np.take_along_axis(surprise(kept), sample(kept, rng)[:, None], axis=-1)[:, 0]
        mu, total = next_mu(mu, bits, tau, eta), total + bits
        reach = max(reach, np.abs(mu - 2 * tau).max())
    np.testing.assert_allclose(total / N, tau + (2 * tau - mu) / (eta * N), rtol=1e-10)
    assert reach < 2 * tau + surprise(scores).max() and (mu > 0).all()
    np.testing.assert_allclose(total / N, tau, atol=(2 * tau + surprise(scores).max()) / (eta * N))


# the search -----------------------------------------------------------------------------------------------------------

@checks(mirostat_search)
@settings(max_examples=6)
@given(seed=seeds, version=st.sampled_from([1, 2]), tau=st.sampled_from([0.3, 0.8, 1.5]),
       eta=st.sampled_from([0.1, 0.9]), V=st.integers(2, 4))
def test_every_text_has_the_probability_that_the_algorithm_gives_it(seed, version, tau, eta, V):
    model, prompt = small(seed, V), [0, 1]

    found = texts(model, prompt, 3, mirostat=version, mirostat_tau=tau, mirostat_eta=eta)
    expected = texts_by(law_of(model, prompt, version, tau, eta), V, 3)
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)
    for text in expected:
        assert found.get(text, 0) == pytest.approx(expected[text], abs=1e-12)


@checks(mirostat_search)
@given(seed=seeds, version=st.sampled_from([1, 2]))
def test_each_row_keeps_its_own_mu_and_gives_what_it_gives_alone_though_others_end(seed, version):
    rng, model = np.random.default_rng(seed), talker(seed, V=9, n_positions=12)
    ids, mask = rng.integers(0, 9, (4, 3)), np.array([[1, 1, 1], [0, 0, 1], [0, 1, 1], [1, 1, 1]])
    numbers = rng.random(8)
    options = dict(mirostat=version, mirostat_tau=1.2, mirostat_eta=0.8, eos_token_id=[2, 5])
    options |= dict(mirostat_m=4) if version == 1 else {}

    def say(ids, mask):
        return generate(model, ids, mask, max_new_tokens=8, rng=Scripted(numbers), return_dict_in_generate=True,
                        **options).answers
    together = say(ids, mask)
    for b in range(4):
        np.testing.assert_array_equal(together[b], say(ids[b:b + 1], mask[b:b + 1])[0])


@checks(mirostat_search)
@pytest.mark.parametrize("version", [1, 2])
def test_the_same_seed_says_the_same_and_two_texts_under_way_do_not_meet(version):
    model, options = talker(3, V=9, n_positions=12), dict(mirostat=version, mirostat_tau=1.5, max_new_tokens=9)
    first, second = (stream(model, [[1, 2]], rng=np.random.default_rng(s), **options) for s in (5, 6))
    pairs = [(int(a[0]), int(b[0])) for a, b in zip(first, second)]
    for said, seed in zip(zip(*pairs), (5, 6)):
        alone = generate(model, [[1, 2]], rng=np.random.default_rng(seed), **options)
        assert list(said) == alone[0, 2:].tolist()


@checks(mirostat_search)
def test_its_defaults_are_5_bits_a_tenth_and_100_tokens():
    model = small(4, V=300, scale=0.3, n_positions=20)
    for version in (1, 2):
        def tokens(m, version=version):
            return dict(mirostat_m=m) if version == 1 else {}
        default, same, other = (
            generate(model, [[1]], max_new_tokens=15, mirostat=version, rng=np.random.default_rng(0), **options).tolist()
            for options in ({}, dict(mirostat_tau=5, mirostat_eta=0.1, **tokens(100)),
                            dict(mirostat_tau=2, mirostat_eta=0.4, **tokens(10))))
        assert default == same != other


BIAS = {(1, 0.5): 0.874, (1, 1.0): 0.296, (1, 1.5): 0.0, (1, 5.0): 0.0,          # (version, tau in bits): distance
        (2, 0.5): 0.874, (2, 1.0): 0.670, (2, 1.5): 0.023, (2, 5.0): 0.0}


@checks(mirostat_search)
def test_how_far_it_bends_the_model_is_known():
    """Total variation between two tokens by Mirostat and by plain sampling, of a model of about 1.9 bits a token."""
    model, prompt = small(0, V=4, scale=0.6), [0, 1]
    plain = texts(model, prompt, 2)
    for (version, tau), known in BIAS.items():
        bent = texts(model, prompt, 2, mirostat=version, mirostat_tau=tau)
        measured = sum(abs(plain[text] - bent.get(text, 0)) for text in plain) / 2
        assert measured == pytest.approx(known, abs=5e-4), (version, tau)


@checks(mirostat_search)
@pytest.mark.parametrize("options", [{"mirostat": 3}, {"mirostat": 2, "rng": None}, {"mirostat_tau": 3.0},
                                     {"mirostat": 2, "mirostat_tau": 0.0}, {"mirostat": 1, "mirostat_eta": -1.0},
                                     {"mirostat": 1, "mirostat_m": 1}, {"mirostat": 2, "num_beams": 2},
                                     {"mirostat": 2, "mirostat_m": 9}])
def test_what_it_cannot_do_is_refused(options):
    with pytest.raises(GenerationError, match="mirostat"):
        generate(small(0), [[1]], max_new_tokens=2, **{"rng": np.random.default_rng(0), **options})
