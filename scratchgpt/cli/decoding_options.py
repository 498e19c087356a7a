"""Every option of decoding on the command line, out of the one table that has them. Before this file:
`decoding.GenerationConfig`. After it: an option that is added there is one here; what a folder asks for yields to the
line.
"""

import argparse
import re

from ..decoding import GenerationConfig
from ..decoding.config_file import supported
from ..decoding.contradictions import RANKED, SAMPLING, SEARCHES
from ..errors import GenerationError
from ..options import FLAG, TEXT, TEXTS

# the first option of each group, in the order of the table
GROUPS = {"max_new_tokens": "when to stop", "do_sample": "how to search", "processor_order": "what to do to the scores",
          "use_cache": "what to remember"}
# options that are tokens, and under which name they may be given as text, behind which other
TYPED = {"force_words_ids": ("force_words", "texts that must appear, with beams; as typed, spaces included"),
         "bad_words_ids": ("bad_words", "texts that may not appear; as typed, spaces included"),
         "dry_sequence_breakers": ("dry_breakers", "texts that no repeat crosses")}
LENGTHS = {"max_new_tokens", "max_length"}
NEW_TOKENS = 500


def offered():
    """The fields of `GenerationConfig` that the line has: all but those about what Python gets back."""
    return [one for one in GenerationConfig.table()
            if not one.name.startswith("output_") and one.name != "return_dict_in_generate"]


def add_options(parser):
    """Add every option of decoding to a parser, in groups, each None unless it is given."""
    group = parser
    for one in offered():
        if one.name in GROUPS:
            group = parser.add_argument_group(GROUPS[one.name])
        if one.name == "do_sample":
            either = group.add_mutually_exclusive_group()
            _add(either, one)
            either.add_argument("--greedy", dest="do_sample", action="store_false", default=None,
                                help="the same as --no-do-sample: no chance involved")
        else:
            _add(group, one)
        if one.name in TYPED:
            name, what = TYPED[one.name]
            group.add_argument(flag(name), nargs="+", type=value(TEXT), metavar="TEXT", help=what)


def value(kind):
    """An argparse type: what a Kind of option makes of a text."""
    def parse(text):
        try:
            found = kind.parse(text)
        except (ValueError, RecursionError):
            found = None
        if found is None or not kind.fits(found):
            raise argparse.ArgumentTypeError(f"must be {kind.rule}; got {text!r:.80}")
        return found
    return parse


def asked_for(options, tokenizer):
    """{name: value} of what the line asks for, texts as ids of the tokenizer."""
    asked = {one.name: getattr(options, one.name) for one in offered() if getattr(options, one.name) is not None}
    for name, (typed, _) in TYPED.items():
        texts = getattr(options, typed) or []
        if texts:
            asked[name] = [*asked.get(name, []), *(tokenizer.encode(text, allowed_special="all") for text in texts)]
    return asked


def settled(config, asked, new_tokens=NEW_TOKENS):
    """What to ask of `generate`: what the line asks for, over what a folder's `config` does.

    A search asked for on the line takes the place of the folder's, with all that belongs to it, and so does a length.
    Tokens are drawn unless the line, the folder or the search says otherwise.
    returns  {name: value} without do_sample, whether tokens are drawn
    Raises GenerationError for options that shape chance where there is none.
    """
    folder = {one.name: getattr(config, one.name) for one in offered() if config.asks(one.name)}
    if asked.get("do_sample") is False or any(name in asked for name in SEARCHES):
        folder = {name: given for name, given in folder.items() if name not in SEARCHES}
    if LENGTHS & asked.keys():
        folder = {name: given for name, given in folder.items() if name not in LENGTHS}
    drawn = _is_drawn(config, asked, folder)
    if not drawn or not config.do_sample:
        ranks = "penalty_alpha" in folder                # contrastive search, whose top_k is no matter of chance
        folder = {name: given for name, given in folder.items() if name not in SAMPLING or ranks and name == "top_k"}
    shaping = [flag(name) for name in asked if name in SAMPLING and not (name == "top_k" and "penalty_alpha" in asked)]
    if shaping and not drawn:
        raise GenerationError(f"{', '.join(shaping)} shape what is drawn; leave them out with --greedy and "
                              "--penalty-alpha, which draw nothing")
    settings = {**supported(folder, asked, offered()), **asked}
    ranked = [flag(one.name) for one in offered() if one.name in RANKED
              and settings.get(one.name) not in (None, one.metadata["neutral"])]
    if ranked and drawn:
        raise GenerationError(f"{', '.join(ranked)} draws nothing; leave out --do-sample and what shapes chance, such "
                              "as as --temperature")
    settings.pop("do_sample", None)
    return settings if LENGTHS & settings.keys() else {**settings, "max_new_tokens": new_tokens}, drawn


def _is_drawn(config, asked, folder):
    if "do_sample" in asked:
        return asked["do_sample"]
    if "penalty_alpha" in asked:
        return False
    if any(name in SAMPLING for name in asked):
        return True
    if config.do_sample is not None:
        return config.do_sample
    return not {"num_beams", "penalty_alpha"} & {*asked, *folder}


def _add(group, one):
    kind, what = one.metadata["kind"], one.metadata["help"].replace("%", "%%")
    if kind is FLAG:
        group.add_argument(flag(one.name), action=argparse.BooleanOptionalAction, default=None, help=what)
    elif kind is TEXTS:
        group.add_argument(flag(one.name), nargs="+", type=value(TEXT), metavar="TEXT", help=what)
    else:
        rule = kind.rule.replace("%", "%%")
        plain = kind.rule.startswith(("an integer", "a finite number", "a number", "a text", "a token,"))
        group.add_argument(flag(one.name), type=value(kind), metavar=_metavar(one),
                           help=what if plain else f"{what}; {rule}")


def _metavar(one):
    """What the values look like; of a number the letter that the help speaks of, if there is one."""
    rule, letter = one.metadata["kind"].rule, re.search(r"\b[B-Z]\b", one.metadata["help"])
    looks = {"an integer": "N", "a finite": "X", "a number": "X", "a token,": "ID", "a text": "TEXT", "one of": "WORD"}
    found = next((name for start, name in looks.items() if rule.startswith(start)), "JSON")
    return letter[0] if letter and found in "NX" else found


def flag(name):
    """What an option is called on the line."""
    return "--" + name.replace("_", "-")
