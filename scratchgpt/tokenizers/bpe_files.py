"""The files of a byte-level BPE tokenizer.

Before this file: `vocabulary` (what they must hold). After it: the reader knows GPT-2's three files by heart:

    vocab.json             {"!": 0, ..., "Ġ": 220, ..., "Ġthe": 262, ..., "<|endoftext|>": 50256}
    merges.txt             "#version: 0.2", then one merge a line, "Ġ t", the first learned first
    tokenizer_config.json  the class that reads them, the pre-tokeniser's name, the special tokens

They come from outside, so each fault in them is one TokenizerError that names the file.
"""

from pathlib import Path

from ..errors import TokenizerError
from ..files import atomic_write, read_json, write_json
from .bytes import CHARACTERS_IN_ID_ORDER
from .pretokenize import PATTERNS

CONFIG = "tokenizer_config.json"
HEADER = "#version: 0.2"
MAX_BYTES = 64_000_000       # no known vocabulary comes near


def write_bpe(folder, spelled, merges, pattern, special_tokens):
    """Write the three files, each whole or not at all.

    folder          made if need be
    spelled         list of V str, tokens in the order of their ids
    merges          list of (left, right)
    pattern         str, the pre-tokeniser's name
    special_tokens  dict, token -> id

    A pattern other than gpt2 names its own class in `tokenizer_config.json`: a reader that knows only GPT-2's would
    cut text differently without a word.
    Source: the file forms of GPT-2 (`encoder.json`, `vocab.bpe`) under the names that the transformers library reads.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "vocab.json", {token: number for number, token in enumerate(spelled)})
    with atomic_write(folder / "merges.txt") as file:
        file.write("\n".join([HEADER, *(f"{left} {right}" for left, right in merges), ""]))
    end = "<|endoftext|>" if "<|endoftext|>" in special_tokens else None
    flags = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}
    write_json(folder / CONFIG, {
        "tokenizer_class": "GPT2Tokenizer" if pattern == "gpt2" else "BPETokenizer",
        "pretokenizer_pattern": pattern,
        "add_prefix_space": False,
        "bos_token": end, "eos_token": end, "unk_token": end,           # null, or else readers add GPT-2's own
        "added_tokens_decoder": {str(i): {"content": token, **flags} for token, i in special_tokens.items()},
    })


def read_bpe(folder):
    """Read the three files of a folder; a folder without `tokenizer_config.json` is GPT-2's.

    folder   holds `vocab.json` and `merges.txt`
    returns  (vocab dict, list of (left, right), pattern name, names of the two files for errors)

    Raises TokenizerError naming the file and what is wrong in it; what vocab and merges must be to each other,
    `BPETokenizer` checks.
    Source: as for `write_bpe`.
    """
    folder = Path(folder)
    vocab_path, merges_path, config_path = folder / "vocab.json", folder / "merges.txt", folder / CONFIG
    config = read_config(config_path) if config_path.exists() else {}
    pattern = config.get("pretokenizer_pattern", "gpt2")
    if not isinstance(pattern, str) or pattern not in PATTERNS:
        raise TokenizerError(f"{config_path}: pretokenizer_pattern must be one of {', '.join(PATTERNS)}; "
                             f"got {str(pattern)[:80]!r}")
    vocab, merges = read_json(vocab_path, TokenizerError, MAX_BYTES), read_merges(merges_path)
    if isinstance(vocab, dict):
        ordinary = {*CHARACTERS_IN_ID_ORDER, *(left + right for left, right in merges)}
        _add_tokens(vocab, ordinary, config.get("added_tokens_decoder", {}), config_path)
    return vocab, merges, pattern, (str(vocab_path), str(merges_path))


def read_config(path):
    """Read a `tokenizer_config.json`, which must be an object.

    path     file name
    returns  dict
    Raises TokenizerError naming the file.
    Source: the file form of the transformers library.
    """
    config = read_json(path, TokenizerError)
    if not isinstance(config, dict):
        raise TokenizerError(f"{path}: must be an object; got {type(config).__name__}")
    return config


def read_merges(path):
    """Read a `merges.txt`: an optional version line, then two tokens a line with one space between them.

    path     file name
    returns  list of (left, right)
    Raises TokenizerError naming the file and the line.
    Source: the file form of GPT-2, `vocab.bpe`.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TokenizerError(f"{path}: at most {MAX_BYTES} bytes are read; the file has {path.stat().st_size}")
        lines = path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")
    except OSError as problem:
        raise TokenizerError(f"{path}: cannot be read ({problem.strerror})") from None
    except UnicodeDecodeError as problem:
        raise TokenizerError(f"{path}: must be UTF-8; byte {problem.start} is not ({problem.reason})") from None
    first = 1 if lines[0].startswith("#version") or lines == [""] else 0
    merges = []
    for number, line in enumerate(lines[first:], first + 1):
        pair = tuple(line.removesuffix("\r").split(" "))
        if len(pair) != 2 or not all(pair):
            raise TokenizerError(f"{path}, line {number}: must be two tokens with one space between; got {line[:80]!r}")
        merges.append(pair)
    return merges


def _add_tokens(vocab, ordinary, added, path):
    """Take up special tokens that `vocab.json` may leave out, at the ids that the configuration gives them."""
    if not isinstance(added, dict):
        raise TokenizerError(f"{path}: added_tokens_decoder must be an object; got {type(added).__name__}")
    for number, entry in added.items():
        token = entry.get("content") if isinstance(entry, dict) else None
        if not isinstance(token, str) or not number.isdecimal() or not number.isascii() or len(number) > 9:
            raise TokenizerError(f"{path}: added_tokens_decoder must map ids to objects with a content; "
                                 f"got {number[:40]!r}: {str(entry)[:80]}")
        if entry.get("special") is not True or token in ordinary:
            raise TokenizerError(f"{path}: added tokens must be special, and made by no merge; {token[:40]!r} is not")
        if vocab.setdefault(token, int(number)) != int(number):
            raise TokenizerError(f"{path}: added token {token[:40]!r} must have one id; got {number} here and "
                                 f"{str(vocab[token])[:40]} in vocab.json")
