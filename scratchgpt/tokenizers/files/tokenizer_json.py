r"""`tokenizer.json`: one file that holds all of a tokenizer, as the tokenizers library reads and writes it.

Before this file: `merges.bytes`, `fields`, `settings`, `around`. After it: the reader knows the parts of such a file,
in the order in which a text goes through them and comes back, and which of the many tokenizers that it can describe are
byte-level BPE:

    added_tokens    found whole, before anything else; special ones and others
    normalizer      none: bytes stay as they are
    pre_tokenizer   GPT-2: ByteLevel, which cuts by GPT-2's pattern, and spells bytes as characters
                    Llama 3: Split by a pattern of its own, then ByteLevel(use_regex=false), which only spells
    model           BPE: vocabulary and merges
    post_processor  the tokens put before and after a text
    decoder         ByteLevel: characters to bytes

The tables below are all that is supported. The rest of what the library can do gives other ids, and is refused.
"""

from ...errors import TokenizerError
from ...files import read_json
from ..ids import check_text
from ..pretokenize.patterns import PATTERNS, piece_finder
from .around import BYTE_LEVEL, read_around, read_lengths, write_around
from .fields import MAX_BYTES, TOKEN, added_entries, blaming, check_few, check_fields, check_kind, token_content
from .settings import Settings

DOCUMENT = {"version": ("1.0", ...), "truncation": (dict, None, ...), "padding": (dict, None, ...),
            "added_tokens": (list, ...), "normalizer": (None, ...), "pre_tokenizer": (dict,),
            "post_processor": (dict, None, ...), "decoder": (dict,), "model": (dict,)}
# With all 256 bytes in the vocabulary nothing is unknown, so unk_token and fuse_unk cannot matter.
MODEL = {"type": ("BPE", ...), "dropout": (None, 0.0, ...), "unk_token": (str, None, ...), "fuse_unk": (bool, ...),
         "continuing_subword_prefix": (None, "", ...), "end_of_word_suffix": (None, "", ...),
         "byte_fallback": (False, ...), "ignore_merges": (bool, ...), "vocab": (dict,), "merges": (list,)}
SPELLING = BYTE_LEVEL | {"add_prefix_space": (False,), "use_regex": (False,)}
CUTTING = SPELLING | {"use_regex": (True, ...)}
SPLIT = {"pattern": (dict,), "behavior": ("Isolated",), "invert": (False, ...)}
MAX_LENGTH, MAX_TOGETHER = 200, 200_000         # characters of tokens that are compared with each other
NAMES = {pattern: name for name, pattern in PATTERNS.items()} | {               # and one as the library spells it
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+": "gpt2"}


def read_tokenizer_json(path):
    """Read a `tokenizer.json`.

    path     file name
    returns  (dict, Settings): what `BPETokenizer` is made of, but for its kinds of tokens; and what else the file says

    Raises TokenizerError naming the file and the field, also for what is sound but not byte-level BPE.
    Source: the file form of the tokenizers library, version 1.0.
    """
    document = check_fields(read_json(path, TokenizerError, MAX_BYTES), DOCUMENT, f"{path}")
    model = check_fields(document["model"], MODEL, f"{path}: model")
    ignore_merges, vocab = model.get("ignore_merges", False), dict(model["vocab"])
    settings = Settings(added=_read_added(document.get("added_tokens", []), f"{path}: added_tokens"))
    settings.place(vocab, f"{path}: added_tokens")
    _check_decoder(document["decoder"], f"{path}: decoder")
    settings.attributes |= read_lengths(document.get("truncation"), document.get("padding"), vocab, f"{path}")
    settings.attributes |= read_around(document.get("post_processor"), vocab, f"{path}: post_processor")
    settings.named |= {token: f"{path}: {role}" for role, token in settings.attributes.items()
                       if role in ("bos_token", "eos_token", "pad_token")}
    arguments = {"vocab": vocab, "merges": _read_merges(model["merges"], f"{path}: model.merges"),
                 "pattern": _read_pattern(document["pre_tokenizer"], ignore_merges, f"{path}: pre_tokenizer"),
                 "ignore_merges": ignore_merges, "where": (f"{path}: model.vocab", f"{path}: model.merges")}
    return arguments, settings


def make_tokenizer_json(tokenizer, merges):
    """Return what to write as `tokenizer.json`, so that the tokenizers library gives the same ids.

    tokenizer  BPETokenizer
    merges     list of (left, right) as files spell them, sorted by rank
    returns    dict

    A pattern of one's own is written as it is. The library's regular expressions are Oniguruma's, so such a pattern
    should keep to what both it and `regex` know.
    Source: as for `read_tokenizer_json`.
    """
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    cutting, spelling = byte_level | {"use_regex": True}, byte_level | {"use_regex": False}
    split = {"type": "Split", "pattern": {"Regex": PATTERNS.get(tokenizer.pattern, tokenizer.pattern)},
             "behavior": "Isolated", "invert": False}
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": added_entries(tokenizer),
        "normalizer": None,
        "pre_tokenizer": cutting if tokenizer.pattern == "gpt2" else {
            "type": "Sequence", "pretokenizers": [split, spelling]},
        "post_processor": write_around(tokenizer),
        "decoder": cutting,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "ignore_merges": tokenizer.ignore_merges, "vocab": tokenizer.get_vocab(), "merges": merges}}


def _read_added(entries, where):
    """Tokens that are found whole, as dict, token -> (id, whether it is special).

    The library looks for those that are not "normalized" first, whereas here special tokens come first. Where the two
    orders differ, no text may be left in which they would find different tokens.
    """
    added, first, second = {}, set(), set()
    for entry in check_few(entries, where):
        token = token_content(check_fields(entry, TOKEN | {"id": (int,)}, where)["content"], where)
        if token in added:
            raise TokenizerError(f"{where}: each token must be listed once; got {token[:40]!r} again")
        added[token] = entry["id"], entry.get("special", False)
        (second if entry.get("normalized", not added[token][1]) else first).add(token)
    special = {token for token, (_, is_special) in added.items() if is_special}
    _check_apart(second & special, added.keys() - special, where)
    _check_apart(first - special, special, where)
    return added


def _check_apart(some, others, where):
    """Check that no text holds a token of some and one of others that overlap."""
    if not some or not others:
        return
    lengths = [len(token) for token in (*some, *others)]
    if max(lengths) > MAX_LENGTH or sum(lengths) > MAX_TOGETHER:
        raise TokenizerError(f"{where}: tokens must be at most {MAX_LENGTH} characters long, {MAX_TOGETHER} together, "
                             "unless normalized is false for special tokens and true for others")
    parts = {other[:end]: other for other in others for end in range(1, len(other) + 1)}
    ends = {other[start:]: other for other in others for start in range(len(other))}
    for token in some:
        meets = [other for other in others if other in token or token in other]
        meets += [parts[token[start:]] for start in range(len(token)) if token[start:] in parts]
        meets += [ends[token[:end]] for end in range(1, len(token) + 1) if token[:end] in ends]
        if meets:
            raise TokenizerError(f"{where}: normalized must be false for special tokens, and true for others, where "
                                 f"they can overlap in a text; got {token[:40]!r} and {meets[0][:40]!r}")


def _read_pattern(value, ignore_merges, where):
    value = check_kind(value, {"ByteLevel": CUTTING, "Sequence": {"pretokenizers": (list,)}}, where)
    if value["type"] == "ByteLevel":
        return "gpt2"
    if len(value["pretokenizers"]) != 2:
        raise TokenizerError(f"{where}: pretokenizers must be Split, then ByteLevel; got {len(value['pretokenizers'])}")
    split, spelling = value["pretokenizers"]
    check_kind(spelling, {"ByteLevel": SPELLING}, f"{where}: pretokenizers, the second")
    split = check_kind(split, {"Split": SPLIT}, f"{where}: pretokenizers, the first")
    pattern = check_fields(split["pattern"], {"Regex": (str,)}, f"{where}: pattern")["Regex"]
    if pattern == PATTERNS["cl100k"]:
        return "llama3" if ignore_merges else "cl100k"
    with blaming(f"{where}: Regex"):
        piece_finder(check_text(pattern))
    return NAMES.get(pattern, pattern)


def _check_decoder(value, where):
    value = check_kind(value, {"ByteLevel": BYTE_LEVEL, "Sequence": {"decoders": (list,)}}, where)
    if len(value.get("decoders", [value])) != 1:
        raise TokenizerError(f"{where}: decoders must be ByteLevel alone; got {len(value['decoders'])}")
    for decoder in value.get("decoders", []):
        check_kind(decoder, {"ByteLevel": BYTE_LEVEL}, f"{where}: decoders")


def _read_merges(merges, where):
    """Pairs, or in older files "a b"."""
    merges = [pair.split(" ") if isinstance(pair, str) else pair for pair in merges]
    for number, pair in enumerate(merges):
        if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str or type(pair[1]) is not str:
            raise TokenizerError(f"{where}, merge {number}: a merge must be two tokens; got {pair!r:.80}")
    return merges
