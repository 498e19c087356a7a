"""Numbered tokens: the way from ids back to text, the special tokens, and the roles that some of them have.

Before this file: `ids`, `special`. After it: the reader knows that a token is an id, the bytes it stands for and the
way files spell it; which ones are special; and how a vocabulary grows at its end.
"""

import numpy as np

from ..errors import TokenizerError
from .ids import check_ids, check_text, listed
from .special import check_special

ROLES = ("bos_token", "eos_token", "unk_token", "pad_token")
ADDITIONAL = "additional_special_tokens"
LISTS = (ADDITIONAL, "extra_special_tokens")            # two names of the same, the second that of transformers 5


def _role(name):
    def get(self):
        return self._roles[name]

    def assign(self, token):
        if token is not None and (not isinstance(token, str) or token not in self._special_tokens):
            raise TokenizerError(f"{name} must be None or a special token of this tokenizer; got {str(token)[:40]!r}; "
                                 f"add_special_tokens({{{name!r}: ...}}) adds it")
        self._roles[name] = token
    return property(get, assign, doc=f"The {name[:3].upper()} token, or None; None or a special token may be assigned.")


def _role_id(name):
    def get(self):
        return None if self._roles[name] is None else self._special_tokens[self._roles[name]]

    def assign(self, number):
        setattr(self, name, None if number is None else self.convert_ids_to_tokens([number])[0])
    return property(get, assign, doc=f"The id of the {name[:3].upper()} token, or None; may be assigned like it.")


class Vocabulary:
    """V tokens, each with an id, its bytes, and its spelling in files.

    spellings       iterable of V distinct str, in the order of their ids
    tokens          iterable of V bytes, what each stands for
    special_tokens  dict, spelling -> id; never made by merges, and found in text only where that is allowed
    added_tokens    dict, spelling -> id; found whole in any text, but otherwise as ordinary as the rest
    Source: the special tokens and roles of the transformers library.
    """

    bos_token, eos_token, unk_token, pad_token = map(_role, ROLES)
    bos_token_id, eos_token_id, unk_token_id, pad_token_id = map(_role_id, ROLES)

    def __init__(self, spellings, tokens, special_tokens=(), added_tokens=()):
        self._spellings, self._tokens = list(spellings), list(tokens)
        self._ids = {spelling: number for number, spelling in enumerate(self._spellings)}
        self._special_tokens, self._added_tokens = dict(special_tokens), dict(added_tokens)
        self._roles = dict.fromkeys(ROLES)
        self._tabulate()

    @property
    def vocab_size(self):
        """V, the number of tokens, special and added ones included."""
        return len(self._tokens)

    def __len__(self):
        return self.vocab_size

    def __repr__(self):
        return f"{type(self).__name__}(vocab_size={self.vocab_size}, special_tokens={list(self._special_tokens)[:8]})"

    @property
    def special_tokens(self):
        """The special tokens as dict, spelling -> id."""
        return dict(self._special_tokens)

    @property
    def added_tokens(self):
        """The other tokens that are found whole as dict, spelling -> id."""
        return dict(self._added_tokens)

    @property
    def found_whole(self):
        """Both of these, which neither bytes nor merges make."""
        return {**self._special_tokens, **self._added_tokens}

    @property
    def additional_special_tokens(self):
        """The special tokens without a role, a list of str."""
        return [token for token in self._special_tokens if token not in self._roles.values()]

    def get_vocab(self):
        """Return all tokens as files spell them: dict, spelling -> id."""
        return dict(self._ids)

    def decode(self, ids, errors="replace", skip_special_tokens=False):
        """Return the text of ids: the UTF-8 of their bytes, joined.

        ids                  (T,) list of int, or array of any integer dtype; or one int
        errors               "replace" (U+FFFD for what is no UTF-8), "ignore", or "strict": TokenizerError
        skip_special_tokens  leave out the special tokens
        Raises TokenizerError for an id out of range, naming it.
        """
        if isinstance(ids, (int, np.integer)):
            ids = [ids]
        if errors not in ("replace", "ignore", "strict"):
            raise TokenizerError(f"errors must be replace, ignore or strict; got {str(errors)[:40]!r}")
        try:
            return self.decode_bytes(ids, skip_special_tokens).decode("utf-8", errors)
        except UnicodeDecodeError as problem:
            raise TokenizerError(f"ids must decode to UTF-8 where errors='strict'; got {problem.reason} at byte "
                                 f"{problem.start}; use decode_bytes, or errors='replace'") from None

    def batch_decode(self, batch, errors="replace", skip_special_tokens=False):
        """Return a list of str: what `decode` makes of each row, (B, T) or B rows of any lengths."""
        return [self.decode(ids, errors, skip_special_tokens) for ids in listed(batch, "batch")]

    def decode_bytes(self, ids, skip_special_tokens=False):
        """Return the bytes of ids, joined; raise TokenizerError for an id out of range, naming it."""
        ids = check_ids(ids, self.vocab_size)
        if skip_special_tokens:
            ids = ids[~np.isin(ids, list(self._special_tokens.values()))]
        return b"".join(self._token_array[ids].tolist())

    def token_bytes(self, token_id):
        """Return the bytes of one token; raise TokenizerError for an id out of range."""
        return self.decode_bytes([token_id])

    def byte_length(self, ids):
        """Return how many bytes ids decode to, len(decode_bytes(ids)), without decoding; it divides bits per byte."""
        return int(self._lengths[check_ids(ids, self.vocab_size)].sum())

    def convert_ids_to_tokens(self, ids):
        """Return how files spell the tokens of ids: a list of str for a list or array, a str for one int."""
        if isinstance(ids, (int, np.integer)):
            return self.convert_ids_to_tokens([ids])[0]
        return [self._spellings[number] for number in check_ids(ids, self.vocab_size).tolist()]

    def convert_tokens_to_ids(self, tokens):
        """Return the ids of tokens as files spell them: a list of int for a list, an int for one str.

        Raises TokenizerError for what is no token. (transformers returns the id of unk_token, which in GPT-2 is the
        end of text.)
        """
        if isinstance(tokens, str):
            return self.convert_tokens_to_ids([tokens])[0]
        for token in listed(tokens, "tokens"):
            if not isinstance(token, str) or token not in self._ids:
                raise TokenizerError(f"tokens must be in the vocabulary of {self.vocab_size}; got {str(token)[:40]!r}")
        return [self._ids[token] for token in tokens]

    def add_special_tokens(self, tokens):
        """Add special tokens at the end of the vocabulary, give them roles, and return how many are new.

        tokens   dict: bos_token, eos_token, unk_token, pad_token (a str each), additional_special_tokens (a collection)
        returns  int; with more than 0, a model needs `model.resize_embedding(tokenizer.vocab_size)`

        Raises TokenizerError for another key, or for a spelling that an ordinary token has.
        Source: `add_special_tokens` of the transformers library.
        """
        unknown = set(tokens) - {*ROLES, *LISTS} if isinstance(tokens, dict) else {type(tokens).__name__}
        if unknown:
            raise TokenizerError(f"tokens must be a dict of {', '.join((*ROLES, *LISTS))}; "
                                 f"got {min(map(str, unknown))}")
        roles = {role: token for role, token in tokens.items() if role in ROLES and token is not None}
        lists = [check_special(tokens[name]) for name in LISTS if tokens.get(name) is not None]
        for token in roles.values():
            check_special([token])
        chosen = dict.fromkeys([*roles.values(), *(token for tokens in lists for token in tokens)])
        added = self._grow({token: self._special_tokens for token in chosen if token not in self._special_tokens})
        self._roles.update(roles)
        return added

    def add_tokens(self, tokens):
        """Add ordinary tokens, found whole in any text, at the end of the vocabulary; return how many are new.

        tokens   collection of str
        returns  int; with more than 0, a model needs `model.resize_embedding(tokenizer.vocab_size)`

        Raises TokenizerError for a spelling that another kind of token has.
        """
        return self._grow({token: self._added_tokens for token in check_special(tokens)
                           if token not in self._added_tokens})

    def _grow(self, kinds):
        """Take up new tokens, a dict, token -> the dict of its kind; return how many they are."""
        for token in check_special(kinds):
            if token in self._ids:
                raise TokenizerError(f"a new token must not be in the vocabulary yet; got {token[:40]!r}, "
                                     f"which has the id {self._ids[token]}; choose a rarer spelling")
        for token, kind in kinds.items():
            self._ids[token] = kind[token] = self.vocab_size
            self._spellings.append(token)
            self._tokens.append(check_text(token).encode("utf-8"))
        self._tabulate()
        return len(kinds)

    def _tabulate(self):
        """Keep at hand what each text needs: tokens and their lengths as arrays, and what is found whole as sets."""
        self._special, self._added = frozenset(self._special_tokens), frozenset(self._added_tokens)
        self._token_array = np.array(self._tokens, dtype=object)
        self._lengths = np.array([len(token) for token in self._tokens])
