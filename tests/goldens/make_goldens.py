"""Make the files beside this script with PyTorch and transformers, so that the plain suite can check without them.

    python -m tests.goldens.make_goldens        needs the `oracles` extra

formulas.npz       "<formula>/<array>": inputs, the upstream gradient, the result and every gradient, in float64
optimizers.npz     "<optimizer>/<array>": the weights before, six gradients, the weights after
gpt2/              a small model as transformers saves it, and expected.npz with ids, logits, loss, every gradient and
                   the greedy text that transformers and autograd give for it, in float64
llama/ and others  as `make_llama_goldens` says
All inputs are drawn by NumPy, so that they do not depend on the version of PyTorch.
"""

import sys
from pathlib import Path

import numpy as np

from tests.goldens.make_llama_goldens import make_llama

HERE = Path(__file__).parent
OPTIMIZERS = {
    "SGD": dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
    "Adam": dict(lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    "AdamW": dict(lr=0.01, betas=(0.9, 0.99), weight_decay=0.1),
}


def formulas(rng):
    """{formula: (PyTorch's function, its arrays by name)}."""
    import torch
    F = torch.nn.functional
    x, dy = 2 * rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    w, b, W = rng.normal(size=5), rng.normal(size=5), rng.normal(size=(5, 4))
    q, k, v = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 6, 3)), rng.normal(size=(2, 6, 3))
    mask = torch.ones(4, 6, dtype=torch.bool).tril(2)
    targets = torch.tensor([1, -100, 4])
    one = {"gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu, "relu": F.relu,
           "sigmoid": torch.sigmoid, "erf": torch.erf, "softmax": lambda x: torch.softmax(x, -1),
           "log_softmax": lambda x: torch.log_softmax(x, -1)}
    return {
        **{name: (f, {"x": x}, dy) for name, f in one.items()},
        "linear": (lambda x, W, b: x @ W + b, {"x": x, "W": W, "b": rng.normal(size=4)}, rng.normal(size=(3, 4))),
        "layer_norm": (lambda x, w, b: F.layer_norm(x, (5,), w, b, 1e-5), {"x": x, "w": w, "b": b}, dy),
        "rms_norm": (lambda x, w: F.rms_norm(x, (5,), w, 1e-6), {"x": x, "w": w}, dy),
        "batch_norm": (lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True, eps=1e-5),
                       {"x": x, "w": w, "b": b}, dy),
        "attention": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v, mask), {"q": q, "k": k, "v": v},
                      rng.normal(size=(2, 4, 3))),
        "cross_entropy": (lambda x: F.cross_entropy(x, targets, label_smoothing=0.1), {"x": x}, np.array(1.5)),
    }


def make_formulas(folder):
    import torch
    arrays = {}
    for name, (f, inputs, dy) in formulas(np.random.default_rng(0)).items():
        tensors = [torch.tensor(x, requires_grad=True) for x in inputs.values()]
        y = f(*tensors)
        y.backward(torch.tensor(dy))
        arrays.update({f"{name}/{key}": x for key, x in inputs.items()})
        arrays.update({f"{name}/d{key}": t.grad.numpy() for key, t in zip(inputs, tensors)})
        arrays.update({f"{name}/y": y.detach().numpy(), f"{name}/dy": dy})
    np.savez_compressed(folder / "formulas.npz", **arrays)


def make_optimizers(folder):
    import torch
    rng, arrays = np.random.default_rng(1), {}
    for name, options in OPTIMIZERS.items():
        before, gradients = rng.normal(size=(3, 4)), rng.normal(size=(6, 3, 4))
        w = torch.nn.Parameter(torch.tensor(before))
        optimizer = getattr(torch.optim, name)([w], **options)
        for gradient in gradients:
            w.grad = torch.tensor(gradient)
            optimizer.step()
        arrays.update({f"{name}/before": before, f"{name}/gradients": gradients, f"{name}/after": w.detach().numpy()})
    np.savez_compressed(folder / "optimizers.npz", **arrays)


def make_gpt2(folder):
    import torch
    import transformers
    rng = np.random.default_rng(2)
    config = transformers.GPT2Config(vocab_size=19, n_positions=12, n_embd=8, n_head=2, n_layer=2, bos_token_id=0,
                                     eos_token_id=0)
    model = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            around = 1.0 if parameter.ndim == 1 and (parameter == 1).all() else 0.0
            parameter[...] = torch.tensor(around + 0.3 * rng.normal(size=tuple(parameter.shape)))
    model.save_pretrained(folder / "gpt2")
    (folder / "gpt2" / "generation_config.json").unlink(missing_ok=True)
    ids, targets = rng.integers(0, 19, (3, 12)), rng.integers(0, 19, (3, 12))
    targets[1, 5:] = -100
    logits = model.double()(torch.tensor(ids)).logits
    loss = torch.nn.functional.cross_entropy(logits.reshape(-1, 19), torch.tensor(targets).reshape(-1))
    loss.backward()
    prompt = torch.tensor(ids[:, :3])
    greedy = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=9, do_sample=False,
                            eos_token_id=None, pad_token_id=0)
    gradients = {name: parameter.grad.numpy() for name, parameter in model.named_parameters()}
    np.savez_compressed(folder / "gpt2" / "expected.npz", ids=ids, targets=targets, logits=logits.detach().numpy(),
                        loss=loss.item(), greedy=greedy.numpy(), **gradients)


def make(folder):
    """Write every golden to `folder`."""
    make_formulas(folder)
    make_optimizers(folder)
    make_gpt2(folder)
    make_llama(folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
