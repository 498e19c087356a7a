"""What is particular to the norms, dropout, the activations and the MLP."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt import formulas
from scratchgpt.errors import ConfigError
from scratchgpt.layers import ACTIVATIONS, GELU, MLP, BatchNorm, Dropout, GELUTanh, LayerNorm, ReLU, RMSNorm, SiLU
from tests.checks import checks

X = np.random.default_rng(0).normal(2, 3, size=(4, 5, 6))


@checks(LayerNorm, RMSNorm, BatchNorm)
def test_norms_start_as_the_plain_normalisation_along_their_own_axis():
    layer, root, batch = (kind(6, eps=1e-12).astype(np.float64) for kind in (LayerNorm, RMSNorm, BatchNorm))
    y = layer(X)[0]
    np.testing.assert_allclose([y.mean(axis=-1), y.std(axis=-1)], [np.zeros((4, 5)), np.ones((4, 5))], atol=1e-9)
    np.testing.assert_allclose((root(X)[0] ** 2).mean(axis=-1), 1, rtol=1e-9)
    y = batch(X, training=True)[0]
    np.testing.assert_allclose([y.mean(axis=(0, 1)), y.std(axis=(0, 1))], [np.zeros(6), np.ones(6)], atol=1e-9)


@checks(LayerNorm, RMSNorm, BatchNorm)
@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm, BatchNorm])
@pytest.mark.parametrize("C, eps", [(0, 1e-5), (-1, 1e-5), (4, 0), (4, -1.0), (4, float("nan"))])
def test_a_norm_without_channels_or_with_eps_not_above_zero_is_refused(kind, C, eps):
    with pytest.raises(ConfigError, match="C >= 1 channels and eps > 0"):
        kind(C, eps=eps)


@checks(LayerNorm, RMSNorm, BatchNorm)
@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm, lambda C: lambda x: BatchNorm(C)(x, training=True)])
def test_an_input_of_other_channels_is_refused(kind):
    with pytest.raises(ConfigError, match=r"\(C,\)"):
        kind(5)(X)


@checks(BatchNorm)
@given(steps=st.integers(1, 6), momentum=st.floats(0.05, 1), seed=st.integers(0, 2**32 - 1))
def test_running_averages_move_by_the_momentum_towards_the_unbiased_statistics(steps, momentum, seed):
    rng, norm = np.random.default_rng(seed), BatchNorm(3, momentum=momentum).astype(np.float64)
    mean, variance = np.zeros(3), np.ones(3)
    for _ in range(steps):
        x = rng.normal(1, 2, size=(4, 2, 3))
        norm(x, training=True)
        for c in range(3):
            values = x[:, :, c].ravel().tolist()
            centre = sum(values) / 8
            mean[c] += momentum * (centre - mean[c])
            variance[c] += momentum * (sum((v - centre) ** 2 for v in values) / 7 - variance[c])
    np.testing.assert_allclose(norm.running_mean.data, mean, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(norm.running_variance.data, variance, rtol=1e-11)
    x = rng.normal(size=(1, 1, 3))
    np.testing.assert_allclose(norm(x)[0], (x - mean) / np.sqrt(variance + 1e-5), rtol=1e-11, atol=1e-12)


@checks(BatchNorm)
def test_inference_moves_no_average_and_averages_are_saved_but_not_trained():
    norm = BatchNorm(6).astype(np.float64)
    before = {name: array.copy() for name, array in norm.state_dict().items()}
    norm(X)[1](X)
    assert all(np.array_equal(array, before[name]) for name, array in norm.state_dict().items())
    assert {"running_mean", "running_variance"} < before.keys()
    assert norm.running_mean.grad is None and norm.running_variance.grad is None


@checks(BatchNorm)
def test_one_row_has_no_batch_statistics():
    with pytest.raises(ConfigError, match=r"at least 2 rows; got x \(1, 1, 6\)"):
        BatchNorm(6)(X[:1, :1], training=True)


@checks(Dropout)
@given(p=st.floats(0, 0.99), seed=st.integers(0, 2**32 - 1))
def test_dropout_without_a_generator_or_with_p_0_is_the_identity(p, seed):
    for layer, rng in ((Dropout(p), None), (Dropout(0), np.random.default_rng(seed))):
        y, backward = layer(X, rng)
        assert y is X and backward(X) is X


@checks(Dropout)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean_and_drops_a_share_p(p):
    x = np.ones(200_000)
    y, backward = Dropout(p)(x, np.random.default_rng(0))
    kept = y != 0
    assert set(np.unique(y)) == {0, 1 / (1 - p)}
    error = 5 * np.sqrt(p * (1 - p) / x.size)                             # five standard errors
    assert abs(kept.mean() - (1 - p)) < error and abs(y.mean() - 1) < error / (1 - p)
    np.testing.assert_array_equal(backward(x), y)                         # the same mask, the same scale


@checks(Dropout)
def test_the_generator_alone_decides_what_is_dropped():
    first, again, other = (Dropout(0.5)(X, np.random.default_rng(seed))[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@checks(Dropout)
@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan")])
def test_dropping_everything_or_less_than_nothing_is_refused(p):
    with pytest.raises(ConfigError, match="0 <= p < 1"):
        Dropout(p)


@checks(Dropout)
@pytest.mark.parametrize("p", [0, 0.5])
@pytest.mark.parametrize("rng", [0, True, np.random.RandomState(0), np.random])
def test_what_is_no_generator_is_refused_also_where_nothing_would_be_dropped(p, rng):
    with pytest.raises(ConfigError, match="numpy.random.Generator"):
        Dropout(p)(X, rng)


@checks(ReLU, GELU, GELUTanh, SiLU)
@pytest.mark.parametrize("name, formula", [("relu", formulas.relu), ("gelu", formulas.gelu), ("silu", formulas.silu),
                                           ("gelu_new", formulas.gelu_tanh), ("swish", formulas.silu),
                                           ("gelu_pytorch_tanh", formulas.gelu_tanh)])
def test_the_names_of_config_files_mean_these_formulas(name, formula):
    np.testing.assert_array_equal(ACTIVATIONS[name]()(X)[0], formula(X))
    assert len(ACTIVATIONS) == 6


@checks(MLP)
@given(st.integers(1, 5), st.one_of(st.none(), st.integers(1, 7)), st.booleans(),
       st.sampled_from([ReLU, GELU, GELUTanh, SiLU]))
def test_an_mlp_is_up_activation_down_and_four_times_as_wide_unless_told(C, F, bias, kind):
    mlp = MLP(C, F, rng=np.random.default_rng(0), activation=kind(), bias=bias, std=0.5).astype(np.float64)
    assert mlp.up.weight.shape == (C, F or 4 * C) and mlp.down.weight.shape == (F or 4 * C, C)
    assert len(mlp.parameters()) == (4 if bias else 2)
    x = X[..., :C]
    hidden = kind()(x @ mlp.up.weight.data)[0]
    np.testing.assert_allclose(mlp(x)[0], hidden @ mlp.down.weight.data, rtol=1e-11, atol=1e-13)


@checks(MLP)
def test_the_projection_down_starts_with_its_own_std():
    mlp = MLP(100, rng=np.random.default_rng(0), std=0.5, down_std=0.1)
    assert mlp.up.weight.data.std() == pytest.approx(0.5, rel=0.03)
    assert mlp.down.weight.data.std() == pytest.approx(0.1, rel=0.03)
    assert type(mlp.activation) is GELUTanh
