"""`scratchgpt tokenizer inspect`: what a tokenizer is made of, how it cuts a word, and how merges are learned.

Before this file: `tokenizers.explain`, which knows all the answers. After it: the reader knows how they become lines.
"""

import argparse
import sys

from ..errors import ConfigError
from ..tokenizers import AutoTokenizer, BPETokenizer
from ..tokenizers.explain import count_table, explain, longest_tokens, readable
from ..tokenizers.vocabulary import ROLES
from .arguments import whole

EXAMPLE = (("older_", 3), ("finest_", 9), ("lowest_", 4))       # "_" marks the end of a word
MERGES = 6
FIRST_ID = sys.maxunicode + 1                                   # here a character is its own id
FIRST_LINE = {"merges": "bytes", "whole": "in the vocabulary, so taken whole", "special token": "special token",
              "added token": "added token"}
LISTED, SHOWN = 10, 40                                          # tokens in a list, and characters of one of them


def counted_word(text):
    """An argparse type: WORD=NUMBER -> (word, number)."""
    word, _, number = text.rpartition("=")
    if not word or not word.isprintable() or not number.isdecimal() or len(number) > 12 or int(number) < 1:
        raise argparse.ArgumentTypeError("must be WORD=NUMBER, such as older_=3, with a number of at least 1 and at "
                                         f"most 12 digits; got {text[:80]!r}")
    return word, int(number)


def add_to(commands):
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser("inspect", help="see how merges are learned and applied",
                                 description="Without a TEXT, sum up a tokenizer; with one, show how it becomes "
                                             "tokens, merge by merge. With --example or --counts, show how merges are "
                                             "learned: how often each token stands in the words after each merge.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--tokenizer", metavar="DIR", help="folder of a saved tokenizer")
    what.add_argument("--example", action="store_true", help="learn from " +
                      ", ".join(f"{word} {n} times" for word, n in EXAMPLE))
    what.add_argument("--counts", nargs="+", type=counted_word, metavar="WORD=NUMBER",
                      help="learn from words of your own, each as often as its number says")
    parser.add_argument("--merges", type=whole(0), metavar="N", help=f"how many merges to learn (default: {MERGES})")
    parser.add_argument("texts", nargs="*", metavar="TEXT",
                        help="what to encode with --tokenizer; each is a text of its own, and a space before a word "
                             "belongs to it: \" word\"")
    parser.set_defaults(run=run)


def run(options):
    """Run the command."""
    if options.tokenizer is None:
        if options.texts:
            raise ConfigError(f"a TEXT is encoded by a tokenizer; got {options.texts[0]!r} without --tokenizer")
        lines = count_lines(options.counts or EXAMPLE, MERGES if options.merges is None else options.merges)
    else:
        if options.merges is not None:
            raise ConfigError("--merges belongs to the table of --example or --counts; leave it out with --tokenizer")
        tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
        lines = explanation(tokenizer, options.texts) if options.texts else summary(tokenizer)
    print_lines(list(lines))                                    # all of them or, after a mistake, none


def count_lines(words, n_merges):
    """Yield the table of `count_table` for words of characters: a column for each token that a merge touches.

    words  iterable of (str, number of occurrences)
    """
    rows = list(count_table([([ord(character) for character in word], n) for word, n in words], n_merges, FIRST_ID))
    name = {letter: readable(chr(letter).encode()) for letter in rows[0][2]}
    touched = dict.fromkeys(letter for pair, _, _ in rows[1:] for letter in pair if letter < FIRST_ID)
    for merged, (pair, _, _) in enumerate(rows[1:], FIRST_ID):
        name[merged] = name[pair[0]] + name[pair[1]]
    columns = [*touched, *range(FIRST_ID, FIRST_ID + len(rows) - 1)]
    width = {token: 2 + max(len(name[token]), *(len(str(tokens[token])) for _, _, tokens in rows)) for token in columns}
    merges = ["(none)"] + [f"{name[left]} + {name[right]}" for (left, right), _, _ in rows[1:]]
    wide = max(map(len, merges))
    yield f"{'merge':<{wide}}  count" + "".join(f"{name[token]:>{width[token]}}" for token in columns)
    for k, (merge, (pair, count, tokens)) in enumerate(zip(merges, rows)):
        cells = (tokens[token] if token < FIRST_ID + k else "" for token in columns)
        yield (f"{merge:<{wide}}  {count if pair else '':>5}"
               + "".join(f"{cell:>{width[token]}}" for token, cell in zip(columns, cells))).rstrip()
    still = [f"{name[letter]} {n}" for letter, n in rows[0][2].items() if letter not in touched]
    if still:
        yield "not touched: " + ", ".join(still)
    if len(rows) <= n_merges:
        yield f"after {len(rows) - 1} merges every word is one token"


def explanation(tokenizer, texts):
    """Yield how each text becomes tokens, a line for each merge."""
    for piece in (piece for text in texts for piece in explain(tokenizer, text)):
        rows = [(FIRST_LINE[piece.how], piece.start)]
        rows += [(f"rank {step.rank:<6} {' + '.join(_tokens(tokenizer, step.pair))}", step.ids) for step in piece.steps]
        wide = max(len(label) for label, _ in rows)
        yield readable(piece.text.encode())
        for label, ids in rows:
            yield f"  {label:<{wide}}   {' | '.join(_tokens(tokenizer, ids))}"
        yield f"  {'id' if len(piece.ids) == 1 else 'ids'} {' '.join(map(str, piece.ids))}\n"


def summary(tokenizer):
    """Yield what a tokenizer is made of, a line for each part."""
    special, added = tokenizer.special_tokens, tokenizer.added_tokens
    merges = tokenizer.merges if isinstance(tokenizer, BPETokenizer) else []
    yield f"{'kind':<16} {type(tokenizer).__name__}"
    yield (f"{'vocabulary':<16} {tokenizer.vocab_size:,} tokens, {len(merges):,} of them merged, "
           f"{len(special)} special, {len(added)} added")
    if merges:
        yield f"{'pattern':<16} {tokenizer.pattern}"
    for kind, tokens in (("special", special), ("added", added)):
        for token, i in tokens.items():
            roles = ", ".join(role for role in ROLES if getattr(tokenizer, role) == token)
            yield f"{f'{kind} token':<16} {i} {shortened(token.encode())}" + (f" ({roles})" if roles else "")
    yield f"{'longest tokens':<16} {'  '.join(map(shortened, longest_tokens(tokenizer, LISTED)))}"
    for title, some in (("first merges", merges[:LISTED]), ("last merges", merges[LISTED:][-LISTED:])):
        if some:
            yield f"{title:<16} {', '.join(f'{shortened(left)} + {shortened(right)}' for left, right in some)}"


def print_lines(lines):
    """Print lines, characters that the terminal or file cannot take being escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.writelines(f"{line}\n".encode(encoding, "backslashreplace").decode(encoding) for line in lines)
    sys.stdout.flush()


def shortened(token):
    """A token's bytes as readable text, its end left out if it is long."""
    text = readable(token)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(token)} bytes)"


def _tokens(tokenizer, ids):
    return [readable(tokenizer.token_bytes(i)) for i in ids]
