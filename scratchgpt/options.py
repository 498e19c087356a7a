"""What an option may be: kinds of values, each with the sentence that says so.

Before this file: `errors`. After it: the table of all options of `generate`, `decoding.generation_config`, can be read
as a page, and whoever asks, Python, a JSON file or the command line, is held to the same rule.
"""

import json
import math
from dataclasses import field
from typing import Callable, NamedTuple

import numpy as np

from .errors import GenerationError


class Kind(NamedTuple):
    """What a value must be: the rule in words, the test, and how the command line's text becomes a value.

    rule  "an integer >= 1"        fits  value -> bool        parse  text -> value
    """

    rule: str
    fits: Callable
    parse: Callable


def option(kind, help, neutral=None, needs=None):
    """A field of a dataclass of options: None where nobody asked for it.

    kind     what it must be, a Kind           help   one line for `scratchgpt generate --help`
    neutral  the value that changes nothing    needs  names of options, one of which must be asked for besides
    """
    needs = (needs,) if isinstance(needs, str) else needs
    return field(default=None, metadata={"kind": kind, "help": help, "neutral": neutral, "needs": needs})


def check_option(name, value, kind):
    """Raise GenerationError naming the option unless it is None or what it must be."""
    if value is not None and not kind.fits(value):
        raise GenerationError(f"{name} must be {kind.rule}; got {value!r:.80}")


def plain(value):
    """A value without NumPy in it: its numbers and arrays, and those in lists and dicts, as Python's own."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, dict):
        return {plain(key): plain(part) for key, part in value.items()}
    return type(value)(map(plain, value)) if type(value) in (list, tuple) else value


def whole(at_least):
    """Integers from `at_least` on; True is none."""
    return Kind(f"an integer >= {at_least}", lambda value: _is_whole(value) and value >= at_least, int)


def number(low, high=math.inf, low_open=False, high_open=False):
    """Finite numbers between two ends, either of which may be left out."""
    def fits(value):
        return _is_number(value) and (value > low if low_open else value >= low) \
            and (value < high if high_open else value <= high)
    if high == math.inf:
        bound = "" if low == -math.inf else f" {'>' if low_open else '>='} {low}"
        return Kind(f"a finite number{bound}", fits, float)
    return Kind(f"a number in {'([' [not low_open]}{low}, {high}{')]' [not high_open]}", fits, float)


def choice(*values):
    """One of a few words, or of True and False."""
    def fits(value):
        return any(type(value) is type(one) and value == one for one in values)
    words = {str(one).lower(): one for one in values}
    return Kind(f"one of {', '.join(map(repr, values))}", fits, lambda text: words.get(text.lower(), text))


def tuple_of(*kinds):
    """A list of fixed length, such as (start, factor)."""
    def fits(value):
        return _is_list(value) and len(value) == len(kinds) and all(kind.fits(v) for kind, v in zip(kinds, value))
    return Kind(f"({', '.join(kind.rule for kind in kinds)})", fits, json.loads)


def list_of(kind, what, or_one=False):
    """A list, not empty, of things of one kind; with `or_one` also a single one."""
    def fits(value):
        return or_one and kind.fits(value) or _is_list(value) and len(value) > 0 and all(map(kind.fits, value))
    return Kind(what, fits, json.loads)


def _is_whole(value):
    return isinstance(value, int) and not isinstance(value, bool) and value < 1 << 62


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e300 <= value <= 1e300


def _is_list(value):
    return isinstance(value, (list, tuple))


def _fits_bias(value):
    pairs = list(value.items()) if isinstance(value, dict) else value
    return _is_list(pairs) and len(pairs) > 0 and all(
        _is_list(pair) and len(pair) == 2 and PHRASE.fits(pair[0]) and (_is_number(pair[1]) or pair[1] == -math.inf)
        for pair in pairs)


def _fits_layers(value):
    return value in ("low", "high") if isinstance(value, str) else PHRASE.fits(value)


FLAG = choice(True, False)
TEXT = Kind("a text, not empty", lambda value: isinstance(value, str) and value != "", str)
TOKEN = Kind("a token, an integer >= 0", whole(0).fits, int)
TOKENS = list_of(TOKEN, "a token or a list of them, integers >= 0", or_one=True)
PHRASE = list_of(TOKEN, "a list of tokens, integers >= 0")
PHRASES = list_of(PHRASE, "a list of lists of tokens, such as [[5, 7], [9]]")
FORCED = list_of(Kind("", lambda value: PHRASE.fits(value) or PHRASES.fits(value), json.loads),
                 "a list of phrases [5, 7], and of lists of alternatives [[5, 7], [9]]")
BIASES = Kind("{(5, 7): -1.5} or [[[5, 7], -1.5]], a number for each phrase", _fits_bias, json.loads)
TEXTS = list_of(TEXT, "a text or a list of them, none empty", or_one=True)
LAYERS = Kind("'low', 'high' or a list of layers, integers >= 0", _fits_layers,
              lambda text: text if text.isalpha() else json.loads(text))
RECORD = Kind("an object of settings, by name",
              lambda value: isinstance(value, dict) and all(isinstance(key, str) for key in value), json.loads)
