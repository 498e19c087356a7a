"""A whole training run beside PyTorch's: the same first weights, the same batches, the same recipe, two losses.

    python -m tests.benchmarks.recipe TEXT_FILE [--seed N] [--steps N]      needs the `oracles` extra

Characters, 4 layers x 4 heads x 128, context 64, batch 12, AdamW 1e-3 -> 1e-4 by a cosine, warmup 100, beta2 0.99, decay
0.1 on matrices, clip 1, no dropout: the small recipe of nanoGPT's README, whose published figure for tiny Shakespeare is
a validation loss of 1.88 on a few random batches. Here both are judged over the whole held-out tenth.
"""

import argparse
import time

import numpy as np

import scratchgpt as sg
from tests.benchmarks.torch_gpt2 import TorchGPT2

CONTEXT, BATCH = 64, 12


def make(text, steps, seed):
    """A trainer as the command line would make it."""
    tokenizer = sg.CharTokenizer.train(text)
    tokens = tokenizer.encode_array(text)
    cut = len(text) - round(len(text) / 10)
    rng = np.random.default_rng(seed)
    config = sg.GPT2Config(vocab_size=tokenizer.vocab_size, n_positions=CONTEXT, n_embd=128, n_layer=4, n_head=4,
                           resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    model = sg.GPT2(config, rng=rng)
    optimizer = sg.AdamW(model.parameters(), 1e-3, (0.9, 0.99), weight_decay=0.1)
    return sg.Trainer(model, optimizer, sg.schedule.cosine(1e-3, steps, 100, 1e-4),
                      sg.TextData(tokens[:cut], tokens[cut:], CONTEXT, BATCH),
                      sg.TrainingConfig(steps, eval_every=steps), rng)


def train_torch(trainer):
    """PyTorch's side of `trainer`, before its first step; returns the peer."""
    import torch
    peer = TorchGPT2(trainer.model, fused=True)
    matrices = [p for p in peer.parameters() if p.ndim >= 2]
    vectors = [p for p in peer.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": matrices}, {"params": vectors, "weight_decay": 0.0}], lr=1e-3,
                                  betas=(0.9, 0.99), weight_decay=0.1, fused=True)
    for step in range(trainer.config.steps):
        (x, y), _ = trainer.data.batch(trainer.rng)
        for group in optimizer.param_groups:
            group["lr"] = trainer.schedule(step)
        optimizer.zero_grad()
        peer.loss(torch.tensor(x), torch.tensor(y)).backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
        optimizer.step()
    return peer


def judge_torch(peer, tokens):
    """The peer's mean loss over all windows of the held-out text."""
    import torch
    total = count = 0
    with torch.inference_mode():
        for x, y in sg.windows(tokens, 32, CONTEXT):
            total += peer.loss(torch.tensor(x), torch.tensor(y)).item() * y.size
            count += y.size
    return total / count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    with open(options.text, encoding="utf-8") as file:
        text = file.read()
    started = time.perf_counter()
    peer_loss = judge_torch(train_torch(make(text, options.steps, options.seed)),
                            make(text, options.steps, options.seed).data.validation)
    print(f"PyTorch     validation loss {peer_loss:.4f}, {time.perf_counter() - started:.0f} s", flush=True)
    started, trainer = time.perf_counter(), make(text, options.steps, options.seed)
    trainer.run()
    print(f"scratchgpt  validation loss {trainer.history[-1]['validation_loss']:.4f}, "
          f"{time.perf_counter() - started:.0f} s")
    overlapping = sg.evaluate(trainer.model, trainer.data.validation, CONTEXT, stride=CONTEXT // 2)
    print(f"            {overlapping.loss:.4f} with windows that overlap by half")


if __name__ == "__main__":
    main()
