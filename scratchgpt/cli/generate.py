"""`scratchgpt generate`: continue a text, letter by letter, on the terminal.

Before this file: `decoding`, `tokenizers.stream`. After it: a text is read while it is being written.
"""

import sys

import numpy as np

from ..decoding import stream
from ..errors import GenerationError
from ..models import AutoModel, LanguageModel
from ..tokenizers import AutoTokenizer, StreamDecoder
from .arguments import generator, number, whole


def add_to(commands):
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser("generate", help="continue a text with a trained model",
                                 description="Continue a text with a trained model, as fast as it comes. A folder's "
                                                 "generation_config.json gives the defaults.")
    parser.add_argument("--model", required=True, metavar="DIR",
                        help="folder that `scratchgpt train`, save_pretrained or transformers wrote")
    parser.add_argument("--prompt", default="\n", metavar="TEXT", help="what to continue (default: a line break)")
    parser.add_argument("--max-new-tokens", type=whole(0), metavar="N", help="how many tokens to add (default: 500)")
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
    shaping = {name: getattr(options, name) for name in ("temperature", "top_k", "top_p")}
    asked = {name: value for name, value in {**shaping, "max_new_tokens": options.max_new_tokens}.items()
             if value is not None}
    if options.greedy and asked.keys() & shaping.keys():
        raise GenerationError("--temperature, --top-k and --top-p shape what is drawn; leave them out with --greedy")
    tokenizer, model = AutoTokenizer.from_pretrained(options.model), load_language_model(options.model)
    settings = {"max_new_tokens": 500, **model.generation_config.options(), **asked}
    if options.greedy:
        settings = {name: value for name, value in settings.items() if name not in shaping}
    prompt = tokenizer(options.prompt, allowed_special="all").input_ids         # behind <bos>, if the tokenizer adds it
    if len(prompt) == 0:
        raise GenerationError("the prompt must hold at least one token; got an empty --prompt")
    print(options.prompt, end="", flush=True)
    write_sample(model, tokenizer, prompt, settings.pop("max_new_tokens"), sys.stdout,
                 rng=None if options.greedy else generator(options.seed), **settings)


def load_language_model(folder):
    """The model of a folder, of any architecture that continues a text; raises GenerationError for another."""
    model = AutoModel.from_pretrained(folder)
    if not isinstance(model, LanguageModel):
        raise GenerationError(f"{folder} holds a {model.config.model_type}, which reads a source before it writes; "
                              "use `scratchgpt translate`")
    return model


def write_sample(model, tokenizer, prompt, max_new_tokens, file, eos_token_id=(), **options):
    """Write what follows `prompt` (T,) to `file` as it is generated, without what ends it, and a line break.

    A model's table may be longer than the vocabulary, to have a round size: what is beyond has no text.
    """
    decoder = StreamDecoder(tokenizer)
    prompt = np.asarray(prompt)[None]
    for token in stream(model, prompt, max_new_tokens=max_new_tokens, eos_token_id=eos_token_id, **options):
        if token[0] not in np.atleast_1d(eos_token_id) and token[0] < tokenizer.vocab_size:
            print(decoder.push(int(token[0])), end="", file=file, flush=True)
    print(decoder.flush(), file=file, flush=True)
