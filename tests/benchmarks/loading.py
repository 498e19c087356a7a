"""Opening a large checkpoint: milliseconds and memory, next to transformers.

    python -m tests.benchmarks.loading            transformers is compared where the `oracles` extra is installed

Each load runs in a fresh process, with its libraries imported and the file in the page cache; the best of ROUNDS
counts. Resident memory includes the pages of a mapped file that have been touched; "used" is after the logits of one
token.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

import scratchgpt as sg
from tests.benchmarks.machine import measured_apart

ROUNDS, GOAL = 3, 0.050
# what is stored, and in which model: each some 500 MB or more
FOLDERS = {"float32": "gpt2", "bfloat16": "gpt2-medium"}
# dtype of the file -> dtypes to hold
HELD = {"float32": ("float32", "bfloat16"), "bfloat16": ("float32", "bfloat16")}


def save(folder, dtype):
    """Write a model with random weights to a folder."""
    model = sg.GPT2(sg.GPT2Config.preset(FOLDERS[dtype]), rng=np.random.default_rng(0))
    (model if dtype == "float32" else model.pack(dtype)).save_pretrained(folder)


def resident():
    """The memory that this process occupies now, in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))


def ours(folder, dtype):
    """(seconds to load, bytes before, after, and after the first logits)."""
    before, started = resident(), time.perf_counter()
    model = sg.GPT2.from_pretrained(folder, dtype=dtype)
    seconds, after = time.perf_counter() - started, resident()
    model.next_logits(np.array([[1]]))
    return seconds, before, after, resident()


def transformers(folder, dtype):
    """The same of transformers."""
    import torch
    from transformers import GPT2LMHeadModel
    before, started = resident(), time.perf_counter()
    model = GPT2LMHeadModel.from_pretrained(folder, dtype=getattr(torch, dtype))
    seconds, after = time.perf_counter() - started, resident()
    with torch.inference_mode():
        model(torch.tensor([[1]]))
    return seconds, before, after, resident()


def main():
    for stored, preset in FOLDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            measured_apart(save, folder, stored)
            size = (Path(folder) / "model.safetensors").stat().st_size
            print(f"{preset} in {stored}, {size / 1e6:.0f} MB (goal: ours held as stored or as float32 under "
                  f"{GOAL * 1e3:.0f} ms)")
            for held in HELD[stored]:
                for load in (ours, transformers):
                    try:
                        runs = [measured_apart(load, folder, held) for _ in range(ROUNDS)]
                    except ImportError:
                        continue
                    seconds, before, after, used = min(runs)
                    print(f"  {load.__name__:12} held as {held:8} {1e3 * seconds:8.1f} ms, resident "
                          f"{before / 1e6:.0f} -> {after / 1e6:.0f} MB, used {used / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
