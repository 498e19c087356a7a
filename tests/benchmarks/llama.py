"""A Llama of 125M parameters: training and decoding, against our GPT-2 124M and against transformers, in one process.

    python -m tests.benchmarks.llama            needs the `oracles` extra

All sides compute in float32 on all cores, in turns. Against GPT-2 the time for each parameter is compared, as the sizes
differ a little; against transformers (eager attention, and its default, sdpa) the same weights on the same batch, whose
first losses must agree, and whose greedy tokens must be the same, before anything is timed.
"""

import argparse
import os
import tempfile

os.environ.pop("OPENBLAS_CORETYPE", None)

import numpy as np  # noqa: E402

import scratchgpt as sg  # noqa: E402
from tests.benchmarks.decoding import NEW, PROMPT, transformers_generate  # noqa: E402
from tests.benchmarks.machine import in_turns  # noqa: E402
from tests.benchmarks.training import our_step, peer_step  # noqa: E402

SIZES = dict(vocab_size=50257, hidden_size=768, intermediate_size=2432, num_hidden_layers=12, num_attention_heads=12,
             num_key_value_heads=4, max_position_embeddings=1024, tie_word_embeddings=True, initializer_range=0.05)
BATCH, CONTEXT = 4, 64


def make():
    """{name: model}: a Llama and a GPT-2 with random weights, so large that greedy choices are no ties."""
    return {"llama": sg.Llama(sg.LlamaConfig(**SIZES), rng=np.random.default_rng(0)),
            "gpt2": sg.GPT2(sg.GPT2Config.preset("gpt2", initializer_range=0.05), rng=np.random.default_rng(0))}


def their_step(folder, attention, ids):
    """A function that lets transformers make one training step on ids (B, T + 1) and returns (loss, gradient norm)."""
    import torch
    from transformers import LlamaForCausalLM
    peer = LlamaForCausalLM.from_pretrained(folder, attn_implementation=attention).train()

    def loss(x, y):
        logits = peer(x, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1))
    return peer_step(peer, loss, ids[:, :-1], ids[:, 1:])


def peers(alone, model, make_one):
    """{name: what make_one(folder, attention) makes} for transformers in both forms of attention."""
    if alone:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return {attention: make_one(folder, attention) for attention in ("eager", "sdpa")}


def report(what, unit, seconds, amount, parameters):
    """Print speeds, the time for each parameter against GPT-2's, and the ratios to transformers."""
    speed = {name: amount / s for name, s in seconds.items()}
    each = {name: seconds[name] / parameters[name] for name in parameters}
    print(f"{what}: " + ", ".join(f"{name} {value:.1f} {unit}" for name, value in speed.items()))
    print(f"  GPT-2's time for each parameter / Llama's: {each['gpt2'] / each['llama']:.2f} (goal: 1)")
    for name in ("eager", "sdpa"):
        if name in seconds:
            goal = " (goal: above 1)" if name == "eager" else ""
            print(f"  transformers' time, {name} attention / ours: {seconds[name] / seconds['llama']:.2f}{goal}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alone", action="store_true", help="time our side only")
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    models, rng = make(), np.random.default_rng(1)
    parameters = {name: model.num_parameters for name, model in models.items()}
    ids, prompt = rng.integers(0, 50257, (BATCH, CONTEXT + 1)), rng.integers(0, 50257, (1, PROMPT))

    sides = {name: lambda model=model: sg.generate(model, prompt, max_new_tokens=NEW) for name, model in models.items()}
    sides |= peers(options.alone, models["llama"],
                   lambda folder, attention: transformers_generate(folder, prompt, attention))
    for name in sides.keys() - models.keys():
        np.testing.assert_array_equal(sides[name](), sides["llama"]())       # the same tokens, or no comparison
    report("decoding one row", "tokens/s", in_turns(sides, options.rounds), NEW, parameters)

    sides = peers(options.alone, models["llama"], lambda *how: their_step(*how, ids))
    sides = {name: our_step(model, ids[:, :-1], ids[:, 1:]) for name, model in models.items()} | sides
    first = {name: step() for name, step in sides.items()}
    for name in sides.keys() - models.keys():
        np.testing.assert_allclose(first[name], first["llama"], rtol=1e-3)   # the same mathematics, or no comparison
    report("training step", "tokens/s", in_turns(sides, options.rounds), BATCH * CONTEXT, parameters)


if __name__ == "__main__":
    main()
