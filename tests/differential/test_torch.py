"""Every formula, layer and optimiser against PyTorch, in float64. Needs the `oracles` extra."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
F = torch.nn.functional

from scratchgpt import formulas, layers                                       # noqa: E402
from scratchgpt.module import Parameter                                       # noqa: E402
from scratchgpt.optim import SGD, Adam, AdamW, clip_grad_norm                 # noqa: E402
from tests.checks import checks                                               # noqa: E402

CLOSE = dict(rtol=1e-10, atol=1e-12)
SIZES = dict(B=st.integers(1, 3), T=st.integers(1, 5), C=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
CASES = given(**SIZES)


def leaf(x):
    return torch.tensor(x, requires_grad=np.asarray(x).dtype.kind == "f")


def theirs(f, *arrays, dy):
    """PyTorch's f(*arrays) and its gradients by every float array, as NumPy arrays."""
    tensors = [leaf(x) for x in arrays]
    y = f(*tensors)
    gradients = torch.autograd.grad(y, [t for t in tensors if t.requires_grad], torch.tensor(dy))
    return y.detach().numpy(), [g.numpy() for g in gradients]


def assert_all_close(found, expected, **tolerances):
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, **(tolerances or CLOSE))


UNARY = {
    "relu": (formulas.relu, formulas.relu_backward, F.relu, "x"),
    "gelu": (formulas.gelu, formulas.gelu_backward, F.gelu, "x"),
    "gelu_tanh": (formulas.gelu_tanh, formulas.gelu_tanh_backward, lambda x: F.gelu(x, approximate="tanh"), "x"),
    "silu": (formulas.silu, formulas.silu_backward, F.silu, "x"),
    "sigmoid": (formulas.sigmoid, formulas.sigmoid_backward, torch.sigmoid, "y"),
    "erf": (formulas.erf, formulas.erf_backward, torch.erf, "x"),
    "softmax": (formulas.softmax, formulas.softmax_backward, lambda x: torch.softmax(x, -1), "y"),
    "log_softmax": (formulas.log_softmax, formulas.log_softmax_backward, lambda x: torch.log_softmax(x, -1), "y"),
}


@checks(*(f for ours in UNARY.values() for f in ours[:2]))
@pytest.mark.parametrize("name", UNARY)
@given(scale=st.sampled_from([0.1, 1.0, 5.0]), **SIZES)
def test_formulas_of_one_array(name, scale, B, T, C, seed):
    forward, backward, reference, needs = UNARY[name]
    rng = np.random.default_rng(seed)
    x, dy = scale * rng.normal(size=(B, T, C)), rng.normal(size=(B, T, C))
    y, [dx] = theirs(reference, x, dy=dy)
    np.testing.assert_allclose(forward(x), y, **CLOSE)
    np.testing.assert_allclose(backward(dy, x if needs == "x" else forward(x)), dx, **CLOSE)


@checks(formulas.linear, formulas.linear_backward)
@CASES
def test_linear(B, T, C, seed):
    rng = np.random.default_rng(seed)
    x, W, b, dy = (rng.normal(size=shape) for shape in ((B, T, C), (C, 3), (3,), (B, T, 3)))
    y, gradients = theirs(lambda x, W, b: F.linear(x, W.T, b), x, W, b, dy=dy)
    np.testing.assert_allclose(formulas.linear(x, W, b), y, **CLOSE)
    assert_all_close(formulas.linear_backward(dy, x, W), gradients)


@checks(formulas.embedding, formulas.embedding_backward)
@CASES
def test_embedding(B, T, C, seed):
    rng = np.random.default_rng(seed)
    ids, W, dy = rng.integers(0, 4, (B, T)), rng.normal(size=(4, C)), rng.normal(size=(B, T, C))
    y, [dW] = theirs(F.embedding, ids, W, dy=dy)
    np.testing.assert_array_equal(formulas.embedding(ids, W), y)
    np.testing.assert_allclose(formulas.embedding_backward(dy, ids, 4), dW, **CLOSE)


@checks(formulas.layer_norm, formulas.layer_norm_backward, formulas.rms_norm, formulas.rms_norm_backward)
@given(eps=st.sampled_from([1e-5, 1e-6, 0.1]), **SIZES)
def test_layer_norm_and_rms_norm(eps, B, T, C, seed):
    rng = np.random.default_rng(seed)
    x, w, b, dy = (rng.normal(size=shape) for shape in ((B, T, C), (C,), (C,), (B, T, C)))
    y, gradients = theirs(lambda x, w, b: F.layer_norm(x, (C,), w, b, eps), x, w, b, dy=dy)
    np.testing.assert_allclose(formulas.layer_norm(x, w, b, eps), y, **CLOSE)
    assert_all_close(formulas.layer_norm_backward(dy, x, w, eps), gradients, rtol=1e-9, atol=1e-11)
    y, gradients = theirs(lambda x, w: F.rms_norm(x, (C,), w, eps), x, w, dy=dy)
    np.testing.assert_allclose(formulas.rms_norm(x, w, eps), y, **CLOSE)
    assert_all_close(formulas.rms_norm_backward(dy, x, w, eps), gradients)


@checks(formulas.batch_norm, formulas.batch_norm_backward, layers.BatchNorm)
@given(N=st.integers(2, 9), C=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
def test_batch_norm_with_its_running_averages(N, C, seed):
    rng = np.random.default_rng(seed)
    reference = torch.nn.BatchNorm1d(C, eps=1e-3, momentum=0.3).double()
    ours = layers.BatchNorm(C, eps=1e-3, momentum=0.3).astype(np.float64)
    ours.weight.data, ours.bias.data = rng.normal(size=C), rng.normal(size=C)
    with torch.no_grad():
        reference.weight[:], reference.bias[:] = torch.tensor(ours.weight.data), torch.tensor(ours.bias.data)
    for training in (True, True, False):
        x, dy = rng.normal(size=(2, N, C))
        reference.train(training)
        y, [dx] = theirs(reference, x, dy=dy)
        found, backward = ours(x, training=training)
        np.testing.assert_allclose(found, y, **CLOSE)
        np.testing.assert_allclose(backward(dy), dx, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(ours.running_mean.data, reference.running_mean, **CLOSE)
        np.testing.assert_allclose(ours.running_variance.data, reference.running_var, **CLOSE)


@checks(formulas.cross_entropy, formulas.cross_entropy_backward)
@given(smoothing=st.sampled_from([0.0, 0.1, 0.5]), ignore=st.sampled_from([-100, 0]), **SIZES)
def test_cross_entropy_with_smoothing_and_ignored_targets(smoothing, ignore, B, T, C, seed):
    rng = np.random.default_rng(seed)
    logits, targets = 3 * rng.normal(size=(B, T, C)), rng.integers(0, C, (B, T))
    targets[rng.random((B, T)) < 0.3] = ignore
    if (targets == ignore).all():
        return                                                              # PyTorch says NaN; ours is tested elsewhere
    loss, [dlogits] = theirs(lambda s, t: F.cross_entropy(s.reshape(-1, C), t.reshape(-1), ignore_index=ignore,
                                                          label_smoothing=smoothing), logits, targets, dy=2.5)
    found, p = formulas.cross_entropy(logits, targets, ignore, smoothing)
    np.testing.assert_allclose(found, loss, **CLOSE)
    np.testing.assert_allclose(formulas.cross_entropy_backward(2.5, p, targets, ignore, smoothing), dlogits, **CLOSE)


@checks(formulas.attention, formulas.attention_backward, formulas.causal_attention, formulas.causal_attention_backward,
        formulas.causal_mask, formulas.padding_mask)
@given(S=st.integers(1, 5), kind=st.sampled_from(["none", "causal", "padding"]), **SIZES)
def test_attention(S, kind, B, T, C, seed):
    rng = np.random.default_rng(seed)
    S = max(S, T) if kind == "causal" else S
    q, k, v, do = (rng.normal(size=(B, 2, n, C)) for n in (T, S, S, T))
    words = rng.random((B, S)) < 0.7
    words[:, 0] = True                                                       # PyTorch gives NaN where all are masked
    mask = {"none": None, "causal": formulas.causal_mask(T, S, like=q), "padding": formulas.padding_mask(words)}[kind]
    theirs_mask = None if mask is None else torch.tensor(mask)
    o, gradients = theirs(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, theirs_mask), q, k, v, dy=do)
    found, p = formulas.attention(q, k, v, mask)
    np.testing.assert_allclose(found, o, **CLOSE)
    assert_all_close(formulas.attention_backward(do, q, k, v, p), gradients)
    if kind == "causal":
        found, l = formulas.causal_attention(q, k, v)
        np.testing.assert_allclose(found, o, **CLOSE)
        assert_all_close(formulas.causal_attention_backward(do, q, k, v, found, l), gradients)


@checks(layers.MultiHeadAttention, layers.SeparateProjections)
@given(cross=st.booleans(), S=st.integers(1, 5), **SIZES)
def test_multi_head_attention(cross, S, B, T, C, seed):
    rng, C, C_memory = np.random.default_rng(seed), 2 * C, 3 if cross else 2 * C
    reference = torch.nn.MultiheadAttention(C, 2, kdim=C_memory, vdim=C_memory, batch_first=True).double()
    project = layers.SeparateProjections(C, rng=rng, C_memory=C_memory)
    ours = layers.MultiHeadAttention(project, layers.Linear(C, C, rng=rng), 2).astype(np.float64)
    for parameter in ours.parameters():
        parameter.data = rng.normal(size=parameter.shape)
    ins = [project.q, project.k, project.v]
    with torch.no_grad():
        weights = [torch.tensor(linear.weight.data.T) for linear in ins]
        if C_memory == C:
            reference.in_proj_weight[:] = torch.cat(weights)
        else:
            reference.q_proj_weight[:], reference.k_proj_weight[:], reference.v_proj_weight[:] = weights
        reference.in_proj_bias[:] = torch.tensor(np.concatenate([linear.bias.data for linear in ins]))
        reference.out_proj.weight[:] = torch.tensor(ours.out.weight.data.T)
        reference.out_proj.bias[:] = torch.tensor(ours.out.bias.data)
    x, dy = rng.normal(size=(2, B, T, C))
    arrays = [x, rng.normal(size=(B, S, C_memory))] if cross else [x]
    y, gradients = theirs(lambda x, m=None: reference(*((x, m, m) if cross else (x, x, x)))[0], *arrays, dy=dy)
    found, backward = ours(*arrays)
    np.testing.assert_allclose(found, y, **CLOSE)
    result = backward(dy)
    assert_all_close(result if cross else (result,), gradients)


OPTIMIZERS = {
    "sgd": (SGD, torch.optim.SGD, dict(lr=0.1)),
    "momentum": (SGD, torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
    "nesterov with decay": (SGD, torch.optim.SGD, dict(lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.1)),
    "adam": (Adam, torch.optim.Adam, dict(lr=0.01, betas=(0.8, 0.95), eps=1e-6)),
    "adam with decay": (Adam, torch.optim.Adam, dict(lr=0.01, weight_decay=0.1)),
    "adamw": (AdamW, torch.optim.AdamW, dict(lr=0.01, weight_decay=0.1)),
}


@checks(SGD, Adam, AdamW, clip_grad_norm)
@pytest.mark.parametrize("name", OPTIMIZERS)
@given(max_norm=st.sampled_from([None, 0.5, 50.0]), seed=st.integers(0, 2**32 - 1))
def test_optimizers_over_several_steps_with_and_without_clipping(name, max_norm, seed):
    ours, reference, options = OPTIMIZERS[name]
    rng = np.random.default_rng(seed)
    parameters = [Parameter(rng.normal(size=shape)) for shape in ((3, 2), (4,), (2, 2))]
    tensors = [torch.nn.Parameter(torch.tensor(parameter.data.copy())) for parameter in parameters]
    ours, reference = ours(parameters, decays=lambda parameter: True, **options), reference(tensors, **options)
    for step in range(6):
        ours.lr = reference.param_groups[0]["lr"] = options["lr"] / (1 + step)
        for parameter, tensor in zip(parameters, tensors):
            parameter.grad = rng.normal(size=parameter.shape)
            tensor.grad = torch.tensor(parameter.grad.copy())
        if max_norm is not None:
            expected = torch.nn.utils.clip_grad_norm_(tensors, max_norm)
            assert clip_grad_norm(parameters, max_norm) == pytest.approx(float(expected), rel=1e-12)
        ours.step(), reference.step()
    for parameter, tensor in zip(parameters, tensors):
        np.testing.assert_allclose(parameter.data, tensor.detach().numpy(), **CLOSE)


@checks(formulas.sinusoidal_positions)
@given(T=st.integers(1, 9), pairs=st.integers(1, 4), offset=st.integers(0, 99))
def test_sinusoidal_positions_as_the_pytorch_tutorials_compute_them(T, pairs, offset):
    position = torch.arange(offset, offset + T, dtype=torch.float64)[:, None]
    wave = torch.exp(torch.arange(0, 2 * pairs, 2, dtype=torch.float64) * (-math.log(10000.0) / (2 * pairs)))
    expected = torch.stack([torch.sin(position * wave), torch.cos(position * wave)], dim=-1).reshape(T, -1)
    np.testing.assert_allclose(formulas.sinusoidal_positions(np.arange(offset, offset + T), 2 * pairs, np.zeros(1)), expected, **CLOSE)
