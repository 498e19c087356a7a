"""The byte-level BPE tokenizer of GPT-2 and of most models since.

Before this file: `bytes` (256 tokens that spell anything), `pretokenize` (pieces), `train` (merges learned), `merge`
(merges applied), `special`. After it: the reader has the whole way from text to ids and back:

    text -> special tokens cut out -> pieces -> UTF-8 bytes -> base ids -> merges -> ids
    ids -> each token's bytes, joined -> UTF-8 -> text

No text is unknown, since any text is bytes. The way back may meet bytes that are no UTF-8, where a model ends a
sequence inside a character; they are decoded to U+FFFD.
"""

from collections import Counter

import numpy as np

from ..errors import TokenizerError
from . import bpe_files
from .bytes import BYTE_TO_ID, CHARACTERS_IN_ID_ORDER, spell
from .ids import ID_DTYPE, as_texts, check_ids, check_text
from .merge import apply_merges
from .pretokenize import piece_finder
from .special import check_special, choose_special, split_special
from .train import train_merges
from .vocabulary import check_vocab, index_merges, token_table

CACHED_PIECES = 1 << 16     # encoded pieces that are remembered: most text consists of few distinct ones
CACHED_LENGTH = 64          # characters; longer pieces are rare, and too large to remember


class BPETokenizer:
    """Byte-level byte-pair encoding: a vocabulary, ranked merges and a pattern.

    >>> tokenizer = BPETokenizer.train("aaabdaaabac", vocab_size=259)
    >>> tokenizer.merges
    [(b'a', b'a'), (b'a', b'b'), (b'aa', b'ab')]
    >>> tokenizer.encode("aaabdaaabac")
    [258, 67, 258, 64, 66]

    vocab    dict, token -> id; ordinary tokens in the spelling of `bytes`, as in `vocab.json`
    merges   iterable of (left, right) in the same spelling, first learned first
    pattern  str, the name of a pre-tokeniser: gpt2, cl100k or llama3
    where    the two names that errors call vocab and merges

    A token that is neither a byte nor made by a merge is a special token (GPT-2's `<|endoftext|>`).
    Raises TokenizerError for a vocabulary or merges that contradict each other.
    Source: Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019 (GPT-2), section 2.2.
    """

    def __init__(self, vocab, merges, pattern="gpt2", where=("vocab", "merges")):
        self.pattern = pattern
        self._find_pieces = piece_finder(pattern)
        self._spelled = check_vocab(vocab, where[0])                    # id -> token as the files spell it
        self._merges = index_merges(vocab, merges, where[1])            # (left id, right id) -> (rank, merged id)
        made = {vocab[character] for character in CHARACTERS_IN_ID_ORDER} | {new for _, new in self._merges.values()}
        self.special_tokens = {token: i for i, token in enumerate(self._spelled) if i not in made}
        self._tokens = token_table(self._spelled, made, where[0])       # id -> bytes
        self._lengths = np.array([len(token) for token in self._tokens])
        self._base = [vocab[spell(bytes([byte]))] for byte in range(256)]
        self._cache = {}

    @classmethod
    def train(cls, texts, vocab_size, pattern="gpt2", special_tokens=(), min_frequency=1, on_progress=None):
        """Learn a vocabulary: special tokens first, then the 256 bytes in GPT-2's order, then one token per merge.

        Merges and ids are those of the tokenizers library. Training stops early when no pair occurs min_frequency
        times; then the tokenizer's `vocab_size` is smaller than the one asked for.

        texts           a str, or an iterable of str; pieces never cross from one to the next
        vocab_size      int  tokens, at least 256 + the special ones
        special_tokens  collection of str, which merges never make and training text is not searched for
        min_frequency   int  occurrences (1 is the same as 0)
        on_progress     called with (merges made, merges asked for), or None
        returns         BPETokenizer

        Raises TokenizerError for a vocab_size too small, or a special token that is also an ordinary token.
        Source: Sennrich et al. 2016, arXiv:1508.07909, algorithm 1.
        """
        special_tokens = check_special(special_tokens)
        least = 256 + len(special_tokens)
        if isinstance(vocab_size, bool) or not isinstance(vocab_size, (int, np.integer)) or vocab_size < least:
            raise TokenizerError(f"vocab_size must be at least 256 + {len(special_tokens)} special tokens = {least}; "
                                 f"got {vocab_size}")
        words = _count_words(texts, piece_finder(pattern))
        pairs = train_merges(words, vocab_size - least, min_frequency=min_frequency, on_progress=on_progress)
        tokens = list(CHARACTERS_IN_ID_ORDER)
        for left, right in pairs:
            tokens.append(tokens[left] + tokens[right])
        clash = set(special_tokens).intersection(tokens)
        if clash:
            raise TokenizerError("a special token must not be an ordinary token too; "
                                 f"got {min(clash)!r}, which the training text made; choose a rarer spelling")
        vocab = {token: i for i, token in enumerate(special_tokens + tokens)}
        return cls(vocab, [(tokens[left], tokens[right]) for left, right in pairs], pattern)

    @property
    def vocab_size(self):
        """V, the number of tokens, special ones included."""
        return len(self._tokens)

    @property
    def merges(self):
        """The merges as a list of (left bytes, right bytes), first learned first."""
        return [(self._tokens[left], self._tokens[right]) for left, right in self._merges]

    def encode(self, text, allowed_special=(), disallowed_special="all"):
        """Return text as a list of ids.

        text                str
        allowed_special     special tokens to encode as one id each: a collection, or "all"
        disallowed_special  special tokens to refuse in the text: a collection, or "all" (those that are not allowed)
        returns             list of int, 0 <= id < vocab_size

        Raises TokenizerError for a disallowed special token, or a lone surrogate, in the text.
        Source: Radford et al. 2019 (GPT-2, `encoder.py`); special tokens as in the tiktoken library.
        """
        check_text(text)
        chosen = choose_special(self.special_tokens, allowed_special, disallowed_special)
        parts = split_special(text, *chosen)
        ids = self._encode_plain(parts[0])
        for special, plain in zip(parts[1::2], parts[2::2]):
            ids.append(self.special_tokens[special])
            ids += self._encode_plain(plain)
        return ids

    def encode_array(self, text, allowed_special=(), disallowed_special="all"):
        """Return what `encode` does as an int32 array (T,)."""
        return np.array(self.encode(text, allowed_special, disallowed_special), dtype=ID_DTYPE)

    def decode(self, ids, errors="replace"):
        """Return the text of ids: the UTF-8 of `decode_bytes(ids)`.

        ids     (T,) list of int, or array of any integer dtype
        errors  "replace" (U+FFFD for what is no UTF-8), "ignore", or "strict": TokenizerError
        Raises TokenizerError for an id out of range, naming it.
        """
        if errors not in ("replace", "ignore", "strict"):
            raise TokenizerError(f"errors must be replace, ignore or strict; got {str(errors)[:40]!r}")
        try:
            return self.decode_bytes(ids).decode("utf-8", errors)
        except UnicodeDecodeError as problem:
            raise TokenizerError(f"ids must decode to UTF-8 where errors='strict'; got {problem.reason} at byte "
                                 f"{problem.start}; use decode_bytes, or errors='replace'") from None

    def decode_bytes(self, ids):
        """Return the bytes of ids, joined; raise TokenizerError for an id out of range, naming it."""
        return b"".join(map(self._tokens.__getitem__, check_ids(ids, self.vocab_size).tolist()))

    def token_bytes(self, token_id):
        """Return the bytes of one token; raise TokenizerError for an id out of range."""
        return self.decode_bytes([token_id])

    def byte_length(self, ids):
        """Return how many bytes ids decode to, len(decode_bytes(ids)), without decoding; it divides bits per byte."""
        return int(self._lengths[check_ids(ids, self.vocab_size)].sum())

    def save_pretrained(self, folder):
        """Write `vocab.json`, `merges.txt` and `tokenizer_config.json` into folder, which is made if need be."""
        merges = [(self._spelled[left], self._spelled[right]) for left, right in self._merges]
        bpe_files.write_bpe(folder, self._spelled, merges, self.pattern, self.special_tokens)

    @classmethod
    def from_pretrained(cls, folder):
        """Read what `save_pretrained` wrote, or a GPT-2 folder; raise TokenizerError naming the file at fault."""
        vocab, merges, pattern, where = bpe_files.read_bpe(folder)
        return cls(vocab, merges, pattern, where)

    def _encode_plain(self, text):
        ids, cache = [], self._cache
        for piece in self._find_pieces(text):
            known = cache.get(piece)
            ids += self._encode_piece(piece) if known is None else known
        return ids

    def _encode_piece(self, piece):
        ids = apply_merges([self._base[byte] for byte in piece.encode("utf-8")], self._merges)
        if len(piece) <= CACHED_LENGTH:
            if len(self._cache) >= CACHED_PIECES:
                self._cache.clear()
            self._cache[piece] = ids
        return ids


def _count_words(texts, find_pieces):
    """Count distinct pieces, as (base ids, occurrences): a text of millions of pieces has some ten thousand of them."""
    count = Counter()
    for text in as_texts(texts):
        count.update(find_pieces(text))
    return [(piece.encode("utf-8").translate(BYTE_TO_ID), n) for piece, n in count.items()]
