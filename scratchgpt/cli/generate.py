"""`scratchgpt generate`: continue a text, on the terminal, as it comes.

Before this file: `decoding_options`, `compare`, `explain`. After it: a text is read while it is being written, or
looked at from all sides when it is done.
"""

import sys
from pathlib import Path

import numpy as np

from ..decoding import generate, stream_text
from ..decoding.constraints import heal
from ..errors import GenerationError
from ..models import AutoModel, LanguageModel
from ..plots.figure import new_figure
from ..tokenizers import AutoTokenizer
from . import compare, explain
from .arguments import whole
from .decoding_options import NEW_TOKENS, add_options, asked_for, flag, settled

SHORT = 50                                                            # tokens of a text that is compared or explained
PICTURES = ("plot_temperatures", "plot_cuts", "plot_beams")


def add_to(commands):
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser(
        "generate", help="continue a text with a trained model",
        usage="scratchgpt generate --model DIR [--prompt TEXT] [OPTION ...]",
        description="Continue a text with a trained model, as fast as it comes: drawn token by token, unless --greedy, "
                    "--num-beams or --penalty-alpha says otherwise. A folder's generation_config.json gives the "
                    f"defaults. Without any length it is {NEW_TOKENS} tokens, with --compare and --explain {SHORT}.")
    parser.add_argument("--model", required=True, metavar="DIR",
                        help="folder that `scratchgpt train`, save_pretrained or transformers wrote")
    parser.add_argument("--prompt", default="\n", metavar="TEXT", help="what to continue (default: a line break)")
    parser.add_argument("--seed", type=whole(0), default=0, metavar="N",
                        help="draws the tokens; the same seed gives the same text (default: %(default)s)")
    parser.add_argument("--negative-prompt", metavar="TEXT", help="what --guidance-scale steers away from")
    parser.add_argument("--assistant-model", metavar="DIR",
                        help="folder of a smaller model of the same vocabulary, which drafts")
    look = parser.add_argument_group("to look at what happens")
    look.add_argument("--compare", type=compare.names, metavar="NAMES",
                      help="one text from each of several strategies, separated by commas, with its log-probability: "
                           + ", ".join(compare.PRESETS))
    look.add_argument("--explain", type=whole(1), nargs="?", const=5, metavar="K",
                      help="for each step, the input so far, the K best next tokens (default: %(const)s), and which "
                           "processor removed others")
    look.add_argument("--plot-temperatures", metavar="PICTURE",
                      help="draw the first step's probabilities at temperatures from 0.01 to 10,000")
    look.add_argument("--plot-cuts", metavar="PICTURE",
                      help="draw the first step's probabilities and their running sum, with the cuts of --top-k and "
                           "--top-p (default: 10 and 0.9)")
    look.add_argument("--plot-beams", metavar="PICTURE", help="draw the tree that --num-beams searches")
    add_options(parser)
    parser.set_defaults(run=run)


def run(options):
    """Run the command; returns its exit code."""
    _check(options)
    tokenizer, model = AutoTokenizer.from_pretrained(options.model), load_language_model(options.model)
    asked = asked_for(options, tokenizer)
    ids = tokenizer(options.prompt, allowed_special="all").input_ids            # behind <bos>, if the tokenizer adds it
    ids = _checked(ids, model, asked)
    healing = asked.get("token_healing", model.generation_config.token_healing)
    prompt, extra = _unhealed(options.prompt, ids, tokenizer) if healing else options.prompt, {"tokenizer": tokenizer}
    if options.assistant_model is not None:
        extra["assistant_model"] = load_language_model(options.assistant_model)
    if options.negative_prompt is not None:
        extra["negative_prompt_ids"] = tokenizer(options.negative_prompt, allowed_special="all").input_ids[None]
    if options.compare is not None:
        lines = compare.lines(model, ids, prompt, options.compare, asked, SHORT, options.seed, extra)
        for line in lines:
            print(line, flush=True)
        return
    settings, drawn = settled(model.generation_config, asked, SHORT if options.explain else NEW_TOKENS)
    if options.plot_beams is not None and settings.get("num_beams", 1) == 1:
        raise GenerationError("--plot-beams draws beam search; add --num-beams, such as --num-beams 4")
    explain.draw_step(model, tokenizer, ids, settings, options.plot_temperatures, options.plot_cuts)
    settings.update(extra, rng=np.random.default_rng(options.seed) if drawn else None)
    several = settings.get("num_return_sequences", 1) > 1
    if several or options.explain or settings.get("num_beams", 1) > 1:
        _write_whole(model, tokenizer, ids, prompt, settings, options)
    else:
        write_text(prompt, stream_text(model, ids, **settings), sys.stdout)


def load_language_model(folder):
    """The model of a folder, of any architecture that continues a text; raises GenerationError for another."""
    model = AutoModel.from_pretrained(folder)
    if not isinstance(model, LanguageModel):
        raise GenerationError(f"{folder} holds a {model.config.model_type}, which reads a source before it writes; "
                              "use `scratchgpt translate`")
    return model


def write_text(prompt, pieces, file):
    """Write a prompt, and the pieces of text that follow it as they come, to `file`, and a line break.

    Nothing is written before the first piece is there: what cannot be said raises until then.
    """
    pieces = iter(pieces)
    first = next(pieces, "")
    print(prompt, end=first, file=file, flush=True)
    for piece in pieces:
        print(piece, end="", file=file, flush=True)
    print(file=file, flush=True)


def _check(options):
    """What makes no sense together, or cannot be drawn, is said before a model is read."""
    for name in PICTURES:
        if getattr(options, name) is not None:
            new_figure(getattr(options, name))
            if not Path(getattr(options, name)).parent.is_dir():
                raise GenerationError(f"{flag(name)} {getattr(options, name)}: there is no such folder; make it first")
    if options.compare is not None and (options.explain or any(getattr(options, name) for name in PICTURES)):
        raise GenerationError("--explain and the pictures look at one strategy; leave them out with --compare")


def _checked(ids, model, asked):
    """The prompt's ids (T,), which fit the context; of an empty prompt the bos, if there is one."""
    if len(ids) == 0:
        bos = asked.get("bos_token_id", model.generation_config.bos_token_id)
        if bos is None:
            raise GenerationError("the prompt must hold at least one token; got an empty --prompt")
        ids = np.array([bos])
    if model.n_positions is not None and len(ids) > model.n_positions:
        raise GenerationError(f"the prompt must fit the model's context of {model.n_positions} tokens; got {len(ids)}: "
                              "shorten --prompt")
    return ids


def _unhealed(prompt, ids, tokenizer):
    """The prompt without the token that healing chooses anew."""
    text = prompt.encode()
    return text[:len(text) - len(heal(ids, tokenizer)[1])].decode("utf-8", "ignore")


def _write_whole(model, tokenizer, ids, prompt, settings, options):
    """Write texts that are known at the end only, numbered if they are several, and what explains them."""
    wish = {"output_candidates": options.explain, "output_trace": True} if options.explain else {}
    output = generate(model, ids[None], return_dict_in_generate=True, **settings, **wish)
    texts = output.texts(tokenizer)
    for i, text in enumerate(texts):
        if len(texts) > 1:
            print(("\n" if i else "") + f"{i + 1} of {len(texts)}: {compare.likelihood(model, output, i)}")
        write_text(prompt, [text], sys.stdout)
    if options.explain:
        explain.print_steps(output, tokenizer)
    if options.plot_beams is not None:
        explain.draw_beams(output, model, tokenizer, options.plot_beams)
