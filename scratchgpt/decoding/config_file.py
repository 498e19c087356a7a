"""generation_config.json as the field writes it, and what of it acts here.

Before this file: `contradictions`. After it: a file that other libraries load is loaded too: what it holds for nothing,
in words of theirs, or without that which it acts with, is kept apart and written back, and only the rest is obeyed.
"""

import math
from pathlib import Path

from ..errors import GenerationError
from ..files import read_json, write_json
from ..options import BIASES, FORCED, PHRASE, PHRASES

FILE = "generation_config.json"
FOR_NOTHING = {"top_k": 0, "pad_token_id": -1}                          # what others write where they ask for nothing
LISTS = (PHRASE, PHRASES, FORCED, BIASES)                               # and of these, an empty one
DRAFTS = {"num_assistant_tokens": {"assistant_early_exit"},     # they act with an assistant, in no file
          "assistant_acceptance": {"assistant_early_exit", "prompt_lookup_num_tokens", "lookahead_num_tokens"}}


def read(folder, table):
    """What `folder`/generation_config.json asks for, and what else it holds: ({name: value}, {key: value}).

        file = options + other        two dicts of disjoint keys

    table  (N,) fields of `GenerationConfig`    without the file, two times nothing
    Raises GenerationError naming the file that cannot be read. Wrong values are not looked for.
    Source: the `generation_config.json` of transformers.
    """
    path = Path(folder) / FILE
    values = read_json(path, GenerationError) if path.exists() else {}
    if not isinstance(values, dict):
        raise GenerationError(f"{path}: must hold an object; got {type(values).__name__}")
    if type(values.get("early_stopping")) is int and values["early_stopping"] in (0, 1):
        values["early_stopping"] = bool(values["early_stopping"])
    kinds = {one.name: one.metadata["kind"] for one in table}
    given = {name: value for name, value in values.items() if name in kinds and not _asleep(name, value, kinds[name])}
    given = supported(given, {}, table)
    given = {name: value for name, value in given.items() if not DRAFTS.get(name) or DRAFTS[name] & given.keys()}
    other = {key: value for key, value in values.items() if key not in given}
    if BIASES.fits(pairs := _numbers(given.get("sequence_bias"))):
        given["sequence_bias"] = pairs
    return given, other


def write(folder, options, other):
    """Write what `read` reads; a bias of -inf, which is no number of JSON, as "-inf".

        file = options + other, the options first where both have a key

    options  {name: value}, biases in nats    other  {key: value}
    Source: as `read`.
    """
    own = {name: value for name, value in options.items() if value is not None}
    if "sequence_bias" in own:
        pairs = own["sequence_bias"]
        pairs = pairs.items() if isinstance(pairs, dict) else pairs
        own["sequence_bias"] = [[list(phrase), "-inf" if bias == -math.inf else bias] for phrase, bias in pairs]
    write_json(Path(folder) / FILE, {**other, **own})


def supported(options, others, table):
    """Of the options, {name: value}, those that lack nothing that they act with, be it among the others.

        kept = {o in options : o needs nothing, or one of its needs is kept or among the others, and not neutral}

    table  (N,) fields of `GenerationConfig`
    Source: as `read`; `contradictions` refuses what this leaves out.
    """
    table = {one.name: one.metadata for one in table}
    while True:
        acting = {name for name, given in {**options, **others}.items()
                  if given is not None and given != table[name]["neutral"]}
        kept = {name: given for name, given in options.items()
                if not table[name]["needs"] or acting.intersection(table[name]["needs"])}
        if kept == options:
            return kept
        options = kept


def _asleep(name, value, kind):
    """Whether a file holds the option for nothing, or in a word that nobody knows here."""
    return value is None or value == FOR_NOTHING.get(name) and type(value) is int or \
        value == [] and kind in LISTS or \
        name == "cache_implementation" and isinstance(value, str) and not kind.fits(value)


def _numbers(pairs):
    """Biases with -inf where a file says "-inf"; what is no list of pairs as it is."""
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        return pairs
    return [[phrase, -math.inf if bias == "-inf" else bias] for phrase, bias in pairs]
