"""Special tokens: text that is found whole, before anything else.

Before this file: `ids`, `merges`. After it: the reader knows how `<|endoftext|>` becomes one id, and why it does not in
a text that merely contains those characters, unless the caller says so: else anybody could end a document, or speak
with the system's voice, by typing a special token into a form (prompt injection).
"""

import re
from functools import lru_cache

from ..errors import TokenizerError
from .ids import check_text, listed


def choose_special(special, allowed, disallowed):
    """Say which special tokens to encode as such, and which to refuse: allowed "all" is every one, disallowed "all"
    every one that is not allowed. A token in neither set is encoded as plain text.

    >>> sorted(choose_special({"<a>", "<b>"}, allowed={"<a>"}, disallowed="all")[1])
    ['<b>']

    special     collection of str          the special tokens that exist
    allowed     collection of str, or "all"
    disallowed  collection of str, or "all"
    returns     (frozenset, frozenset)     allowed and disallowed

    Raises TokenizerError for a name that is no special token.
    Source: the tiktoken library, `Encoding.encode`.
    """
    special = frozenset(special)
    allowed = special if allowed == "all" else _subset(allowed, special, "allowed_special")
    disallowed = special - allowed if disallowed == "all" else _subset(disallowed, special, "disallowed_special")
    return allowed, disallowed


def split_special(text, allowed, disallowed):
    """Cut text at the allowed special tokens, the longest first: [plain, special, plain, ..., plain].

    >>> split_special("a<s>b<s><s>", frozenset({"<s>"}), frozenset())
    ['a', '<s>', 'b', '<s>', '', '<s>', '']

    text        str
    allowed     frozenset of str
    disallowed  frozenset of str
    returns     list of str of odd length; the special tokens are at the odd indices

    Raises TokenizerError naming the first disallowed token anywhere in the text, also inside an allowed one, and its
    position in characters.
    Source: the tiktoken library, `Encoding.encode`.
    """
    refused = _matcher(disallowed).search(text) if disallowed else None
    if refused:
        raise TokenizerError(f"text must not contain the special token {refused[0]!r}; got it at position "
                             f"{refused.start()}; pass it in allowed_special to encode it as one token, or "
                             "disallowed_special=() to encode its characters as plain text")
    return _matcher(allowed).split(text) if allowed else [text]


def none_in(texts, tokens):
    """Whether surely none of the tokens is in any of the texts: the usual case, asked of all texts at once.

    texts    list of str     tokens  frozenset of str
    returns  bool; False also where a token would be found across two texts
    """
    return not tokens or _matcher(tokens).search("\n".join(texts)) is None


def check_special(special_tokens):
    """Return special tokens as a list, having checked that each is a distinct, non-empty str.

    special_tokens  iterable of str
    returns         list of str
    Raises TokenizerError naming the one that is not.
    Source: an id names one token, and an empty token would be found everywhere.
    """
    if isinstance(special_tokens, str):
        raise TokenizerError(f"special_tokens must be a collection of str; got the str {special_tokens[:40]!r}; "
                             "write it in a list")
    special_tokens, seen = list(listed(special_tokens, "special tokens")), set()
    for token in special_tokens:
        if not isinstance(token, str) or not token or token in seen:
            raise TokenizerError(f"special_tokens must be distinct, non-empty str; got {str(token)[:40]!r}")
        seen.add(check_text(token))
    return special_tokens


def _subset(names, special, argument):
    if isinstance(names, str):
        raise TokenizerError(f'{argument} must be "all" or a collection of str; got the str {names[:40]!r}')
    names = listed(names, argument)
    unknown = [name for name in names if not isinstance(name, str) or name not in special]
    if unknown:
        raise TokenizerError(f"{argument} must name special tokens of this tokenizer; got {unknown[0]!r}; "
                             f"it has {sorted(special)[:8]}")
    return frozenset(names)


@lru_cache(maxsize=64)
def _matcher(tokens):
    return re.compile("(" + "|".join(map(re.escape, sorted(tokens, key=len, reverse=True))) + ")")
