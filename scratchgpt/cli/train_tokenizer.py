"""`scratchgpt tokenizer train`: learn a vocabulary from files, which may be larger than the memory.

Before this file: `tokenizers.bpe`, `inspect_tokenizer`. After it: the reader knows what a person wants to hear about a
new vocabulary.
"""

import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from ..errors import DataError, TokenizerError
from ..tokenizers import BPETokenizer
from ..tokenizers.explain import longest_tokens
from .arguments import whole
from .inspect_tokenizer import LISTED, print_lines, shortened

FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "char_vocab.json", "tokenizer.model")
SAMPLE = 100_000                                                # bytes on which the compression is measured
READING = "reading the text, counting its pieces ..."


def add_to(commands):
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser("train", help="learn a vocabulary from text",
                                 description="Learn a byte-level BPE vocabulary from text files, with the merges and "
                                             "ids of the tokenizers library. Files are read in pieces: they may be "
                                             "large.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="UTF-8 text")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the tokenizer")
    parser.add_argument("--vocab-size", type=whole(1), default=8192, metavar="N",
                        help="tokens, special ones and the 256 bytes included (default: %(default)s)")
    parser.add_argument("--pattern", default="gpt2",
                        help="what cuts text into pieces, which merges never cross: gpt2, cl100k, llama3, cl100k_base, "
                             "or a regular expression of your own (default: %(default)s)")
    parser.add_argument("--special-token", action="append", default=[], metavar="TEXT",
                        help="a token that merges never make, such as '<|endoftext|>'; may be given several times")
    parser.add_argument("--min-frequency", type=whole(1), default=1, metavar="N",
                        help="stop when no pair of tokens occurs N times (default: %(default)s)")
    parser.add_argument("--overwrite", action="store_true", help="replace the tokenizer that --out holds")
    parser.set_defaults(run=run)


def run(options):
    """Run the command."""
    files, out = [Path(name) for name in options.files], Path(options.out)
    for path in files:
        _check_source(path)
    _check_target(out, options.overwrite)
    with _progress(sys.stderr) as report:
        tokenizer = BPETokenizer.train(files, options.vocab_size, options.pattern, options.special_token,
                                       options.min_frequency, report)
    tokenizer.save_pretrained(out)
    print_lines(_report(tokenizer, options, files[0], out))


def _report(tokenizer, options, first, out):
    """What was learned, and what to do with it."""
    merges, special = len(tokenizer.merges), len(tokenizer.special_tokens)
    yield f"learned          {tokenizer.vocab_size:,} tokens: 256 bytes, {merges:,} merges, {special} special"
    if tokenizer.vocab_size < options.vocab_size:
        why = ("every piece of the text is one token" if options.min_frequency == 1 else
               f"no pair of tokens occurs {options.min_frequency:,} times")
        yield f"                 fewer than the {options.vocab_size:,} asked for: after them {why}"
    if first.is_file():                                         # a pipe cannot be read again
        yield f"compression      {_compression(tokenizer, first)}"
    yield f"longest tokens   {'  '.join(map(shortened, longest_tokens(tokenizer, LISTED)))}"
    yield f"saved to         {out}"
    yield f"\ntry              scratchgpt tokenizer inspect --tokenizer {out} \" understanding\""
    if first.is_file():
        yield f"                 scratchgpt train {first} --tokenizer {out}"


def _check_source(path):
    """Refuse a file that cannot be read, before hours of reading others. A pipe has no size yet."""
    if not path.exists() or path.is_dir():
        raise DataError(f"{path}: must be a text file; {'it is a folder' if path.is_dir() else 'there is none'}")
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(f"{path}: is empty; name a file with text in it")


def _check_target(out, overwrite):
    """Refuse a folder that cannot be written or is not to be, before hours of work that could not be saved."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise DataError(f"{there}: must be a folder that can be written; name another one with --out")
    held = [name for name in FILES if (out / name).exists()]
    if held and not overwrite:
        raise TokenizerError(f"{out} holds a tokenizer already ({held[0]}); give --overwrite to replace it, or name "
                             "another folder with --out")


@contextmanager
def _progress(file):
    """Inside, what training calls after each merge: it rewrites a line of the terminal; None where `file` is none."""
    if not file.isatty():
        yield None
        return
    shown = time.monotonic()

    def write(line, end=""):
        print(f"\r{line:<{len(READING)}}", end=end, file=file, flush=True)

    def report(made, wanted):
        nonlocal shown
        if time.monotonic() - shown > 0.1:                      # seconds
            shown = time.monotonic()
            write(f"merge {made:,} of {wanted:,}")
    write(READING)
    try:
        yield report
    finally:
        write("", end="\r")


def _compression(tokenizer, path):
    """Characters and bytes for each token of a file's beginning, which may end inside a character."""
    with open(path, "rb") as file:
        data = file.read(SAMPLE)
    text = data.decode("utf-8", "ignore")
    tokens = len(tokenizer.encode_array(text, allowed_special="all"))
    return (f"{len(text) / tokens:.2f} characters ({len(data) / tokens:.2f} bytes) per token, on the first "
            f"{len(data):,} bytes of {path}")
