"""Byte-pair encoding in slow motion: what each merge does to the counts, and to a piece of text.

Before this file: `merges.train`, `merges.merge`, `bpe`. After it: the reader has seen every count change while merges
are learned, and can ask any byte-level BPE tokenizer why a word has the tokens that it has. No tokenizer depends on
this file, so it may be slow; that it tells the truth is proved against the functions that do the work.
"""

from collections import Counter
from typing import NamedTuple

from ..errors import TokenizerError
from .bpe import BPETokenizer
from .ids import check_text
from .merges.bytes import spell
from .merges.train import merge_pair, train_merges
from .pretokenize.patterns import split


class MergeStep(NamedTuple):
    """One merge: of the pair of ids into the id `merged`, after which the piece is `ids`."""

    rank: int
    pair: tuple
    merged: int
    ids: list


class PieceSteps(NamedTuple):
    """A piece of text, the ids that it starts from, the merges, and `how` it becomes what it does.

    how    "merges": it starts from bytes. The others are one token from the start, and have no steps: "special token",
           "added token", and "whole", which is in the vocabulary of a tokenizer with `ignore_merges`
    """

    text: str
    how: str
    start: list
    steps: list

    @property
    def ids(self):
        """The ids that the piece ends as."""
        return self.steps[-1].ids if self.steps else self.start


def merge_steps(ids, merges):
    """Yield what `apply_merges_textbook` does to one piece, a MergeStep for each pair that is joined.

    >>> merges = {("a", "a"): (0, "aa"), ("a", "b"): (1, "ab"), ("aa", "ab"): (2, "aaab")}       # any hashable is an id
    >>> for step in merge_steps("aaabdaaabac", merges):
    ...     print(step.rank, " ".join(step.ids))
    0 aa a b d a a a b a c
    0 aa a b d aa a b a c
    1 aa ab d aa a b a c
    1 aa ab d aa ab a c
    2 aaab d aa ab a c
    2 aaab d aaab a c

    ids      sequence of ids
    merges   dict, (left id, right id) -> (rank, merged id), as in `apply_merges_textbook`
    returns  iterator of MergeStep, n - m of them where n ids become m
    Source: Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019 (GPT-2, `encoder.py`).
    """
    ids = list(ids)
    while True:
        known = [(merges[pair][0], i) for i, pair in enumerate(zip(ids, ids[1:])) if pair in merges]
        if not known:
            return
        rank, i = min(known)
        pair = ids[i], ids[i + 1]
        merged = merges[pair][1]
        ids = [*ids[:i], merged, *ids[i + 2:]]
        yield MergeStep(rank, pair, merged, ids)


def count_table(words, n_merges, first_id=256):
    """Yield how often every token stands in the words: before training, and after each merge that training makes.

    >>> e, s, t, end, es, t_ = *b"est_", 256, 257
    >>> for pair, count, tokens in count_table([(b"older_", 3), (b"finest_", 9), (b"lowest_", 4)], 3):
    ...     print(pair, count, [tokens[token] for token in (e, s, t, end, es, t_)])
    None 0 [16, 13, 13, 16, 0, 0]
    (101, 115) 13 [3, 0, 13, 16, 13, 0]
    (116, 95) 13 [3, 0, 0, 3, 13, 13]
    (256, 257) 13 [3, 0, 0, 3, 0, 0]

    words     iterable of (sequence of ids, number of occurrences)
    n_merges  int  how many at most
    first_id  int  above every id in words: merge k makes the id first_id + k
    returns   iterator of (pair, occurrences of the pair, Counter: id -> occurrences); the first is (None, 0, Counter)
    Source: as for `train_merges_textbook`, whose merges these are.
    """
    words = [(tuple(word), n) for word, n in words]
    yield None, 0, _count(words)
    for merged, pair in enumerate(train_merges(words, n_merges, first_id), first_id):
        occurrences = _count([(zip(word, word[1:]), n) for word, n in words])[pair]
        words = [(merge_pair(word, pair, merged), n) for word, n in words]
        yield pair, occurrences, _count(words)


def explain(tokenizer, text):
    """Yield how a text becomes tokens, piece by piece.

        ids(text) = ids(piece_1) + ids(piece_2) + ...

    >>> tokenizer = BPETokenizer.train("aaabdaaabac", 259)
    >>> piece, = explain(tokenizer, "aab")
    >>> [(step.rank, step.pair, step.ids) for step in piece.steps]
    [(0, (64, 64), [256, 65])]

    tokenizer  BPETokenizer
    text       str; special tokens in it are taken as such
    returns    iterator of PieceSteps; their ids, joined, are `tokenizer.encode(text, allowed_special="all")`

    Raises TokenizerError for another kind of tokenizer, and where `encode` does.
    Source: as for `BPETokenizer`.
    """
    if not isinstance(tokenizer, BPETokenizer):
        raise TokenizerError(f"only byte-level BPE merges step by step; got a {type(tokenizer).__name__}")
    for kind, part in tokenizer._parts(check_text(text), frozenset(tokenizer.special_tokens)):
        if kind == "plain":
            yield from (_explain_piece(tokenizer, piece) for piece in split(part, tokenizer.pattern))
        else:
            yield PieceSteps(part, f"{kind} token", [tokenizer._ids[part]], [])


def readable(token):
    r"""Write a token so that it can be told from its neighbours: a space as ␣, what cannot be printed as an escape.

    >>> print(*map(readable, [b" the", "é".encode(), "é".encode()[:1], b"\r\n"]))
    ␣the é \xc3 \r\n

    token    bytes
    returns  str, all of it printable
    Source: the open box, U+2423, is Unicode's graphic for a space.
    """
    text = token.decode("utf-8", "backslashreplace").replace(" ", "␣")
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def token_labels(ids, tokenizer):
    """The readable text of each token.

    ids  (T,) integers    returns list of str, "" for an id that the tokenizer does not have
    Source: as `readable`.
    """
    return [readable(tokenizer.token_bytes(int(i))) if 0 <= i < tokenizer.vocab_size else "" for i in ids]


def longest_tokens(tokenizer, count):
    """Return the tokens of most bytes, the longest first, of equal ones the smaller id.

    tokenizer  any of this package
    count      int  how many at most; special and added tokens do not count
    returns    list of bytes
    Source: the longest of GPT-2's are lines of dashes and of broken encodings, which tell what it was trained on.
    """
    given = set(tokenizer.found_whole.values())
    tokens = [tokenizer.token_bytes(i) for i in range(tokenizer.vocab_size) if i not in given]
    return sorted(tokens, key=len, reverse=True)[:count]


def _explain_piece(tokenizer, piece):
    spelled = spell(piece.encode("utf-8"))
    if tokenizer.ignore_merges and spelled in tokenizer._ids.keys() - tokenizer.found_whole:    # spelled as they are
        return PieceSteps(piece, "whole", tokenizer.convert_tokens_to_ids([spelled]), [])
    start = tokenizer.convert_tokens_to_ids(list(spelled))
    return PieceSteps(piece, "merges", start, list(merge_steps(start, tokenizer._merges)))


def _count(words):
    count = Counter()
    for word, n in words:
        for token in word:
            count[token] += n
    return count
