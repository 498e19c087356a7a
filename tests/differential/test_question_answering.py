"""The post-LN decoder said once more, in PyTorch: scores, loss and every gradient, with its own autograd.

Needs the `oracles` extra.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
F = torch.nn.functional

from scratchgpt.decoding import generate                                          # noqa: E402
from scratchgpt.models import QuestionAnsweringConfig, QuestionAnsweringGPT       # noqa: E402
from tests.checks import checks                                                   # noqa: E402

V, P, C, H, D, L = 11, 9, 12, 3, 5, 2


def in_torch(w, ids, words):
    """The logits, with weights {our name: tensor}; words (B, T) booleans."""
    B, T = ids.shape
    places = (words.long().cumsum(dim=1) - 1).clamp(min=0)
    x = w["embed_tokens.weight"][ids] + w["embed_positions.weight"][places]
    seen = words[:, None, None] & torch.ones(T, T, dtype=torch.bool).tril()
    seen = seen | ~seen.any(dim=-1, keepdim=True) & torch.eye(T, dtype=torch.bool)        # no row of NaN
    for i in range(L):
        def part(name, i=i):
            return w[f"layers.{i}.{name}.weight"]
        q, k, v = ((x @ part(f"attention.project.{name}")).reshape(B, T, H, D).transpose(1, 2) for name in "qkv")
        o = F.scaled_dot_product_attention(q, k, v, seen).transpose(1, 2).reshape(B, T, H * D)
        x = F.layer_norm(x + o @ part("attention.out"), (C,), part("norm1"), w[f"layers.{i}.norm1.bias"], 1e-5)
        f = F.relu(x @ part("mlp.up")) @ part("mlp.down")
        x = F.layer_norm(x + f, (C,), part("norm2"), w[f"layers.{i}.norm2.bias"], 1e-5)
    return x @ w["lm_head.weight"]


def made(seed):
    rng = np.random.default_rng(seed)
    config = QuestionAnsweringConfig(V, n_positions=P, n_embd=C, n_head=H, head_dim=D, n_inner=17, n_layer=L)
    model = QuestionAnsweringGPT(config, rng=rng).astype(np.float64)
    for parameter in model.parameters():
        parameter.data = parameter.data + 0.3 * rng.normal(size=parameter.shape)
    return model, rng


@checks(QuestionAnsweringGPT)
@given(B=st.integers(1, 3), T=st.integers(1, P), side=st.sampled_from(["left", "right", None]),
       seed=st.integers(0, 2**32 - 1))
def test_scores_loss_and_every_gradient_are_those_of_autograd_padded_or_not(B, T, side, seed):
    model, rng = made(seed)
    ids, targets = rng.integers(0, V, (2, B, T))
    lengths = rng.integers(1, T + 1, (B, 1)) if side else np.full((B, 1), T)
    words = np.arange(T) >= T - lengths if side == "left" else np.arange(T) < lengths
    targets = np.where(words, targets, -100)
    weights = {name: torch.tensor(array.copy(), requires_grad=True) for name, array in model.state_dict().items()}
    expected = in_torch(weights, torch.tensor(ids), torch.tensor(words))
    expected_loss = F.cross_entropy(expected.reshape(B * T, V), torch.tensor(targets).reshape(B * T))
    expected_loss.backward()
    logits = model.logits(ids, attention_mask=words)
    np.testing.assert_allclose(logits[words], expected.detach().numpy()[words], rtol=1e-10, atol=1e-12)
    loss, backward = model.loss(ids, targets, attention_mask=words)
    backward()
    np.testing.assert_allclose(loss, expected_loss.item(), rtol=1e-10)
    for name, parameter in model.named_parameters():
        found, grad = parameter.grad, weights[name].grad.numpy()
        np.testing.assert_allclose(found, grad, err_msg=name, rtol=1e-10, atol=1e-10 * (1 + np.abs(grad).max()))


@checks(QuestionAnsweringGPT, generate)
@pytest.mark.parametrize("seed", range(5))
def test_greedy_text_is_that_of_the_whole_run_anew_for_every_letter(seed):
    model, rng = made(seed)
    weights = {name: torch.tensor(array) for name, array in model.state_dict().items()}
    ids = rng.integers(0, V, (2, 3))
    expected = torch.tensor(ids)
    for _ in range(P - 3):
        logits = in_torch(weights, expected, torch.ones(expected.shape, dtype=torch.bool))
        expected = torch.cat([expected, logits[:, -1:].argmax(dim=-1)], dim=1)
    np.testing.assert_array_equal(generate(model, ids, max_new_tokens=P - 3), expected.numpy())
