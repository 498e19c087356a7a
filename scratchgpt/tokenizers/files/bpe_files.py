"""The files of a byte-level BPE tokenizer.

Before this file: `merges.vocabulary` (what they must hold), `settings`, `tokenizer_json`. After it: the reader knows
GPT-2's two files:

    vocab.json   {"!": 0, ..., "Ġ": 220, ..., "Ġthe": 262, ..., "<|endoftext|>": 50256}
    merges.txt   "#version: 0.2", then one merge a line, "Ġ t", the first learned first

and what they leave out: the pattern, which tokens are found whole, `ignore_merges`, and what is put around a text.
Hence `tokenizer.json`, which holds all of it, and the files of `settings`.

They come from outside, so each fault in them is one TokenizerError that names the file.
"""

from pathlib import Path

from ...errors import TokenizerError
from ...files import atomic_write, read_json
from ..ids import check_text
from ..pretokenize.patterns import PATTERNS, piece_finder
from . import tokenizer_json
from .fields import MAX_BYTES, blaming, check_fields, read_text
from .settings import CONFIG, Settings, read_settings, write_settings

VOCAB, MERGES, TOKENIZER = "vocab.json", "merges.txt", "tokenizer.json"
HEADER = "#version: 0.2"


def write_bpe(folder, tokenizer, merges):
    """Write vocab.json, merges.txt, tokenizer.json and the settings, each file whole or not at all.

    folder     made if need be
    tokenizer  BPETokenizer
    merges     dict, (left id, right id) -> (rank, merged id)

    Of a tokenizer with `ignore_merges` the first two files hold too little; read tokenizer.json. Of one with `ranks` of
    its own, such as `from_tiktoken` makes, no file of the field holds all: two merges that make the same token have one
    rank, which readers other than this one take for two; they differ where both could be applied and overlap.
    Raises TokenizerError for other equal ranks, and for what `write_settings` refuses.
    Source: the file forms of GPT-2 (`encoder.json`, `vocab.bpe`), of the tokenizers and of the transformers library.
    """
    in_order = sorted(merges.items(), key=lambda item: item[1][0])
    rank_by_token = len({rank for rank, _ in merges.values()}) < len(merges)
    if rank_by_token and _ranks([new for _, (_, new) in in_order]) != _ranks([rank for _, (rank, _) in in_order]):
        raise TokenizerError("merges of equal rank must make the same token, and no others that token; "
                             "got other ranks, which no file holds")
    names = tokenizer.convert_ids_to_tokens(range(tokenizer.vocab_size))
    pairs = [(names[left], names[right]) for (left, right), _ in in_order]
    documents = {TOKENIZER: tokenizer_json.make_tokenizer_json(tokenizer, pairs), VOCAB: tokenizer.get_vocab()}
    write_settings(folder, tokenizer, documents, tokenizer_class="PreTrainedTokenizerFast",
                   pretokenizer_pattern=tokenizer.pattern, rank_by_token=rank_by_token)
    with atomic_write(Path(folder) / MERGES) as file:
        file.write("\n".join([HEADER, *(f"{left} {right}" for left, right in pairs), ""]))


def read_bpe(folder):
    """Read the files of a folder: tokenizer.json, or else vocab.json and merges.txt; then the settings.

    folder   of GPT-2's two files alone, or as `write_bpe` or the transformers library wrote it
    returns  (dict, Settings): what `BPETokenizer` is made of, and what is set in it then

    Where tokenizer.json and the settings speak of the same, the settings are right, as in transformers; but not of
    whether tokens are put around a text, which tokenizer.json says.
    Raises TokenizerError naming the file and what is wrong in it; what vocab and merges must be to each other,
    `BPETokenizer` checks.
    Source: as for `write_bpe`.
    """
    folder = Path(folder)
    settings, whole = read_settings(folder), (folder / TOKENIZER).exists()
    arguments, own = tokenizer_json.read_tokenizer_json(folder / TOKENIZER) if whole else _read_gpt2(folder)
    settings = _join(settings, own, folder)
    settings.place(arguments["vocab"], f"{folder / CONFIG}: added_tokens_decoder")
    special, arguments["added_tokens"] = settings.kinds(arguments["vocab"])
    arguments["special_tokens"] = special if whole else None            # None: all that is no byte and made by no merge
    name = settings.config.get("pretokenizer_pattern", arguments["pattern"])
    with blaming(f"{folder / CONFIG}: pretokenizer_pattern"):
        if whole and PATTERNS.get(name, name) != PATTERNS.get(arguments["pattern"], arguments["pattern"]):
            raise TokenizerError(f"must be that of {TOKENIZER}, {arguments['pattern'][:80]!r}; got {name[:80]!r}")
        piece_finder(check_text(name))
    arguments["pattern"] = name
    if settings.config.get("rank_by_token"):
        arguments["ranks"] = _ranks([left + right for left, right in arguments["merges"]])
    return arguments, settings


def read_merges(path):
    """Read a `merges.txt`: an optional version line, then two tokens a line with one space between them.

    path     file name
    returns  list of (left, right)
    Raises TokenizerError naming the file and the line.
    Source: the file form of GPT-2, `vocab.bpe`.
    """
    lines = read_text(path).removesuffix("\n").split("\n")
    first = 1 if lines[0].startswith("#version") or lines == [""] else 0
    merges = []
    for number, line in enumerate(lines[first:], first + 1):
        pair = tuple(line.split(" "))
        if len(pair) != 2 or not all(pair):
            raise TokenizerError(f"{path}, line {number}: must be two tokens with one space between; got {line[:80]!r}")
        merges.append(pair)
    return merges


def _ranks(groups):
    """Number things by where the like of them comes first."""
    first = {}
    return [first.setdefault(group, i) for i, group in enumerate(groups)]


def _read_gpt2(folder):
    vocab = check_fields(read_json(folder / VOCAB, TokenizerError, MAX_BYTES), {}, folder / VOCAB, others=True)
    where = str(folder / VOCAB), str(folder / MERGES)
    return {"vocab": vocab, "merges": read_merges(folder / MERGES), "pattern": "gpt2", "where": where}, Settings()


def _join(settings, own, folder):
    """What tokenizer.json says of itself, under the settings of its folder."""
    around = {}
    for role in ("bos_token", "eos_token"):
        is_added, token = own.attributes.get(f"add_{role}"), settings.attributes.get(role)
        if is_added is not None:
            around[f"add_{role}"] = is_added
        if is_added and token not in (None, own.attributes[role]):
            raise TokenizerError(f"{folder / TOKENIZER}: post_processor must add the {role} of {CONFIG}, which is "
                                 f"{token[:40]!r}; got {own.attributes[role][:40]!r}; no other can be added")
    added = dict(own.added)
    for token, (number, special) in settings.added.items():
        added[token] = number, special or own.added.get(token, (number, False))[1]
    return Settings(added, own.named | settings.named, own.attributes | settings.attributes | around, settings.config)
