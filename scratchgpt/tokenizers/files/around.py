"""The parts of `tokenizer.json` that concern a call: the tokens put around a text, and the lengths of rows.

Before this file: `tokenizer`, `fields`. After it: the reader knows how the tokenizers library writes "<s> before each
text": as a list with a place for the text A in it, and a second list for pairs of texts, which nothing here encodes.

    "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
"""

from ...errors import TokenizerError
from .fields import check_fields, check_kind

BYTE_LEVEL = {"add_prefix_space": (bool, ...), "trim_offsets": (bool, ...), "use_regex": (bool, ...)}
TEMPLATE = {"single": (list,), "pair": (list, ...), "special_tokens": (dict,)}
PIECE = {"SpecialToken": (dict, ...), "Sequence": (dict, ...)}
PLACE = {"id": (str,), "type_id": (int,)}
TOKEN = {"id": (str,), "ids": (list,), "tokens": (list,)}
SIDES = {"Left": "left", "Right": "right"}
TRUNCATION = {"direction": (*SIDES, ...), "max_length": (int,), "stride": (int, ...),       # of what was cut away
              "strategy": ("LongestFirst", "OnlyFirst", "OnlySecond", ...)}                 # for pairs
PADDING = {"direction": (*SIDES,), "pad_token": (str,), "pad_id": (int,), "pad_type_id": (int, ...),
           "pad_to_multiple_of": (None, ...), "strategy": ("BatchLongest", dict)}           # a call says how far to pad
ROLES = ("bos_token", "eos_token")                                                          # before, and after


def read_around(value, vocab, where):
    """Read a post_processor: null, ByteLevel, TemplateProcessing, or a Sequence of these.

    value    what the file holds     vocab  dict, token -> id     where  str, for errors
    returns  dict, attribute of a tokenizer -> value: add_bos_token, add_eos_token, trim_offsets, and the tokens added

    Raises TokenizerError naming the field.
    """
    kinds = {"ByteLevel": BYTE_LEVEL, "TemplateProcessing": TEMPLATE}
    found = {"add_bos_token": False, "add_eos_token": False, "trim_offsets": False}
    if value is None:
        return found
    value = check_kind(value, kinds | {"Sequence": {"processors": (list,)}}, where)
    processors = [check_kind(processor, kinds, where) for processor in value.get("processors", [value])]
    if len({processor["type"] for processor in processors}) < len(processors):
        raise TokenizerError(f"{where}: processors must be one of each type; got {len(processors)}")
    for processor in processors:
        if processor["type"] == "ByteLevel":
            found["trim_offsets"] = processor.get("trim_offsets", True)
            if found["trim_offsets"] and processor.get("add_prefix_space", True):
                found["trim_offsets"] = "but first"
        else:
            found |= _read_single(processor, vocab, f"{where}: TemplateProcessing")
    return found


def write_around(tokenizer):
    """Return the post_processor of a tokenizer, which `read_around` reads and the tokenizers library obeys.

    Raises TokenizerError where a token is to be added and there is none.
    """
    ends = tokenizer._around()

    def row(text, number):
        before, after = ([{"SpecialToken": {"id": token, "type_id": number}} for token in end] for end in ends)
        return [*before, {"Sequence": {"id": text, "type_id": number}}, *after]
    ids = {token: tokenizer.special_tokens[token] for end in ends for token in end}
    return {"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": tokenizer.trim_offsets == "but first",
         "trim_offsets": bool(tokenizer.trim_offsets), "use_regex": True},
        {"type": "TemplateProcessing", "single": row("A", 0), "pair": row("A", 0) + row("B", 1),
         "special_tokens": {token: {"id": token, "ids": [ids[token]], "tokens": [token]} for token in ids}}]}


def read_lengths(truncation, padding, vocab, where):
    """Read truncation and padding, each null or an object, as attributes of a tokenizer: a dict.

    The library applies them to each text; here, as in transformers, a call says whether.
    Raises TokenizerError naming the field.
    """
    found = {}
    if truncation is not None:
        cut = check_fields(truncation, TRUNCATION, f"{where}: truncation")
        if cut["max_length"] < 1:
            raise TokenizerError(f"{where}: truncation: max_length must be at least 1; got {cut['max_length']!r:.40}")
        found |= {"model_max_length": cut["max_length"], "truncation_side": SIDES[cut.get("direction", "Right")]}
    if padding is not None:
        pad = check_fields(padding, PADDING, f"{where}: padding")
        _check_id(pad["pad_token"], pad["pad_id"], vocab, f"{where}: padding: pad_token and pad_id")
        found |= {"pad_token": pad["pad_token"], "padding_side": SIDES[pad["direction"]]}
    return found


def _read_single(template, vocab, where):
    pieces = []
    for piece in template["single"]:
        if len(check_fields(piece, PIECE, f"{where}: single")) != 1:
            raise TokenizerError(f"{where}: single must be a list of one SpecialToken or Sequence each; "
                                 f"got {piece!r:.80}")
        (kind, place), = piece.items()
        pieces.append((kind, check_fields(place, PLACE, f"{where}: single")["id"]))
    kinds = [kind for kind, _ in pieces]
    middle = kinds.index("Sequence") if "Sequence" in kinds else 0
    ends = pieces[:middle], pieces[middle + 1:]
    if kinds.count("Sequence") != 1 or pieces[middle][1] != "A" or max(map(len, ends)) > 1:
        raise TokenizerError(f"{where}: single must be the text A, with at most one token before it and one after "
                             f"it; got {pieces!r:.120}")
    found = {}
    for role, end in zip(ROLES, ends):
        for _, name in end:
            entry = template["special_tokens"].get(name)
            token = _template_token(entry, vocab, f"{where}: special_tokens: {name!r:.40}")
            found |= {role: token, f"add_{role}": True}
    return found


def _template_token(entry, vocab, where):
    entry = check_fields(entry, TOKEN, where)
    if len(entry["ids"]) != 1 or len(entry["tokens"]) != 1:
        raise TokenizerError(f"{where}: ids and tokens must hold one each; "
                             f"got {entry['ids']!r:.40}, {entry['tokens']!r:.40}")
    return _check_id(entry["tokens"][0], entry["ids"][0], vocab, f"{where}: tokens and ids")


def _check_id(token, number, vocab, where):
    if not isinstance(token, str) or token not in vocab or type(number) is not int or vocab[token] != number:
        raise TokenizerError(f"{where} must be a token of the vocabulary and its id; got {token!r:.40}, {number!r:.40}")
    return token
