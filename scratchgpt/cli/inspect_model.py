"""`scratchgpt inspect`: what is in a model's folder, where its heads look, and what it thinks comes next.

Before this file: `tensor_list`, `views`, `plots`. After it: the reader can take a checkpoint apart before trusting it
with anything. The list is made from the headers of the files: no weight is read.
"""

from pathlib import Path

from .. import plots
from ..checkpoint.config_file import CONFIG_FILE, read_config
from ..checkpoint.safetensors import open_file
from ..checkpoint.shards import open_folder
from ..errors import ConfigError
from ..models.auto import MODELS
from ..plots.figure import new_figure
from ..tokenizers import AutoTokenizer
from ..views import next_tokens, token_labels
from .arguments import whole
from .generate import load_language_model
from .inspect_tokenizer import print_lines
from .tensor_list import BUFFERS, EMBEDDINGS, HEAD, OTHER, group_tensors, printable

BEST = 10


def add_to(commands):
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser("inspect", help="see what is in a model, and what goes on in it",
                                 description="List the tensors of a model and count its parameters, part by part, from "
                                             "the headers of its files; it need not be one that can be run here. With "
                                             "--attention, draw where each token of a text looks; with --next, show "
                                             "the likeliest next tokens.")
    parser.add_argument("--model", required=True, metavar="DIR",
                        help="folder of a saved model, or a .safetensors file for its list")
    parser.add_argument("--all", action="store_true", help="list every tensor, also where layers are alike")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--attention", metavar="TEXT", help="draw the attention maps of this text to --out")
    what.add_argument("--next", metavar="TEXT", help="print the likeliest tokens to follow this text, and draw them to "
                                                     "--out if that is given")
    parser.add_argument("--out", metavar="PICTURE", help="the picture to write: .png, .svg or .pdf")
    parser.add_argument("--layer", type=whole(0), metavar="N", help="draw this layer only, counted from 0")
    parser.add_argument("--head", type=whole(0), metavar="N", help="draw this head only, counted from 0")
    parser.add_argument("-k", type=whole(1), metavar="K", help=f"how many next tokens (default: {BEST})")
    parser.set_defaults(run=run)


def run(options):
    """Run the command."""
    _check(options)
    if options.attention is None and options.next is None:
        print_lines(list(listing(options.model, options.all)))
        return
    if options.out is not None:
        new_figure(options.out)                    # a wrong name, or no matplotlib: said before the model is read
    tokenizer, model = AutoTokenizer.from_pretrained(options.model), load_language_model(options.model)
    text = options.next if options.attention is None else options.attention
    ids = tokenizer(text, allowed_special="all").input_ids                      # behind <bos>, if the tokenizer adds it
    if len(ids) == 0:
        raise ConfigError("the text must hold at least one token; got an empty one")
    (draw_attention if options.next is None else show_next)(model, tokenizer, ids, options)


def draw_attention(model, tokenizer, ids, options):
    """Write the maps of a text, ids (T,), as `plots.attention_maps` draws them, and say so."""
    maps = model.attention_maps(ids[None])
    plots.attention_maps(maps, token_labels(ids, tokenizer), options.layer, options.head, options.out)
    shown = [f"layer {options.layer}" if options.layer is not None else f"{len(maps)} layers",
             f"head {options.head}" if options.head is not None else f"{maps[0].shape[1]} heads"]
    print_lines([f"{options.out}: {', '.join(shown)}, {len(ids)} tokens"])


def show_next(model, tokenizer, ids, options):
    """Print the table of `next_tokens` after a text, ids (T,), and draw it if a picture is wanted."""
    table = next_tokens(model, ids, tokenizer, options.k or BEST)
    print_lines(str(table).splitlines())
    if options.out is not None:
        plots.next_tokens(table, options.out)


def listing(folder, every=False):
    """Yield the lines of the list: what the config says, the tensors, and the parameters by part.

    folder  with `model.safetensors`, or an index and its files, or a .safetensors file        every  tensor on a line
    Raises CheckpointError for files that are damaged or not there.
    """
    path, tensors = (folder, open_file(folder)[0]) if Path(folder).is_file() else open_folder(folder)
    config = read_config(folder)[1] if (Path(folder) / CONFIG_FILE).exists() else {}
    model_type = config.get("model_type")
    model_type = model_type if isinstance(model_type, str) else None
    yield from _about(path, config, model_type)
    groups = group_tensors(tensors, model_type, collapse=not every)
    yield ""
    yield from _table([("tensor", "shape", "dtype", "", "parameters", "bytes")] + [
        (g.name, "x".join(map(str, g.shape)) or "()", g.dtype, f"x {g.count}" if g.count > 1 else "",
         f"{g.parameters:,}", f"{g.bytes:,}") for g in groups], "<<<<>>")
    yield ""
    yield from _by_part(groups, _is_tied(config, model_type), len(tensors))


def _check(options):
    """Options that make no sense together are named, not passed over."""
    if options.attention is not None and options.out is None:
        raise ConfigError("--attention draws a picture: name it with --out, such as --out maps.png")
    if options.attention is None and (options.layer is not None or options.head is not None):
        raise ConfigError("--layer and --head choose among attention maps; give --attention TEXT, or leave them out")
    if options.next is None and options.k is not None:
        raise ConfigError("-k says how many next tokens; give --next TEXT, or leave it out")
    if options.attention is None and options.next is None and options.out is not None:
        raise ConfigError("--out is the picture of --attention or --next; give one of them, or leave it out")
    if options.all and (options.attention is not None or options.next is not None):
        raise ConfigError("--all is about the list of tensors; leave it out with --attention and --next")


def _about(path, config, model_type):
    """What the config says, in a few lines."""
    yield f"{'weights':<13}{printable(path, 200)}"
    if not config:
        yield f"{'config':<13}none beside the weights: what follows is told from the tensors' names"
        return
    runs = "" if model_type in MODELS else ", which cannot be run here, but can be listed"
    yield f"{'model type':<13}{printable(model_type)}{runs}"
    sizes = [f"{printable(key, 40)} {value:,}" for key, value in config.items()
             if type(value) is int and 0 < value < 1 << 63 and not key.endswith(("_id", "_idx"))]
    for i in range(0, len(sizes), 5):
        yield f"{'sizes' if i == 0 else '':<13}" + ", ".join(sizes[i:i + 5])


def _is_tied(config, model_type):
    """Whether the config says that the head is the table of embeddings: True, False, or None if it does not say."""
    said = config.get("tie_word_embeddings")
    if isinstance(said, bool):
        return said
    return True if model_type == "gpt2" else None


def _by_part(groups, tied, n_tensors):
    """The parameters of each part, their sum, and what became of the head."""
    sums = {part: [sum(getattr(g, what) for g in groups if g.part == part) for what in ("parameters", "bytes")]
            for part in (EMBEDDINGS, "attention", "mlp", "norms", HEAD, OTHER)}
    twice = tied and sums[HEAD][0] and sums[EMBEDDINGS][0]
    counted = sum(n for part, (n, _) in sums.items() if not (twice and part == HEAD))
    rows = [("part", "parameters", "share", "bytes")]
    for part, (n, n_bytes) in sums.items():
        if n:
            share = "tied" if twice and part == HEAD else f"{100 * n / counted:.1f}%" if counted else ""
            rows.append((part, f"{n:,}", share, f"{n_bytes:,}"))
    yield from _table([*rows, ("total", f"{counted:,}", "", f"{sum(g.bytes for g in groups):,}")], "<>>>")
    constants = sum(g.count for g in groups if g.part == BUFFERS)
    yield f"{n_tensors:,} tensors" + (f", of which {constants} hold constants and are not counted" if constants else "")
    if twice:
        yield "the head is tied to the embeddings: the config says so, and its copy in the file is counted once"
    elif not sums[HEAD][0] and sums[EMBEDDINGS][0]:
        yield ("the head is tied to the embeddings: the same table, used twice, and counted once" if tied else
               "no head of its own: tied to the embeddings, or none")


def _table(rows, sides):
    """Rows of text in columns, each to its side."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        yield "  ".join(f"{cell:{side}{wide}}" for cell, side, wide in zip(row, sides, widths)).rstrip()
