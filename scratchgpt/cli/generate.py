"""`scratchgpt generate`: continue a text, letter by letter, on the terminal."""

import sys

import numpy as np

from ..decoding import stream
from ..errors import GenerationError
from ..models import GPT2
from ..tokenizers import AutoTokenizer, StreamDecoder
from .arguments import generator, number, whole


def add_to(commands):
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser("generate", help="continue a text with a trained model",
                                 description="Continue a text with a trained model, as fast as it comes.")
    parser.add_argument("--model", required=True, metavar="DIR", help="folder that `scratchgpt train` wrote")
    parser.add_argument("--prompt", default="\n", metavar="TEXT", help="what to continue (default: a line break)")
    parser.add_argument("--max-new-tokens", type=whole(0), default=500, metavar="N",
                        help="how many tokens to add (default: %(default)s)")
    parser.add_argument("--greedy", action="store_true", help="always take the likeliest token; no chance involved")
    parser.add_argument("--temperature", type=number(0, low_open=True), metavar="T",
                        help="below 1 plays safe, above 1 takes risks (default: 1)")
    parser.add_argument("--top-k", type=whole(1), metavar="K", help="draw from the K likeliest tokens only")
    parser.add_argument("--top-p", type=number(0, 1, low_open=True), metavar="P",
                        help="draw from the likeliest tokens that together have probability P")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N",
                        help="draws the tokens; the same seed gives the same text (default: %(default)s)")
    parser.set_defaults(run=run)


def run(options):
    """Run the command; returns its exit code."""
    shaping = (options.temperature, options.top_k, options.top_p)
    if options.greedy and any(value is not None for value in shaping):
        raise GenerationError("--temperature, --top-k and --top-p shape what is drawn; leave them out with --greedy")
    tokenizer, model = AutoTokenizer.from_pretrained(options.model), GPT2.from_pretrained(options.model)
    prompt = tokenizer.encode_array(options.prompt)
    if len(prompt) == 0:
        raise GenerationError("the prompt must hold at least one token; got an empty --prompt")
    print(options.prompt, end="", flush=True)
    write_sample(model, tokenizer, prompt, options.max_new_tokens, sys.stdout,
                 rng=None if options.greedy else generator(options.seed),
                 temperature=options.temperature or 1.0, top_k=options.top_k, top_p=options.top_p)


def write_sample(model, tokenizer, prompt, max_new_tokens, file, **options):
    """Write what follows `prompt` (T,) to `file` as it is generated, and a line break."""
    decoder = StreamDecoder(tokenizer)
    for token in stream(model, np.asarray(prompt)[None], max_new_tokens=max_new_tokens, **options):
        print(decoder.push(int(token[0])), end="", file=file, flush=True)
    print(decoder.flush(), file=file, flush=True)
