"""What a file from outside may hold, said in a table.

Before this file: `ids`, JSON. After it: the reader can read a line such as

    "direction": ("Left", "Right"), "stride": (int, ...), "normalizer": (None, ...)

as: direction is one of two words; stride is a whole number, or absent; normalizer is null, or absent. Whatever a table
does not allow is one TokenizerError that names the file and the field.
"""

from contextlib import contextmanager

from ...errors import TokenizerError
from ...files import read_bytes
from ..ids import check_text

MAX_BYTES = 64_000_000       # of a vocabulary's file; no known one comes near
MAX_ADDED = 10_000           # tokens that are found whole
FLAGS = {"single_word": False, "lstrip": False, "rstrip": False}
TOKEN = {"content": (str,), **dict.fromkeys(FLAGS, (False, ...)), "normalized": (bool, ...), "special": (bool, ...),
         "__type": ("AddedToken", ...)}
_TYPES = {str: "a string", int: "an integer", float: "a number", bool: "true or false", list: "a list",
          dict: "an object"}


def check_fields(value, table, where, others=False):
    """Return an object of JSON, having checked each of its fields against a table.

    >>> check_fields({"id": 3}, {"id": (int,), "kind": ("a", None, ...)}, "file")
    {'id': 3}

    value    what a file holds
    table    dict, field -> tuple of what it may be: types, exactly; or values; with `...`, it may be absent
    where    str, what errors call it
    others   whether there may be fields that the table does not name
    returns  value, a dict

    Raises TokenizerError naming the field.
    """
    if type(value) is not dict:
        raise TokenizerError(f"{where}: must be an object; got {value!r:.80}")
    for name, allowed in table.items():
        if name not in value and ... not in allowed:
            raise TokenizerError(f"{where}: {name} is missing; it must be {_listed(allowed)}")
        if name in value and not any(_is(value[name], one) for one in allowed):
            raise TokenizerError(f"{where}: {name} must be {_listed(allowed)}; got {value[name]!r:.80}; anything "
                                 "else is damaged, or would give other ids than are supported here")
    for name in value:
        if name not in table and not others:
            raise TokenizerError(f"{where}: the fields must be {', '.join(table)}; got {name!r:.80}, whose meaning is "
                                 "not known here")
    return value


def check_kind(value, tables, where):
    """Do what `check_fields` does for an object that says in "type" of which kind it is; tables: kind -> table.

    Raises TokenizerError naming the field, or the kinds that are supported.
    """
    kind = check_fields(value, {"type": tuple(tables)}, where, others=True)["type"]
    return check_fields(value, {"type": (kind,)} | tables[kind], where)


def read_text(path, max_bytes=MAX_BYTES):
    r"""Return the text of a UTF-8 file, with each \r\n as \n; raise TokenizerError naming it."""
    try:
        return read_bytes(path, TokenizerError, max_bytes).decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as problem:
        raise TokenizerError(f"{path}: must be UTF-8; byte {problem.start} is not ({problem.reason})") from None


def token_content(value, where):
    """Return the text of a token that a file gives as a string, or as an object of the fields of TOKEN."""
    content = value if isinstance(value, str) else check_fields(value, TOKEN, where)["content"]
    if not content:
        raise TokenizerError(f"{where}: content must not be empty; got ''")
    with blaming(where):
        return check_text(content)


def check_few(entries, where):
    """Return a collection of tokens that are found whole; raise TokenizerError if they are too many to search for."""
    if len(entries) > MAX_ADDED:
        raise TokenizerError(f"{where} must be at most {MAX_ADDED} tokens; got {len(entries)}")
    return entries


def added_entries(tokenizer):
    """Return what files say of special and added tokens: a list of dicts, in the order of their ids.

    Readers look for tokens that are "normalized" after the others, as here for added ones after special ones.
    Raises TokenizerError where there are more than would be read again.
    """
    every, special = check_few(tokenizer.found_whole, "special and added tokens"), tokenizer.special_tokens
    return [{"id": every[token], "content": token, **FLAGS,
             "normalized": token not in special, "special": token in special} for token in sorted(every, key=every.get)]


@contextmanager
def blaming(where):
    """Put the name of a file before what goes wrong in the body: a TokenizerError says `where: what`."""
    try:
        yield
    except TokenizerError as problem:
        raise TokenizerError(f"{where}: {problem}") from None


def _is(value, allowed):
    if isinstance(allowed, type):
        return type(value) is allowed
    return type(value) is type(allowed) and value == allowed


def _listed(allowed):
    named = {"None": "null", "True": "true", "False": "false"}
    words = [_TYPES[one] if isinstance(one, type) else repr(one) for one in allowed if one is not ...]
    return " or ".join(named.get(word, word) for word in words)
