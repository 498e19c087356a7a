"""GPT-2 said once more, in PyTorch: the loss and every gradient, with its own autograd. Needs the `oracles` extra."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
F = torch.nn.functional

from scratchgpt.models import GPT2, GPT2Config                               # noqa: E402
from scratchgpt.optim import AdamW, clip_grad_norm                           # noqa: E402
from tests.checks import checks                                              # noqa: E402

V, P, C, H, L = 11, 8, 12, 3, 2


def gpt2_in_torch(w, ids, targets, eps=1e-5):
    """The loss of GPT-2 with weights {our name: tensor}, in PyTorch's own functions."""
    B, T = ids.shape
    x = w["wte.weight"][ids] + w["wpe.weight"][:T]
    for i in range(L):
        def part(name, i=i):
            return w[f"h.{i}.{name}.weight"], w[f"h.{i}.{name}.bias"]
        n = F.layer_norm(x, (C,), *part("norm1"), eps)
        W, b = part("attention.project.qkv")
        q, k, v = (a.reshape(B, T, H, C // H).transpose(1, 2) for a in (n @ W + b).split(C, dim=-1))
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(B, T, C)
        W, b = part("attention.out")
        x = x + o @ W + b
        n = F.layer_norm(x, (C,), *part("norm2"), eps)
        W, b = part("mlp.up")
        f = F.gelu(n @ W + b, approximate="tanh")
        W, b = part("mlp.down")
        x = x + f @ W + b
    x = F.layer_norm(x, (C,), w["ln_f.weight"], w["ln_f.bias"], eps)
    return F.cross_entropy((x @ w["wte.weight"].T).reshape(B * T, V), targets.reshape(B * T))


def model_and_batch(seed, B, T, dtype, std=0.3):
    rng = np.random.default_rng(seed)
    config = GPT2Config(vocab_size=V, n_positions=P, n_embd=C, n_head=H, n_layer=L, initializer_range=std)
    model = GPT2(config, rng=rng).astype(dtype)
    for parameter in model.parameters():
        parameter.data = (parameter.data + 0.1 * rng.normal(size=parameter.shape)).astype(dtype)
    ids, targets = rng.integers(0, V, (B, T)), rng.integers(0, V, (B, T))
    if B * T > 1:
        targets[0, 0] = -100
    return model, ids, targets


def tensors_of(model):
    return {name: torch.tensor(array.copy(), requires_grad=True) for name, array in model.state_dict().items()}


@checks(GPT2)
@pytest.mark.parametrize("dtype, close", [(np.float64, dict(rtol=1e-10, atol=1e-12)),
                                          (np.float32, dict(rtol=1e-4, atol=1e-5))])
@given(B=st.integers(1, 3), T=st.integers(1, P), seed=st.integers(0, 2**32 - 1))
def test_the_loss_and_every_gradient_are_those_of_autograd(dtype, close, B, T, seed):
    model, ids, targets = model_and_batch(seed, B, T, dtype)
    weights = tensors_of(model)
    expected = gpt2_in_torch(weights, torch.tensor(ids), torch.tensor(targets))
    expected.backward()
    loss, backward = model.loss(ids, targets)
    backward()
    np.testing.assert_allclose(loss, expected.item(), **close)
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.grad, weights[name].grad.numpy(), err_msg=name, **close)


@checks(GPT2, AdamW, clip_grad_norm)
def test_twenty_steps_of_training_follow_pytorch_to_ten_digits():
    model, ids, targets = model_and_batch(0, 3, P, np.float64)
    weights = tensors_of(model)
    matrices = [w for w in weights.values() if w.ndim >= 2]
    others = [w for w in weights.values() if w.ndim < 2]
    reference = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
                                  lr=1e-2, betas=(0.9, 0.99))
    ours = AdamW(model.parameters(), lr=1e-2, betas=(0.9, 0.99), weight_decay=0.1)
    for step in range(20):
        loss, backward = model.loss(ids, targets)
        model.zero_grad()
        backward()
        reference.zero_grad()
        expected = gpt2_in_torch(weights, torch.tensor(ids), torch.tensor(targets))
        expected.backward()
        assert float(loss) == pytest.approx(expected.item(), rel=1e-9)
        norm = torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        assert clip_grad_norm(model.parameters(), 1.0) == pytest.approx(float(norm), rel=1e-8)
        ours.step(), reference.step()
    assert math.isfinite(float(loss)) and float(loss) < 2
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(parameter.data, weights[name].detach().numpy(), rtol=1e-7, atol=1e-9, err_msg=name)
