"""One-row cached greedy decoding of a GPT-2 124M with random weights, against transformers, in one process, in turns.

    python -m tests.benchmarks.decoding            needs the `oracles` extra

Both sides hold the same weights in float32 and must choose the same tokens; only then are they timed, on all cores.
Memory is measured in a process of its own, without PyTorch.
"""

import argparse
import os
import tempfile

os.environ.pop("OPENBLAS_CORETYPE", None)

import numpy as np  # noqa: E402

import scratchgpt as sg  # noqa: E402
from tests.benchmarks.machine import in_turns, measured_apart, memory_bandwidth, peak_memory  # noqa: E402

PROMPT, NEW, ROUNDS, GOAL = 16, 48, 10, 2.0


def make():
    """A GPT-2 124M with random weights, large enough that its choices are no ties, and a prompt (1, PROMPT)."""
    model = sg.GPT2(sg.GPT2Config.preset("gpt2", initializer_range=0.05), rng=np.random.default_rng(0))
    return model, make_prompt()


def make_prompt():
    """The prompt alone, (1, PROMPT)."""
    return np.random.default_rng(1).integers(0, 50257, (1, PROMPT))


def transformers_generate(folder, ids, attention="sdpa"):
    """A function that lets transformers generate NEW tokens greedily, with its default cache; sdpa is its default."""
    import torch
    from transformers import AutoModelForCausalLM
    peer = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention).eval()
    peer.generation_config.eos_token_id = None
    prompt = torch.tensor(ids)

    def generate():
        with torch.inference_mode():
            return peer.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=NEW, do_sample=False,
                                 pad_token_id=0).numpy()
    return generate


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
    model, ids = make()
    sides = {"ours": lambda: sg.generate(model, ids, max_new_tokens=NEW)}
    if not options.alone:
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            sides["transformers"] = transformers_generate(folder, ids)
        np.testing.assert_array_equal(sides["ours"](), sides["transformers"]())      # the same tokens, or no comparison
    times = in_turns(sides, ROUNDS)
    speed = {name: NEW / seconds for name, seconds in times.items()}
    read = 4 * (model.num_parameters - model.wpe.weight.size) * speed["ours"]
    peer = speed.get("transformers", float("nan"))
    print(f"ours {speed['ours']:.1f} tokens/s, transformers {peer:.1f} tokens/s: ratio {speed['ours'] / peer:.2f} "
          f"(goal: {GOAL})")
    print(f"weights read at {read / 1e9:.1f} GB/s, {read / memory_bandwidth():.0%} of what a matrix-vector product reaches")
    print(f"peak memory of decoding: {memory_of_decoding() / 1e9:.2f} GB (goal: under 0.8)")


if __name__ == "__main__":
    main()
