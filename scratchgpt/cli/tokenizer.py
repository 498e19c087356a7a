"""`scratchgpt tokenizer train | encode | decode | inspect`: a vocabulary learned from text, used, and looked into.

Before this file: `tokenizers`. After it: the reader can turn text into ids and back without writing a line of Python.
The two larger commands have their own files, `train_tokenizer.py` and `inspect_tokenizer.py`.
"""

import sys
from pathlib import Path

from ..errors import TokenizerError
from ..tokenizers import AutoTokenizer
from . import arguments, inspect_tokenizer, train_tokenizer


def add_to(commands):
    """Add the command, with its own commands, to the subparsers `commands`."""
    parser = commands.add_parser("tokenizer", help="learn a vocabulary, use it, and look into it",
                                 description="Learn a byte-level BPE vocabulary from text; turn text into ids and "
                                             "back; see how merges are learned and applied.")
    inside = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    train_tokenizer.add_to(inside)
    _add_encode(inside)
    _add_decode(inside)
    inspect_tokenizer.add_to(inside)


def _add_encode(commands):
    parser = commands.add_parser("encode", help="text to ids",
                                 description="Print the ids of a text, with spaces between them.")
    parser.add_argument("--tokenizer", required=True, metavar="DIR", help="folder of a saved tokenizer")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("text", nargs="?", metavar="TEXT", help="what to encode (default: standard input)")
    source.add_argument("--file", metavar="FILE", help="encode this UTF-8 file")
    parser.add_argument("--tokens", action="store_true",
                        help="one line for each token: its id, how files spell it, its first character in the text "
                             "and the one after its last")
    parser.add_argument("--allow-special", action="store_true",
                        help="encode special tokens in the text as such; otherwise such a text is refused")
    parser.set_defaults(run=encode)


def _add_decode(commands):
    parser = commands.add_parser("decode", help="ids to text", description="Print the text of ids, and nothing else.")
    parser.add_argument("--tokenizer", required=True, metavar="DIR", help="folder of a saved tokenizer")
    parser.add_argument("ids", nargs="*", metavar="ID", help="token ids (default: those in standard input)")
    parser.set_defaults(run=decode)


def encode(options):
    """Run `tokenizer encode`."""
    tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
    text = read(options.file) if options.text is None else options.text
    special = min(((text.find(token), token) for token in tokenizer.special_tokens if token in text), default=None)
    if special and not options.allow_special:
        raise TokenizerError(f"the text holds the special token {special[1]!r} at character {special[0]}; give "
                             "--allow-special to encode it as one token, or take it out")
    if options.tokens:
        inspect_tokenizer.print_lines(_token_lines(tokenizer, text))
    else:
        print(*tokenizer.encode_array(text, allowed_special="all").tolist(), flush=True)


def decode(options):
    """Run `tokenizer decode`. The text is written as it is; only a terminal gets a line end."""
    tokenizer, ids = AutoTokenizer.from_pretrained(options.tokenizer), []
    for word in options.ids or read(None).split():
        try:
            ids.append(int(word))
        except ValueError:
            raise TokenizerError(f"ids must be whole numbers with spaces between; got {word[:40]!r}") from None
    text = tokenizer.decode(ids)
    if sys.stdout.isatty() and not text.endswith("\n"):
        text += "\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8"))               # no system's own line ends
    sys.stdout.buffer.flush()


def read(path):
    """The text of a UTF-8 file, or of standard input for None; it may be empty. Raises DataError for other bytes."""
    data = sys.stdin.buffer.read() if path is None else Path(path).read_bytes()
    return arguments.decode(data, path or "standard input")


def _token_lines(tokenizer, text):
    """Each token's id, spelling and characters, in columns; in quotes what would break the line or be lost in it."""
    batch = tokenizer(text, add_special_tokens=False, allowed_special="all")
    ids = list(map(str, batch.input_ids.tolist()))
    tokens = [token if token.isprintable() and token.strip() else repr(token)
              for token in tokenizer.convert_ids_to_tokens(batch.input_ids)]
    wide, wider = (max(map(len, column), default=0) for column in (ids, tokens))
    for i, token, (start, end) in zip(ids, tokens, batch.offsets.tolist()):
        yield f"{i:>{wide}}  {token:<{wider}}  {start}-{end}"
