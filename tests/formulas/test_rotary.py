"""Rotary positions: turns of pairs of channels, and the five ways to choose how fast each pair turns."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from tests import oracles
from tests.checks import checks
from tests.formulas.twins import assert_close, check_twin, draw, frozen, scales, seeds, sizes

pytestmark = pytest.mark.filterwarnings("error")
halves = st.integers(1, 8)
thetas = st.sampled_from([2.0, 100.0, 10_000.0, 500_000.0])
factors = st.sampled_from([1.0, 1.5, 4.0, 40.0])
lengths = st.sampled_from([4, 100, 2048, 8192])


def tables(positions, D, theta, B=None, scale=1.0, dtype=np.float64):
    """cos and sin for `positions` (B, T), or (1, T) for all of B rows."""
    like = np.empty((len(positions) if B is None else B, 1, 1), dtype)
    return formulas.rotation(np.asarray(positions), formulas.rotary_frequencies(D, theta), like, scale)


def draw_positions(seed, B, T, far=50):
    return np.random.default_rng([seed, 7]).integers(0, far, (B, T))


# the turn -------------------------------------------------------------------------------------------------------------

@checks(formulas.rotate, formulas.rotation)
@given(B=sizes, T=sizes, H=sizes, half=sizes, theta=thetas, scale=scales, seed=seeds)
def test_rotation_equals_the_papers_product_of_complex_numbers(B, T, H, half, theta, scale, seed):
    x, positions = draw(seed, (B, T, H, 2 * half)), draw_positions(seed, B, T)
    y = formulas.rotate(x, *map(frozen, tables(positions, 2 * half, theta, scale=scale)))
    assert_close(y, oracles.rotate(x, positions, oracles.rotary_frequencies(2 * half, theta), scale))


@checks(formulas.rotate, formulas.rotate_backward)
@given(B=sizes, T=sizes, H=sizes, half=sizes, theta=thetas, seed=seeds)
def test_gradients_of_rotation(B, T, H, half, theta, seed):
    positions = draw_positions(seed, B, T)

    def turns(x):
        return map(frozen, tables(positions, 2 * half, theta, dtype=x.dtype))
    check_twin(lambda x: formulas.rotate(x, *turns(x)), lambda dy, x: formulas.rotate_backward(dy, *turns(x)),
               draw(seed, (B, T, H, 2 * half)), seed=seed)


@checks(formulas.rotate, formulas.rotate_backward)
@given(T=sizes, H=sizes, half=sizes, theta=thetas, seed=seeds)
def test_rotation_keeps_norms_and_its_backward_turns_back(T, H, half, theta, seed):
    x, turns = draw(seed, (2, T, H, 2 * half)), tables(draw_positions(seed, 2, T, far=10**6), 2 * half, theta)
    y = formulas.rotate(x, *turns)
    np.testing.assert_allclose((y * y).sum(axis=-1), (x * x).sum(axis=-1), rtol=1e-12)
    np.testing.assert_allclose(formulas.rotate_backward(y, *turns), x, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(formulas.rotate(formulas.rotate_backward(x, *turns), *turns), x, rtol=1e-12, atol=1e-13)


@checks(formulas.rotate, formulas.rotation, formulas.rotary_frequencies)
@given(T=st.integers(2, 5), half=sizes, theta=thetas, shift=st.integers(1, 10_000), seed=seeds)
def test_scores_of_turned_vectors_depend_only_on_their_distance(T, half, theta, shift, seed):
    q, k = draw(seed, (1, 1, 1, 2 * half), (1, 1, 1, 2 * half))
    q, k = (np.broadcast_to(a, (1, T, 1, 2 * half)) for a in (q, k))
    scores = []
    for start in (0, shift):
        turns = tables(np.arange(start, start + T)[None], 2 * half, theta)
        a, b = (formulas.rotate(x, *turns)[0, :, 0] for x in (q, k))
        scores.append(a @ b.T)
    np.testing.assert_allclose(scores[1], scores[0], rtol=1e-9, atol=1e-9)
    for distance in range(T):
        for diagonal in (np.diagonal(scores[0], distance), np.diagonal(scores[0], -distance)):
            np.testing.assert_allclose(diagonal, diagonal[0], rtol=1e-11, atol=1e-11)


@checks(formulas.rotate, formulas.rotation)
@given(half=sizes, theta=thetas, a=st.integers(0, 99), b=st.integers(0, 99), seed=seeds)
def test_two_turns_are_one_turn_by_the_sum_of_their_positions(half, theta, a, b, seed):
    x = draw(seed, (1, 1, 2, 2 * half))
    once, again, both = (tables([[p]], 2 * half, theta) for p in (a, b, a + b))
    np.testing.assert_allclose(formulas.rotate(formulas.rotate(x, *once), *again), formulas.rotate(x, *both),
                               rtol=1e-10, atol=1e-11)
    np.testing.assert_array_equal(formulas.rotate(x, *tables([[0]], 2 * half, theta)), x)


@checks(formulas.rotation)
@given(B=sizes, T=sizes, half=sizes, scale=scales, seed=seeds)
def test_the_tables_are_cosines_and_sines_with_a_row_for_every_text(B, T, half, scale, seed):
    w, like = draw(seed, (half,)), np.empty((B, T, 9))
    one, each = np.arange(3, 3 + T)[None], np.repeat(np.arange(3, 3 + T)[None], B, axis=0)
    for positions in (one, each):
        cos, sin = formulas.rotation(positions, w, like, scale)
        assert cos.shape == sin.shape == (B, T, 1, half) and cos.flags.c_contiguous and sin.flags.c_contiguous
        for b, t, _, i in np.ndindex(cos.shape):
            assert cos[b, t, 0, i] == pytest.approx(scale * math.cos((3 + t) * w[i]), rel=1e-12, abs=1e-14)
            assert sin[b, t, 0, i] == pytest.approx(scale * math.sin((3 + t) * w[i]), rel=1e-12, abs=1e-14)
    per_row = draw([seed, 1], (B, 1, half))
    cos, _ = formulas.rotation(one, per_row, like, scale)
    np.testing.assert_allclose(cos[:, :, 0], scale * np.cos(one[0][None, :, None] * per_row), rtol=1e-12, atol=1e-14)


@checks(formulas.rotation, formulas.rotate)
@pytest.mark.parametrize("dtype, real", [(np.float32, np.float32), (np.float64, np.float64),
                                         (np.complex128, np.float64)])
def test_tables_have_the_real_dtype_of_the_stream_and_far_angles_keep_their_digits(dtype, real):
    far = 100_000
    cos, sin = tables([[far]], 4, 10_000.0, dtype=dtype)
    assert cos.dtype == sin.dtype == real
    exact = [math.cos(far), math.cos(far * 0.01)]
    np.testing.assert_allclose(cos[0, 0, 0], exact, rtol=1e-6 if real == np.float32 else 1e-10)
    x = np.ones((1, 1, 2, 4), dtype)
    assert formulas.rotate(x, cos, sin).dtype == formulas.rotate_backward(x, cos, sin).dtype == dtype


# the frequencies ------------------------------------------------------------------------------------------------------

@checks(formulas.rotary_frequencies)
@given(half=halves, theta=thetas)
def test_frequencies_equal_the_papers_and_fall_from_one_by_one_ratio(half, theta):
    w = formulas.rotary_frequencies(2 * half, theta)
    assert_close(w, oracles.rotary_frequencies(2 * half, theta))
    assert w[0] == 1 and (np.diff(w) < 0).all() and w[-1] > 1 / theta
    np.testing.assert_allclose(w[1:] / w[:-1], theta ** (-1 / half), rtol=1e-12)


@checks(formulas.linear_frequencies)
@given(half=halves, theta=thetas, factor=factors)
def test_linear_scaling_divides_every_position_by_the_factor(half, theta, factor):
    w = formulas.rotary_frequencies(2 * half, theta)
    assert_close(formulas.linear_frequencies(w, factor), oracles.linear_frequencies(2 * half, theta, factor))
    np.testing.assert_array_equal(formulas.linear_frequencies(w, 1.0), w)


def dynamic(D, theta, factor, lengths, trained):
    return formulas.dynamic_frequencies(D, theta, factor, np.array(lengths)[:, None], trained)[:, 0]


@checks(formulas.dynamic_frequencies)
@given(half=st.integers(2, 8), theta=thetas, factor=factors, trained=lengths,
       texts=st.lists(st.integers(1, 20_000), min_size=1, max_size=3))
def test_dynamic_scaling_equals_its_definition_row_by_row(half, theta, factor, trained, texts):
    found = dynamic(2 * half, theta, factor, texts, trained)
    assert_close(found, np.array([oracles.dynamic_frequencies(2 * half, theta, factor, n, trained) for n in texts]))


@checks(formulas.dynamic_frequencies)
@given(half=st.integers(2, 8), theta=thetas, factor=factors, trained=lengths, more=st.integers(1, 9999))
def test_dynamic_scaling_changes_nothing_up_to_the_trained_length_and_then_stretches_slow_pairs_most(
        half, theta, factor, trained, more):
    w = oracles.rotary_frequencies(2 * half, theta)
    for length in (1, trained - 1, trained):
        np.testing.assert_allclose(dynamic(2 * half, theta, factor, [length], trained)[0], w, rtol=1e-12)
    short, long = dynamic(2 * half, theta, factor, [trained + more, trained + 2 * more], trained)
    assert short[0] == long[0] == 1 and (long[1:] < short[1:]).all() and (short[1:] < w[1:]).all()
    assert (np.diff(short / w) < 0).all()
    stretch = factor * (trained + more) / trained - (factor - 1)
    assert short[-1] == pytest.approx(w[-1] / stretch, rel=1e-10)        # the slowest pair sees its old range of angles


llama3_bands = st.tuples(st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([2.5, 4.0, 32.0]))


@checks(formulas.llama3_frequencies)
@given(half=halves, theta=thetas, factor=factors, band=llama3_bands, trained=lengths)
def test_llama3_scaling_equals_its_code_by_wavelength(half, theta, factor, band, trained):
    found = formulas.llama3_frequencies(formulas.rotary_frequencies(2 * half, theta), factor, *band, trained)
    assert_close(found, oracles.llama3_frequencies(2 * half, theta, factor, *band, trained))


@checks(formulas.llama3_frequencies)
@given(half=st.integers(2, 32), theta=thetas, factor=factors, band=llama3_bands, trained=lengths)
def test_llama3_scaling_leaves_fast_pairs_divides_slow_ones_and_is_monotone_between(half, theta, factor, band, trained):
    w = formulas.rotary_frequencies(2 * half, theta)
    found, turns = formulas.llama3_frequencies(w, factor, *band, trained), trained * w / (2 * math.pi)
    fast, slow = turns >= band[1], turns <= band[0]
    np.testing.assert_array_equal(found[fast], w[fast])
    np.testing.assert_allclose(found[slow], w[slow] / factor, rtol=1e-15)
    assert (np.diff(found) < 0).all() and (np.diff(found / w) <= 1e-15).all()
    assert (found <= w * (1 + 1e-15)).all() and (found >= w / factor * (1 - 1e-15)).all()


betas = st.sampled_from([(32.0, 1.0), (8.0, 2.0), (1.5, 1.0), (1000.0, 0.1)])


@checks(formulas.yarn_frequencies)
@given(half=halves, theta=thetas, factor=factors, trained=lengths, beta=betas, truncate=st.booleans())
def test_yarn_scaling_equals_the_authors_code(half, theta, factor, trained, beta, truncate):
    w = formulas.rotary_frequencies(2 * half, theta)
    assert_close(formulas.yarn_frequencies(w, theta, factor, trained, *beta, truncate),
                 oracles.yarn_frequencies(2 * half, theta, factor, trained, *beta, truncate))


@checks(formulas.yarn_frequencies)
@given(half=st.integers(16, 64), theta=st.sampled_from([10_000.0, 500_000.0]), factor=factors,
       trained=st.sampled_from([2048, 8192]))
def test_yarn_scaling_leaves_fast_pairs_divides_slow_ones_and_is_monotone_between(half, theta, factor, trained):
    w = formulas.rotary_frequencies(2 * half, theta)
    found, turns = formulas.yarn_frequencies(w, theta, factor, trained), trained * w / (2 * math.pi)
    ratio = w[0] / w[1]                                       # edges are rounded outwards by less than a pair
    fast, slow = turns >= 32 * ratio, turns <= 1 / ratio
    assert fast.any() and slow.any()
    np.testing.assert_array_equal(found[fast], w[fast])
    np.testing.assert_allclose(found[slow], w[slow] / factor, rtol=1e-15)
    assert (np.diff(found / w) <= 1e-15).all() and (found >= w / factor * (1 - 1e-15)).all()


@checks(formulas.yarn_attention_factor)
@given(factor=st.floats(1, 1e6), m=st.floats(0.1, 4), n=st.floats(0.1, 4))
def test_the_attention_factor_of_yarn_is_the_papers_or_a_ratio_of_two(factor, m, n):
    assert formulas.yarn_attention_factor(factor) == pytest.approx(oracles.yarn_attention_factor(factor), rel=1e-15)
    ratio = (0.1 * m * math.log(factor) + 1) / (0.1 * n * math.log(factor) + 1)
    assert formulas.yarn_attention_factor(factor, m, n) == pytest.approx(ratio, rel=1e-14)
    assert formulas.yarn_attention_factor(factor, m, m) == 1
    for half_given in ((m, None), (None, m), (0, m)):
        assert formulas.yarn_attention_factor(factor, *half_given) == formulas.yarn_attention_factor(factor)


@checks(formulas.linear_frequencies, formulas.llama3_frequencies, formulas.yarn_frequencies,
        formulas.yarn_attention_factor, formulas.dynamic_frequencies)
@given(half=st.integers(2, 16), theta=thetas, trained=lengths)
def test_a_factor_of_one_stretches_nothing(half, theta, trained):
    w = formulas.rotary_frequencies(2 * half, theta)
    for found in (formulas.linear_frequencies(w, 1), formulas.llama3_frequencies(w, 1, 1, 4, trained),
                  formulas.yarn_frequencies(w, theta, 1, trained),
                  dynamic(2 * half, theta, 1.0, [trained], trained)[0]):
        np.testing.assert_allclose(found, w, rtol=1e-12)
    assert formulas.yarn_attention_factor(1) == 1
