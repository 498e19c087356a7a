"""What happens at each step of a text, in words and pictures. Before this file: `decoding.candidates`,
`decoding.processors.trace`, `plots`. After it: nothing that a strategy does is hidden from who asks.
"""

import sys

from .. import backend, plots
from ..tokenizers.explain import token_labels


def print_steps(output, tokenizer):
    """Print the candidates of each step of a GenerationOutput, and, of a single text but a beam's, who removed what."""
    trace, followed = output.trace, len(output.lengths) == 1 and output.beams is None
    if not output.lengths.any():                                           # no step was taken
        return
    print("\n" + output.candidates.table(tokenizer, trace.why if followed else None))
    said = [change for change in trace.changes if followed and change.likeliest and change.step < output.lengths[0]]
    for i, change in enumerate(said):
        best, = token_labels(change.likeliest[:1], tokenizer)
        print(("" if i else "\n") + f"step {change.step + 1}: {change.name} removed {len(change.removed):,}, the "
              f"likeliest {best or change.likeliest[0]}, and left {change.left:,}")


def draw_step(model, tokenizer, ids, settings, temperatures=None, cuts=None):
    """Draw what is expected behind a prompt, ids (T,), to the pictures that are named.

    settings  {name: value} of decoding: top_k and top_p are the cuts, 10 and 0.9 if nobody asks for others
    """
    if temperatures is None and cuts is None:
        return
    scores = backend.to_host(model.next_logits(ids[None]))[0]
    if temperatures is not None:
        plots.softmax_temperatures(scores, _labels(model, tokenizer), path=temperatures)
        _say(temperatures, "the first step at temperatures from 0.01 to 10,000")
    if cuts is not None:
        plots.probability_cuts(scores, settings.get("top_k", 10), settings.get("top_p", 0.9), cuts)
        _say(cuts, "the first step, and the cuts of top-k and top-p")


def draw_beams(output, model, tokenizer, path):
    """Draw the tree that a beam search left in a GenerationOutput."""
    plots.beam_tree(output.beams, _labels(model, tokenizer), path=path)
    _say(path, f"the tree of {output.beams.width} beams")


def _labels(model, tokenizer):
    """The bytes of every token; a model's table may be longer than the vocabulary."""
    known = [tokenizer.token_bytes(i) for i in range(min(tokenizer.vocab_size, model.config.vocab_size))]
    return known + [b""] * (model.config.vocab_size - len(known))


def _say(path, what):
    print(f"{path}: {what}", file=sys.stderr)
