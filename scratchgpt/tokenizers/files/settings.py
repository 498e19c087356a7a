"""What a tokenizer is besides its vocabulary: roles, sides, lengths, chat template, and the files that hold them.

Before this file: `vocabulary`, `chat`, `tokenizer`, `fields`. After it: the reader knows these files of the
transformers library, and which of them is right where two speak:

    added_tokens.json        token -> id, as transformers 4 wrote it; read only where added_tokens_decoder is absent
    tokenizer_config.json    all settings. Its added_tokens_decoder, id -> token, says which tokens are found whole
    special_tokens_map.json  the roles once more; read only where tokenizer_config.json has no added_tokens_decoder, and
                             right there, as in transformers
    chat_template.jinja      the chat template; right where tokenizer_config.json has another

A role is given to a token that exists. One that does not is an error: a token added in passing would have an id for
which the model has no embedding.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import TokenizerError
from ...files import read_json, write_json
from ..ids import check_text
from ..vocabulary import ADDITIONAL, ROLES
from .chat_template import TEMPLATE, read_template, template_source
from .fields import TOKEN, added_entries, blaming, check_few, check_fields, token_content

CONFIG, MAP, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
BOUNDLESS = 10 ** 20                    # a model_max_length from here on means that there is none, as in transformers
LISTS = {ADDITIONAL: (list, None, ...), "extra_special_tokens": (list, dict, None, ...)}    # two names of the same
SPECIAL = {**dict.fromkeys(ROLES, (str, dict, None, ...)), **LISTS}
SIMPLE = {"add_bos_token": (bool, None, ...), "add_eos_token": (bool, None, ...),
          "padding_side": ("left", "right", None, ...), "truncation_side": ("left", "right", None, ...)}
REFUSED = dict.fromkeys(["add_prefix_space", "split_special_tokens", "do_lower_case"], (False, None, ...))
TABLE = {**SPECIAL, **SIMPLE, **REFUSED, "added_tokens_decoder": (dict, ...), "tokenizer_class": (str, None, ...),
         "model_max_length": (int, float, None, ...), "chat_template": (str, list, dict, None, ...),
         "pretokenizer_pattern": (str, ...), "rank_by_token": (bool, ...)}


@dataclass
class Settings:
    """What files say of a tokenizer besides its vocabulary.

    added       dict, token -> (id, whether it is special): tokens that are found whole
    named       dict, token -> the file and field that gives it a role, or calls it special
    attributes  dict, name of a tokenizer's attribute -> value, roles included, as far as the files speak of them
    config      dict, all of `tokenizer_config.json`
    """

    added: dict = field(default_factory=dict)
    named: dict = field(default_factory=dict)
    attributes: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)

    def place(self, vocab, where):
        """Put the added tokens into vocab, token -> id; raise TokenizerError for one that has another id there."""
        for token, (number, _) in self.added.items():
            if vocab.setdefault(token, number) != number:
                raise TokenizerError(f"{where}: {token[:40]!r} must have one id; got {number} here, and "
                                     f"{vocab[token]!r:.40} in the vocabulary")

    def kinds(self, vocab):
        """Return (special tokens, other tokens that are found whole): two sets of str. What is named is special.

        Raises TokenizerError for a name that vocab lacks.
        """
        for token, where in self.named.items():
            if token not in vocab:
                raise TokenizerError(f"{where} must be a token of the vocabulary; got {token[:40]!r}; give it an id in "
                                     f"added_tokens_decoder of {CONFIG}")
        special = {token for token, (_, is_special) in self.added.items() if is_special} | self.named.keys()
        return special, self.added.keys() - special

    def grow(self, tokenizer):
        """Add the added tokens to a tokenizer whose ids they continue; raise TokenizerError where they do not."""
        (special, _), kinds = self.kinds(self.added), {}
        for following, (token, (number, _)) in enumerate(sorted(self.added.items(), key=lambda item: item[1]),
                                                         tokenizer.vocab_size):
            if number != following:
                raise TokenizerError(f"added_tokens_decoder must go on from id {following}; "
                                     f"got {number} for {token[:40]!r}")
            kinds[token] = tokenizer._special_tokens if token in special else tokenizer._added_tokens
        tokenizer._grow(kinds)

    def apply(self, tokenizer):
        """Set the attributes of a tokenizer that has the tokens, and return it."""
        for name, value in self.attributes.items():
            with blaming(self.named.get(value, CONFIG)):
                setattr(tokenizer, name, value)
        return tokenizer


def read_settings(folder):
    """Read the three files of a folder, each of which may be absent.

    folder   where `write_settings`, or the transformers library, wrote
    returns  Settings

    Raises TokenizerError naming the file and the field.
    Source: `from_pretrained` of the transformers library, 5.23.
    """
    path, added_path, map_path = (Path(folder) / name for name in (CONFIG, ADDED, MAP))
    config = check_fields(read_json(path, TokenizerError), TABLE, path, others=True) if path.exists() else {}
    settings = Settings(config=config)
    _read_special(settings, config, path)
    if "added_tokens_decoder" in config:
        settings.added = _read_added(config["added_tokens_decoder"], f"{path}: added_tokens_decoder")
    elif added_path.exists():
        entries = check_fields(read_json(added_path, TokenizerError), {}, added_path, others=True)
        settings.added = {token: (_id(number, token, added_path), False)
                          for token, number in check_few(entries, added_path).items()}
    if "added_tokens_decoder" not in config and map_path.exists():
        special = check_fields(read_json(map_path, TokenizerError), SPECIAL, map_path, others=True)
        _read_special(settings, special, map_path)
    found = {name: config.get(name) for name in SIMPLE} | {"model_max_length": _read_length(config, path)}
    found["chat_template"] = read_template(folder, config.get("chat_template"), path)
    settings.attributes |= {name: value for name, value in found.items() if value is not None}
    return settings


def write_settings(folder, tokenizer, others, **own):
    """Write `tokenizer_config.json`, `special_tokens_map.json` and others; delete a `chat_template.jinja` of before.

    folder     made if need be
    tokenizer  any Tokenizer
    others     dict, file name -> what to write there as JSON
    own        what else `tokenizer_config.json` says, such as tokenizer_class

    The chat template goes into `tokenizer_config.json`, where every version of transformers looks.
    Raises TokenizerError for a chat template that no file can hold, before anything is written.
    Source: `save_pretrained` of the transformers library.
    """
    roles = {role: getattr(tokenizer, role) for role in ROLES}
    lists = {ADDITIONAL: tokenizer.additional_special_tokens}
    source = template_source(tokenizer.chat_template)
    length = tokenizer.model_max_length
    optional = {"model_max_length": int(length) if isinstance(length, np.integer) else length, "chat_template": source}
    config = {**own, **roles, **lists, **{name: getattr(tokenizer, name) for name in SIMPLE},
              "add_prefix_space": False, "clean_up_tokenization_spaces": False,
              "added_tokens_decoder": {str(entry.pop("id")): entry for entry in added_entries(tokenizer)}}
    config |= {name: value for name, value in optional.items() if value is not None}
    check_fields(config, TABLE, "the tokenizer", others=True)
    with blaming("the tokenizer: chat_template"):
        check_text(source or "")
    special = {role: token for role, token in roles.items() if token is not None} | lists
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in {**others, CONFIG: config, MAP: special}.items():
        write_json(folder / name, document)
    (folder / TEMPLATE).unlink(missing_ok=True)


def _read_special(settings, fields, where):
    """Take up the roles; other names that end in _token, such as mask_token; and the lists of special tokens."""
    for name, value in fields.items():
        if name.endswith("_token") and isinstance(value, (str, dict)):
            token = token_content(value, f"{where}: {name}")
            settings.named[token] = f"{where}: {name}"
            if name in ROLES:
                settings.attributes[name] = token
    for name in LISTS:
        values = fields.get(name) or []
        for value in values.values() if isinstance(values, dict) else values:
            settings.named[token_content(value, f"{where}: {name}")] = f"{where}: {name}"


def _read_added(entries, where):
    added = {}
    for number, entry in check_few(entries, where).items():
        if not number.isdecimal() or not number.isascii() or len(number) > 9:
            raise TokenizerError(f"{where} must map ids to tokens; got {number!r:.40}")
        token = token_content(check_fields(entry, TOKEN, f"{where}, {number}")["content"], f"{where}, {number}")
        if token in added:
            raise TokenizerError(f"{where}: each token must have one id; got {token[:40]!r} again at {number}")
        added[token] = int(number), entry.get("special", False)
    return added


def _id(number, token, where):
    check_text(token)
    if type(number) is not int or not 0 <= number < 10 ** 9 or not token:
        raise TokenizerError(f"{where}: must map tokens to ids; got {number!r:.40} for {token[:40]!r}")
    return number


def _read_length(config, where):
    length = config.get("model_max_length")
    bounded = length is not None and length < BOUNDLESS
    if bounded and (type(length) is not int or length < 1):
        raise TokenizerError(f"{where}: model_max_length must be an integer of at least 1; got {length!r:.40}")
    return length if bounded else None
