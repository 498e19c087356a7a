"""Decoding with drafts against our own greedy search: GPT-2 124M, one row, tokens per second and acceptance rates.

    python -m tests.benchmarks.speculation

Weights are random, so what there is to guess is made on purpose, and says nothing of real text; it shows what a pass
over a draft costs, and what is won at the acceptance rate that is printed.

    a loop      initialised small (0.02): the greedy text repeats itself, so copying it is right. No trick is played on
                the model; a real one falls into such loops too
    deep layers that say little     initialised larger (0.05), the outputs of all blocks but the first times 0.02: one
                layer often says what twelve say, as in models trained for early exits

Each way must give the tokens of the greedy search, or nothing is timed.
"""

import os

os.environ.pop("OPENBLAS_CORETYPE", None)

import numpy as np  # noqa: E402

import scratchgpt as sg  # noqa: E402
from tests.benchmarks.machine import in_turns  # noqa: E402

PROMPT, NEW, ROUNDS = 16, 48, 3


def make(initializer_range, deep=1.0):
    """A GPT-2 124M with random weights; what every block but the first adds to the stream is scaled by `deep`."""
    model = sg.GPT2(sg.GPT2Config.preset("gpt2", initializer_range=initializer_range), rng=np.random.default_rng(0))
    for block in model.h[1:]:
        for layer in (block.attention.out, block.mlp.down):
            layer.weight.data *= deep
    return model


def measure(title, model, ways):
    """Print how fast each of {name: options} is, and how it compares with greedy."""
    ids = np.random.default_rng(1).integers(0, 50257, (1, PROMPT))
    expected, sides, rates = sg.generate(model, ids, max_new_tokens=NEW), {}, {}
    for name, options in {"greedy": {}, **ways}.items():
        def side(options=options):
            return sg.generate(model, ids, max_new_tokens=NEW, return_dict_in_generate=bool(options), **options)
        sides[name] = side
        if options:
            found = side()
            np.testing.assert_array_equal(found.sequences, expected)
            rates[name] = found.statistics
    times = in_turns(sides, ROUNDS, warmup=1)
    print(f"{title}: greedy {NEW / times['greedy']:.1f} tokens/s, of {NEW} tokens {len(np.unique(expected[0, PROMPT:]))} "
          "different ones")
    for name, counts in rates.items():
        print(f"  {name:24} {NEW / times[name]:5.1f} tokens/s, {times['greedy'] / times[name]:.2f} times greedy; "
              f"{counts['accepted']} of {counts['drafted']} drafted tokens stayed "
              f"({counts['accepted'] / max(1, counts['drafted']):.0%}), {counts['target_calls']} passes")


def main():
    copies = {"prompt lookup of 5": dict(prompt_lookup_num_tokens=5),
              "prompt lookup of 10": dict(prompt_lookup_num_tokens=10),
              "lookahead of 5": dict(lookahead_num_tokens=5)}
    exits = {"first layer drafts 5": dict(assistant_early_exit=1),
             "first layer drafts 3": dict(assistant_early_exit=1, num_assistant_tokens=3)}
    measure("a loop", make(0.02), copies | exits)
    measure("deep layers that say little", make(0.05, deep=0.02), copies | exits)


if __name__ == "__main__":
    main()
