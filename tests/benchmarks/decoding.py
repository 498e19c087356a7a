"""Decoding a GPT-2 124M with random weights, against transformers, in one process, in turns.

    python -m tests.benchmarks.decoding            needs the `oracles` extra

One row greedily, four beams, a batch of eight; drafts against our own greedy; and what filters cost. Both sides hold the
same weights in float32 and must choose the same tokens; only then are they timed, on all cores. Memory is measured in a
process of its own, without PyTorch.
"""

import argparse
import os
import tempfile

os.environ.pop("OPENBLAS_CORETYPE", None)

import numpy as np  # noqa: E402

import scratchgpt as sg  # noqa: E402
from scratchgpt.decoding import GenerationConfig  # noqa: E402
from scratchgpt.decoding.processors import apply, build  # noqa: E402
from tests.benchmarks import speculation  # noqa: E402
from tests.benchmarks.machine import in_turns, measured_apart, memory_bandwidth, peak_memory  # noqa: E402

PROMPT, NEW, ROUNDS = 16, 48, 7
# name: (rows of the prompt, options of both sides, the ratio aimed at)
SEARCHES = {"greedy, one row": (1, {}, 2.2), "four beams": (1, {"num_beams": 4}, 2.0), "batch of eight": (8, {}, 1.5)}
CHAIN = {"temperature": 0.8, "top_k": 50, "top_p": 0.95, "repetition_penalty": 1.1}


def make():
    """A GPT-2 124M with random weights, large enough that its choices are no ties, and a prompt (1, PROMPT)."""
    model = sg.GPT2(sg.GPT2Config.preset("gpt2", initializer_range=0.05), rng=np.random.default_rng(0))
    return model, make_prompt()


def make_prompt(rows=1):
    """The prompt alone, (rows, PROMPT)."""
    return np.random.default_rng(1).integers(0, 50257, (rows, PROMPT))


def transformers_generate(folder, ids, attention="sdpa", **options):
    """A function that lets transformers generate NEW tokens, with its default cache; sdpa is its default."""
    import torch
    from transformers import AutoModelForCausalLM
    peer = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention).eval()
    peer.generation_config.eos_token_id = None
    prompt = torch.tensor(ids)

    def generate():
        with torch.inference_mode():
            return peer.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=NEW, do_sample=False,
                                 pad_token_id=0, **options).numpy()
    return generate


def searches(model, alone):
    """Tokens per second of every search, beside transformers."""
    with tempfile.TemporaryDirectory() as folder:
        if not alone:
            model.save_pretrained(folder)
        for name, (rows, options, goal) in SEARCHES.items():
            ids = make_prompt(rows)
            sides = {"ours": lambda: sg.generate(model, ids, max_new_tokens=NEW, **options)}
            if not alone:
                sides["transformers"] = transformers_generate(folder, ids, **options)
                np.testing.assert_array_equal(sides["ours"](), sides["transformers"]())  # the same tokens, or no comparison
            speed = {side: rows * NEW / seconds for side, seconds in in_turns(sides, ROUNDS).items()}
            peer = speed.get("transformers", float("nan"))
            print(f"{name:16} ours {speed['ours']:6.1f} tokens/s   transformers {peer:6.1f}   ratio "
                  f"{speed['ours'] / peer:.2f} (goal: {goal})", flush=True)
            if rows == 1 and not options:
                read = 4 * (model.num_parameters - model.wpe.weight.size) * speed["ours"]
                limit = memory_bandwidth()
                print(f"{'':16} weights read at {read / 1e9:.1f} GB/s, {read / limit:.0%} of what a matrix-vector "
                      f"product reaches, {limit / 1e9:.1f}")


def filters(model):
    """What the usual chain of processors costs over V scores, beside one step of the model."""
    ids = make_prompt()
    scores = model.next_logits(ids).astype(np.float32)
    chain = build(GenerationConfig(**CHAIN), ids.shape[1], rng=np.random.default_rng(0))
    cache = model.new_cache()
    model.next_logits(ids, cache)
    seconds = in_turns({"step": lambda: model.next_logits(ids[:, :1], cache),
                        "chain": lambda: apply(chain, ids, scores),
                        **{link.name: lambda link=link: link.apply(ids, scores) for link in chain}}, 30)
    parts = ", ".join(f"{link.name} {seconds[link.name] * 1e3:.2f}" for link in chain)
    print(f"filters          {seconds['chain'] * 1e3:.2f} ms of a step of {seconds['step'] * 1e3:.1f} ms: "
          f"{seconds['chain'] / seconds['step']:.1%} (goal: under 5%); {parts}", flush=True)


def memory_of_decoding():
    """Peak resident bytes of a process that decodes with a folder's weights."""
    with tempfile.TemporaryDirectory() as folder:
        measured_apart(_save, folder)
        return measured_apart(_decode, folder)


def _save(folder):
    make()[0].save_pretrained(folder)


def _decode(folder):
    model = sg.GPT2.from_pretrained(folder)
    sg.generate(model, make_prompt(), max_new_tokens=NEW)
    return peak_memory()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alone", action="store_true", help="time our side only")
    options = parser.parse_args()
    model, _ = make()
    filters(model)
    searches(model, options.alone)
    del model
    speculation.main()
    print(f"peak memory of decoding: {memory_of_decoding() / 1e9:.2f} GB (goal: under 0.8)")


if __name__ == "__main__":
    main()
