"""What a byte-level vocabulary must be, before anything trusts it.

Before this file: `bytes`. After it: the reader knows the invariants of `vocab.json` and `merges.txt`: each id from 0
to V - 1 once, all 256 bytes present, each merge joining two known tokens into a third.
"""

from ..errors import TokenizerError
from .bytes import CHARACTERS_IN_ID_ORDER, unspell
from .ids import check_text


def check_vocab(vocab, where="vocab"):
    """Check that a vocabulary numbers its tokens 0, 1, ..., V - 1, and return the tokens in the order of their ids.

    vocab    dict, token as the file spells it -> id
    where    str   what errors call it, such as the file's name
    returns  list of V str

    Raises TokenizerError naming the token or id at fault, or a byte that has no token.
    Source: the byte alphabet of GPT-2: with all 256 bytes present, no text is unknown.
    """
    if not isinstance(vocab, dict):
        raise TokenizerError(f"{where}: must be an object of tokens and their ids; got {type(vocab).__name__}")
    spelled = [None] * len(vocab)
    for token, number in vocab.items():
        if not isinstance(token, str) or not token:
            raise TokenizerError(f"{where}: tokens must be non-empty str; got {str(token)[:40]!r}")
        if type(number) is not int or not 0 <= number < len(vocab):
            raise TokenizerError(f"{where}: ids of {len(vocab)} tokens must be integers from 0 to {len(vocab) - 1}; "
                                 f"got {str(number)[:40]} for {token[:40]!r}")
        if spelled[number] is not None:
            raise TokenizerError(f"{where}: each id must belong to one token; got {number} for "
                                 f"{spelled[number][:40]!r} and {token[:40]!r}")
        spelled[number] = token
    missing = [character for character in CHARACTERS_IN_ID_ORDER if character not in vocab]
    if missing:
        raise TokenizerError(f"{where}: all 256 characters that stand for bytes must be tokens; {missing[0]!r} is not")
    return spelled


def index_merges(vocab, merges, where="merges"):
    """Check merges against a vocabulary, and number them for encoding.

    >>> vocab = {character: i for i, character in enumerate(CHARACTERS_IN_ID_ORDER)} | {"th": 256, "the": 257}
    >>> index_merges(vocab, [("t", "h"), ("th", "e")])
    {(83, 71): (0, 256), (256, 68): (1, 257)}

    vocab    dict, token -> id, as `check_vocab` accepts
    merges   iterable of (left, right), both as the file spells them
    where    str  what errors call it
    returns  dict, (left id, right id) -> (rank, merged id)

    Raises TokenizerError for a merge that is listed twice, names a token that no byte or merge makes, or makes a
    token that is not in the vocabulary.
    Source: the form of GPT-2's `merges.txt`: one merge a line, in the order in which they were learned.
    """
    table, made = {}, set(CHARACTERS_IN_ID_ORDER)
    merges = list(merges)
    for rank, pair in enumerate(merges):
        left, right = _two_tokens(pair, f"{where}, merge {rank}")
        for token in (left, right, left + right):
            if token not in vocab:
                raise TokenizerError(f"{where}, merge {rank}: both tokens and the joined one must be in the "
                                     f"vocabulary; got {token[:40]!r}")
        key = (vocab[left], vocab[right])
        if key in table:
            raise TokenizerError(f"{where}, merge {rank}: a merge must be listed once; "
                                 f"got {left[:40]!r}, {right[:40]!r} again after merge {table[key][0]}")
        table[key] = (rank, vocab[left + right])
        made.add(left + right)
    for rank, pair in enumerate(merges):
        if not made.issuperset(pair):
            token = next(token for token in pair if token not in made)
            raise TokenizerError(f"{where}, merge {rank}: merges must join bytes, or what merges made of them; "
                                 f"got {token[:40]!r}, which no merge makes")
    return table


def token_table(spelled, made, where="vocab"):
    """Return each id's bytes: an ordinary token is spelled byte by byte, a special one stands as it is, in UTF-8.

    spelled  list of V str     made  set of ids that bytes and merges make     where  str, for errors
    returns  list of V bytes
    Raises TokenizerError naming a token that is no text.
    Source: GPT-2's `vocab.json`, where `<|endoftext|>` stands among byte-level spellings.
    """
    try:
        return [unspell(token) if number in made else check_text(token).encode("utf-8")
                for number, token in enumerate(spelled)]
    except TokenizerError as problem:
        raise TokenizerError(f"{where}: {problem}") from None


def _two_tokens(pair, where):
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(t, str) and t for t in pair):
        raise TokenizerError(f"{where}: a merge must be two tokens; got {str(pair)[:80]!r}")
    return pair
