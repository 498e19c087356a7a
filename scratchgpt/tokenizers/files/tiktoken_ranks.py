"""tiktoken's files: one token a line, in base64, and its rank.

Before this file: `merges.bytes`, `merges.merge`, `fields`. After it: the reader knows BPE without a list of merges.
tiktoken joins two neighbours when their bytes, joined, are a token; the rank of the join is the token's. So the tokens
say it all:

    merges = {(left, right): left + right is a token},    rank(left, right) = id(left + right)

    IQ== 0
    Ig== 1          "!" is 0, and a double quote is 1, as in GPT-2

Ids may be left out: cl100k_base has ranks 0 to 100255 and special tokens from 100257. Here each id has a token, so a
special token that nobody writes, such as <|unused_100256|>, stands for each such id.
"""

import binascii
import itertools
from collections import Counter

from ...errors import TokenizerError
from ...files import atomic_write, read_bytes
from ..merges.bytes import spell
from ..merges.merge import apply_merges

MAX_BYTES, MAX_TOKEN = 16_000_000, 10_000       # of a file, and of a token in it: o200k_base has 3.6 million, and 128
MAX_SPLITS, MAX_WORK = 2_000_000, 10 ** 9       # splits of tokens into tokens; bytes looked at while these are sought
MAX_UNUSED = 2_000                              # ids that are left out; o200k_base has about twenty


def read_ranks(path):
    """Read a rank file.

    path     file name
    returns  dict, bytes -> rank
    Raises TokenizerError naming the file and the line.
    Source: `load_tiktoken_bpe` of the tiktoken library.
    """
    ranks, lines = {}, read_bytes(path, TokenizerError, MAX_BYTES).splitlines()
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not line:
            continue
        if len(fields) != 2 or not fields[1].isdigit() or len(fields[1]) > 9:
            raise TokenizerError(f"{path}, line {number}: must be a token in base64, a space, and its rank; "
                                 f"got {line[:80]!r}")
        try:
            token = binascii.a2b_base64(fields[0], strict_mode=True)
        except binascii.Error as problem:
            raise TokenizerError(f"{path}, line {number}: must begin with base64; got {fields[0][:80]!r} "
                                 f"({problem})") from None
        if not 0 < len(token) <= MAX_TOKEN or token in ranks:
            raise TokenizerError(f"{path}, line {number}: tokens must be distinct, of 1 to {MAX_TOKEN} bytes; "
                                 f"got {token[:40]!r}")
        ranks[token] = int(fields[1])
    rank, times = Counter(ranks.values()).most_common(1)[0] if ranks else (0, 1)
    if times > 1:
        raise TokenizerError(f"{path}: ranks must be distinct; got {rank} {times} times")
    return ranks


def from_ranks(ranks, special_tokens=(), where="ranks"):
    """Return the vocabulary and merges with which a BPETokenizer does what tiktoken does with ranks: its arguments.

    ranks           dict, bytes -> int, with all single bytes
    special_tokens  dict, token -> id
    where           str, what errors call it
    returns         dict: vocab, merges, ranks, special_tokens, ignore_merges, where

    Raises TokenizerError for a byte without a rank, or ids that are taken twice or far apart.
    Source: `_byte_pair_merge` of the tiktoken library.
    """
    missing = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if missing:
        raise TokenizerError(f"{where}: all 256 single bytes must have a rank; {bytes([missing[0]])!r} has none")
    tokens = sorted(ranks, key=ranks.get)
    vocab = {spell(token): ranks[token] for token in tokens}
    special = _special(vocab, special_tokens, where)
    work = sum(len(token) ** 2 for token in tokens)
    pairs = [] if work > MAX_WORK else list(itertools.islice(_splits(tokens, ranks), MAX_SPLITS + 1))
    if work > MAX_WORK or len(pairs) > MAX_SPLITS:
        raise TokenizerError(f"{where}: tokens must be mostly short, with at most {MAX_SPLITS} splits into two tokens; "
                             "these are more than any vocabulary learned from text")
    return {"vocab": vocab | special, "merges": [(spell(left), spell(right)) for left, right in pairs],
            "ranks": [ranks[left + right] for left, right in pairs], "special_tokens": special, "ignore_merges": True,
            "where": (where, where)}


def write_ranks(path, ranks):
    """Write a rank file, whole or not at all: ranks is a dict, bytes -> int. `read_ranks` reads it."""
    with atomic_write(path, "wb") as file:
        for token in sorted(ranks, key=ranks.get):
            file.write(b"%s %d\n" % (binascii.b2a_base64(token, newline=False), ranks[token]))


def check_ranks(ranks, merges, ignore_merges):
    """Check that tiktoken, given ids as ranks, encodes as ranked merges do.

        rank(a) < rank(b)  =>  id(a's token) <= id(b's token),  and each token's bytes are encoded as this token

    ranks          dict, bytes -> id of all ordinary tokens
    merges         dict, (left id, right id) -> (rank, merged id)
    ignore_merges  whether a piece that is a token is taken whole; then every split, instead, must be a merge

    Raises TokenizerError naming the token at fault.
    Source: by induction over merges. As long as both have joined the same, what lies inside the bytes of a token has
    been joined as it is in the token alone, so of two of its splits only the one which makes it there can come up.
    """
    tokens = {number: token for token, number in ranks.items()}
    made = [new for _, new in sorted(merges.values())]
    for first, second in zip(made, made[1:]):
        if first > second:
            raise TokenizerError("ids of ordinary tokens must be ranks, in the order of their merges; "
                                 f"got {tokens[first]!r:.60} ({first}) before {tokens[second]!r:.60} ({second}); "
                                 "save_pretrained keeps any order")
    for token, number in ranks.items():
        if ignore_merges:
            splits = ((ranks.get(token[:cut]), ranks.get(token[cut:])) for cut in range(1, len(token)))
            sound = all(pair in merges for pair in splits if None not in pair)
        else:
            sound = apply_merges([ranks[bytes([byte])] for byte in token], merges) == [number]
        if not sound:
            raise TokenizerError(f"merges must make each token as tiktoken would; {token!r:.60} ({number}) they do "
                                 "not; save_pretrained keeps any merges")


def _splits(tokens, ranks):
    for token in tokens:
        for cut in range(1, len(token)):
            if token[:cut] in ranks and token[cut:] in ranks:
                yield token[:cut], token[cut:]


def _special(vocab, special_tokens, where):
    """Special tokens, and one for each id that is left out, as dict, token -> id."""
    special, taken = dict(special_tokens), set(vocab.values())
    for token, number in special.items():
        if type(number) is not int or number < 0 or number in taken or token in vocab:
            raise TokenizerError(f"{where}: a special token must have a spelling and an id of its own; "
                                 f"got {str(token)[:40]!r}: {number!r:.40}")
        taken.add(number)
    if max(taken) >= len(taken) + MAX_UNUSED:
        raise TokenizerError(f"{where}: at most {MAX_UNUSED} ids may be left out; got {len(taken)} tokens with ids up "
                             f"to {max(taken)}; number them from 0 without gaps")
    special |= {f"<|unused_{number}|>": number for number in range(max(taken)) if number not in taken}
    return dict(sorted(special.items(), key=lambda item: item[1]))
