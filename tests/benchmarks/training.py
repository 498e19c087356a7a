"""A full training step (forward, backward, clip, AdamW) against PyTorch eager, in one process, in turns.

    python -m tests.benchmarks.training            needs the `oracles` extra

Both sides compute the same mathematics in float32 on all cores, from the same weights on the same batch; the first
losses and gradient norms are compared before anything is timed. PyTorch comes in two forms: eager with attention
written out as products and a softmax and AdamW as it comes, and with its fused kernels for both. Both gain from this
process's allocator setting (`backend.keep_freed_memory`), which PyTorch alone does not have. Memory is measured in a
process of its own, without PyTorch.
"""

import argparse
import os

os.environ.pop("OPENBLAS_CORETYPE", None)

import numpy as np  # noqa: E402

import scratchgpt as sg  # noqa: E402
from tests.benchmarks.machine import in_turns, measured_apart, peak_memory, sgemm_speed  # noqa: E402

SIZES = {"4 x 128": dict(n_layer=4, n_head=4, n_embd=128, n_positions=64, vocab_size=65, batch=12, context=64),
         "6 x 384": dict(n_layer=6, n_head=6, n_embd=384, n_positions=256, vocab_size=65, batch=8, context=256),
         "GPT-2 124M": dict(batch=4, context=64)}
ROUNDS = {"4 x 128": 60, "6 x 384": 12, "GPT-2 124M": 10}
GOALS = {"4 x 128": 1.1, "6 x 384": 1.5, "GPT-2 124M": 2.2}
OPTIMIZER = dict(lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1)


def make(size):
    """A fresh model of the size and one batch."""
    sizes = dict(size)
    batch, context = sizes.pop("batch"), sizes.pop("context")
    model = sg.GPT2(sg.GPT2Config(**sizes), rng=np.random.default_rng(0))
    tokens = np.random.default_rng(1).integers(0, model.config.vocab_size, (batch, context + 1))
    return model, tokens[:, :-1], tokens[:, 1:]


def our_step(model, x, y):
    """A function that makes one step and returns (loss, gradient norm)."""
    optimizer = sg.AdamW(model.parameters(), **OPTIMIZER)

    def step():
        model.zero_grad()
        loss, backward = model.loss(x, y)
        backward()
        norm = sg.clip_grad_norm(model.parameters(), 1.0)
        optimizer.step()
        return float(loss), norm
    return step


def torch_step(model, x, y, fused):
    """The same for PyTorch, from a copy of the same weights."""
    from tests.benchmarks.torch_gpt2 import TorchGPT2
    peer = TorchGPT2(model, fused)
    return peer_step(peer, peer.loss, x, y, fused)


def peer_step(peer, loss_of, x, y, fused=False):
    """A function that makes one step of a PyTorch model, with loss_of(x, y), and returns (loss, gradient norm)."""
    import torch
    groups = [{"params": [p for p in peer.parameters() if p.ndim >= 2]},
              {"params": [p for p in peer.parameters() if p.ndim < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, fused=fused or None, **OPTIMIZER)
    x, y = torch.tensor(x), torch.tensor(y)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(x, y)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
        optimizer.step()
        return loss.item(), norm.item()
    return step


def training_flops(model, tokens, context):
    """6 operations per weight of a matrix and token, and 12 L C T per token for the attention scores."""
    matrices = sum(p.size for p in model.parameters() if p.ndim == 2) - model.wpe.weight.size
    return tokens * (6 * matrices + 12 * model.config.n_layer * model.config.n_embd * context)


def memory_of_a_step(size):
    """Peak resident bytes of a process that makes two steps."""
    model, x, y = make(size)
    step = our_step(model, x, y)
    step()
    step()
    return peak_memory()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(SIZES))
    parser.add_argument("--alone", action="store_true", help="time our side only")
    options = parser.parse_args()
    print("milliseconds a step; ratio = PyTorch's time / ours")
    print(f"{'size':12} {'ours':>8} {'eager':>8} {'ratio':>6} {'goal':>5} {'fused':>8} {'ratio':>6} {'GFLOP/s':>8} {'of sgemm':>9}")
    for name, size in SIZES.items():
        if options.only not in (None, name):
            continue
        model, x, y = make(size)
        steps = {"ours": our_step(model, x, y)}
        if not options.alone:
            steps |= {"eager": torch_step(model, x, y, False), "fused": torch_step(model, x, y, True)}
            first = [step() for step in steps.values()]
            np.testing.assert_allclose(first[1:], [first[0]] * 2, rtol=1e-3)      # the same mathematics, or no comparison
        times = in_turns(steps, ROUNDS[name])
        speed = training_flops(model, x.size, x.shape[1]) / times["ours"]
        ours, eager, fused = (times.get(side, float("nan")) for side in ("ours", "eager", "fused"))
        print(f"{name:12} {ours * 1e3:8.1f} {eager * 1e3:8.1f} {eager / ours:6.2f} {GOALS[name]:5.1f} {fused * 1e3:8.1f} "
              f"{fused / ours:6.2f} {speed / 1e9:8.0f} {speed / sgemm_speed():9.0%}", flush=True)
        del model, steps
    if options.only in (None, "GPT-2 124M"):
        print(f"peak memory of a GPT-2 124M step: {measured_apart(memory_of_a_step, SIZES['GPT-2 124M']) / 1e9:.2f} GB (goal: under 3)")


if __name__ == "__main__":
    main()
