"""What a byte-level vocabulary must be, before anything trusts it.

Before this file: `merges.bytes`. After it: the reader knows the invariants of `vocab.json` and `merges.txt`: each id
from 0 to V - 1 once, all 256 bytes present, each merge joining two known tokens into a third.
"""

from ...errors import TokenizerError
from ..ids import check_text
from .bytes import CHARACTERS_IN_ID_ORDER, spell, unspell


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
                                 f"got {number!r:.40} for {token[:40]!r}")
        if spelled[number] is not None:
            raise TokenizerError(f"{where}: each id must belong to one token; got {number} for "
                                 f"{spelled[number][:40]!r} and {token[:40]!r}")
        spelled[number] = token
    missing = [character for character in CHARACTERS_IN_ID_ORDER if character not in vocab]
    if missing:
        raise TokenizerError(f"{where}: all 256 characters that stand for bytes must be tokens; {missing[0]!r} is not")
    return spelled


def index_merges(vocab, merges, where="merges", ranks=None):
    """Check merges against a vocabulary, and number them for encoding.

    >>> vocab = {character: i for i, character in enumerate(CHARACTERS_IN_ID_ORDER)} | {"th": 256, "the": 257}
    >>> index_merges(vocab, [("t", "h"), ("th", "e")])
    {(83, 71): (0, 256), (256, 68): (1, 257)}

    vocab    dict, token -> id, as `check_vocab` accepts
    merges   iterable of (left, right), as the file spells them or as bytes
    where    str  what errors call it
    ranks    one int for each merge, or None: 0, 1, 2, ...
    returns  dict, (left id, right id) -> (rank, merged id)

    Raises TokenizerError for a merge that is listed twice, or that joins or makes a token which the vocabulary lacks.
    Source: the form of GPT-2's `merges.txt`: one merge a line, in the order in which they were learned.
    """
    table, merges = {}, list(merges)
    for number, (pair, rank) in enumerate(zip(merges, range(len(merges)) if ranks is None else ranks, strict=True)):
        left, right = _two_tokens(pair, f"{where}, merge {number}")
        for token in (left, right, left + right):
            if token not in vocab:
                raise TokenizerError(f"{where}, merge {number}: both tokens and the joined one must be in the "
                                     f"vocabulary; got {token[:40]!r}")
        key = (vocab[left], vocab[right])
        if key in table:
            raise TokenizerError(f"{where}, merge {number}: a merge must be listed once; "
                                 f"got {left[:40]!r}, {right[:40]!r} again")
        table[key] = (rank, vocab[left + right])
    return table


def numbers_of(tokens, vocab, ordinary, where="vocab"):
    """Return special or added tokens with their ids, in the order of these.

    tokens    collection of str     vocab     dict, token -> id
    ordinary  set of ids that bytes are, and that merges join and make
    returns   dict, token -> id
    Raises TokenizerError for a token that vocab lacks, or that is ordinary.
    Source: an id stands either for what merges make or for what is found whole.
    """
    for token in tokens:
        if token not in vocab or vocab[token] in ordinary:
            raise TokenizerError(f"{where}: special and added tokens must be in the vocabulary, and no bytes or "
                                 f"merges; got {str(token)[:40]!r}")
    return {token: vocab[token] for token in sorted(tokens, key=vocab.get)}


def token_table(spellings, plain, where="vocab"):
    """Return each id's bytes: an ordinary token is spelled byte by byte, a special or added one stands as it is.

    spellings  list of V str     plain  set of ids that stand as they are, in UTF-8     where  str, for errors
    returns    list of V bytes
    Raises TokenizerError naming a token that is no text.
    Source: GPT-2's `vocab.json`, where `<|endoftext|>` stands among byte-level spellings.
    """
    try:
        return [check_text(spelling).encode("utf-8") if number in plain else unspell(spelling)
                for number, spelling in enumerate(spellings)]
    except TokenizerError as problem:
        raise TokenizerError(f"{where}: {problem}") from None


def _two_tokens(pair, where):
    if isinstance(pair, (tuple, list)):
        pair = [spell(token) if isinstance(token, bytes) else token for token in pair]
    if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(t, str) and t for t in pair):
        raise TokenizerError(f"{where}: a merge must be two tokens; got {str(pair)[:80]!r}")
    return pair
