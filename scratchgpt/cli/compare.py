"""Strategies side by side: the same prompt, one text from each, and how likely the model finds it.

Before this file: `decoding_options`. After it: the reader has seen that the likeliest text is not the best one to read.
"""

import argparse

import numpy as np

from ..decoding import generate, sequence_logprob
from ..decoding.config_file import supported
from ..decoding.contradictions import SAMPLING, SEARCHES
from ..errors import GenerationError
from .decoding_options import LENGTHS, offered

# a name, and what it asks for; options of the line take the place of these values
PRESETS = {
    "greedy": {},
    "sampling": {"do_sample": True},
    "temperature": {"do_sample": True, "temperature": 0.7},
    "top_k": {"do_sample": True, "top_k": 10},
    "top_p": {"do_sample": True, "top_p": 0.9},
    "min_p": {"do_sample": True, "min_p": 0.1},
    "typical": {"do_sample": True, "typical_p": 0.9},
    "top_h": {"do_sample": True, "top_h": 0.4},
    "mirostat": {"do_sample": True, "mirostat": 2},
    "beam": {"num_beams": 4},
    "beam_sampling": {"do_sample": True, "num_beams": 4},
    "diverse": {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0},
    "contrastive": {"penalty_alpha": 0.6, "top_k": 4},
    "dola": {"dola_layers": "high"},
    "lookup": {"prompt_lookup_num_tokens": 5},
    "lookahead": {"lookahead_num_tokens": 5},
    "early_exit": {"assistant_early_exit": 1},
}
OWN = {*SAMPLING, *SEARCHES, "num_beam_groups", "diversity_penalty", "dola_layers", "do_sample", "num_return_sequences"}


def names(text):
    """An argparse type: names of `PRESETS`, separated by commas."""
    found = [name.strip() for name in text.split(",")]
    unknown = [name for name in found if name not in PRESETS]
    if unknown:
        raise argparse.ArgumentTypeError(f"must be names from {', '.join(PRESETS)}, separated by commas; got "
                                         f"{unknown[0]!r:.80}")
    return found


def preset(name, common):
    """{name: value} that a strategy asks for, of what `common` holds all that it has a use for; and if it draws."""
    drawn = "do_sample" in PRESETS[name]
    own = {one: common.get(one, usual) for one, usual in PRESETS[name].items() if one != "do_sample"}
    shared = {one: given for one, given in common.items() if one not in OWN or drawn and one == "temperature"}
    return {**supported(shared, own, offered()), **own}, drawn


def lines(model, ids, prompt, chosen, asked, new_tokens, seed, extra):
    """Yield, for each strategy, its name with the likelihood of its text, the text, and an empty line.

    ids (T,) of the prompt, a str    chosen  names of `PRESETS`    asked  {name: value}, what the line asks for
    Raises GenerationError for several texts of each, and for none.
    """
    folder = {one.name: getattr(model.generation_config, one.name) for one in offered()
              if model.generation_config.asks(one.name) and not (one.name in LENGTHS and LENGTHS & asked.keys())}
    common = {**folder, **asked}
    common = common if LENGTHS & common.keys() else {**common, "max_new_tokens": new_tokens}
    if common.get("max_new_tokens") == 0 or asked.get("num_return_sequences", 1) > 1:
        raise GenerationError("--compare looks at one text of each strategy; leave out --num-return-sequences and "
                              "--max-new-tokens 0")
    for name in chosen:
        options, drawn = preset(name, common)
        output = generate(model, ids[None], return_dict_in_generate=True, **options, **extra,
                          rng=np.random.default_rng(seed) if drawn else None)
        yield f"{name}: {likelihood(model, output, 0)}"
        yield prompt + output.texts(extra["tokenizer"])[0]
        yield ""


def likelihood(model, output, i):
    """How likely the model finds text i of a GenerationOutput, in words: as a whole, and per token."""
    n, prompt = int(output.lengths[i]), output.prompts[i][output.prompts[i] >= 0]
    if n == 0:
        return "0 tokens"
    total = sequence_logprob(model, np.concatenate([prompt, output.answers[i]])[None], len(prompt))[0]
    return f"log-probability {total:.2f} nats, {total / n:.2f} per token of {n}"
