"""The byte-level BPE tokenizer of GPT-2 and of most models since.

Before this file: `pretokenize` (text to pieces), `merges` (pieces to ids, and how merges are learned), `tokenizer`.
After it: the reader has the whole way from text to ids and back:

    text -> special tokens cut out -> pieces -> UTF-8 bytes -> base ids -> merges -> ids
    ids -> each token's bytes, joined -> UTF-8 -> text

No text is unknown, since any text is bytes. The way back may meet bytes that are no UTF-8, where a model ends a
sequence inside a character; they are decoded to U+FFFD.
"""

import numpy as np

from ..errors import TokenizerError
from .files import bpe_files, tiktoken_ranks
from .merges.bytes import BYTE_TO_ID, CHARACTERS_IN_ID_ORDER, spell
from .merges.encoder import BPEEncoder
from .merges.train import train_merges
from .merges.vocabulary import check_vocab, index_merges, numbers_of, token_table
from .pretokenize.blocks import as_texts, byte_pieces
from .pretokenize.distinct import DistinctPieces
from .pretokenize.patterns import piece_finder
from .special import check_special
from .tokenizer import Tokenizer


class BPETokenizer(Tokenizer):
    """Byte-level byte-pair encoding: a vocabulary, ranked merges and a pattern.

    >>> tokenizer = BPETokenizer.train("aaabdaaabac", vocab_size=259)
    >>> tokenizer.merges
    [(b'a', b'a'), (b'a', b'b'), (b'aa', b'ab')]
    >>> tokenizer.encode("aaabdaaabac")
    [258, 67, 258, 64, 66]

    vocab           dict, token -> id; ordinary tokens in the spelling of `merges.bytes`, as in `vocab.json`
    merges          iterable of (left, right) in the same spelling, or as bytes, first learned first
    pattern         str, a pre-tokeniser's name: gpt2, cl100k, cl100k_base, llama3; or a regular expression of one's own
    special_tokens  collection of tokens of vocab; None: those that are neither a byte nor made by a merge
    added_tokens    collection of other tokens of vocab that are found whole in any text, before it is cut into pieces
    ignore_merges   whether a piece that is itself a token is taken whole, as in Llama 3
    ranks           one int for each merge; of two, the lower rank is applied first, of equal ones the left one in the
                    text; None: their position
    where           the two names that errors call vocab and merges

    Raises TokenizerError for a vocabulary or merges that contradict each other.
    Source: Sennrich et al. 2016, arXiv:1508.07909; Radford et al. 2019 (GPT-2), section 2.2.
    """

    def __init__(self, vocab, merges, pattern="gpt2", special_tokens=None, added_tokens=(), ignore_merges=False,
                 ranks=None, where=("vocab", "merges")):
        spellings = check_vocab(vocab, where[0])                            # id -> token as the files spell it
        self._merges = index_merges(vocab, merges, where[1], ranks)         # (left id, right id) -> (rank, merged id)
        ordinary = {*(vocab[character] for character in CHARACTERS_IN_ID_ORDER),
                    *(i for pair in self._merges for i in pair), *(new for _, new in self._merges.values())}
        if special_tokens is None:
            special_tokens = {token for i, token in enumerate(spellings) if i not in ordinary}.difference(added_tokens)
        special, added = (numbers_of(tokens, vocab, ordinary, where[0]) for tokens in (special_tokens, added_tokens))
        tokens = token_table(spellings, {*special.values(), *added.values()}, where[0])
        super().__init__(spellings, tokens, special, added)
        self._pattern, self._ignore_merges = pattern, bool(ignore_merges)
        base = [vocab[spell(bytes([byte]))] for byte in range(256)]
        self._encoder = BPEEncoder(pattern, base, self._merges, self._ordinary() if ignore_merges else {})

    @classmethod
    def train(cls, texts, vocab_size, pattern="gpt2", special_tokens=(), min_frequency=1, on_progress=None):
        """Learn a vocabulary: special tokens first, then the 256 bytes in GPT-2's order, then one token per merge.

        Merges and ids are those of the tokenizers library. Training stops early when no pair occurs min_frequency
        times; then the tokenizer's `vocab_size` is smaller than the one asked for.

        texts           a str, a `pathlib.Path` of a file, or an iterable of both; no piece crosses from one to the
                        next. Memory grows with the distinct pieces, not with the texts: files are read in blocks
        vocab_size      int  tokens, at least 256 + the special ones
        pattern         str, as in `BPETokenizer`
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
        if isinstance(min_frequency, bool) or not isinstance(min_frequency, (int, np.integer)):
            raise TokenizerError(f"min_frequency must be an int; got {min_frequency!r:.40}")
        piece_finder(pattern)                                   # which raises for one that is none
        words = _count_words(texts, pattern)
        pairs = train_merges(words, int(vocab_size) - least, min_frequency=min_frequency, on_progress=on_progress)
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
    def pattern(self):
        """What cuts text into pieces; fixed when the tokenizer is made."""
        return self._pattern

    @property
    def ignore_merges(self):
        """Whether a piece that is itself a token is taken whole; fixed when the tokenizer is made."""
        return self._ignore_merges

    @property
    def merges(self):
        """The merges as a list of (left bytes, right bytes), in the order in which they were learned or given."""
        return [(self._tokens[left], self._tokens[right]) for left, right in self._merges]

    def save_pretrained(self, folder):
        """Write `tokenizer.json`, `vocab.json`, `merges.txt` and the settings into folder, which is made if need be.

        The tokenizers and transformers libraries read them, and give the same ids. Raises TokenizerError for what no
        file can hold, such as a chat template that is a function.
        """
        bpe_files.write_bpe(folder, self, self._merges)

    @classmethod
    def from_pretrained(cls, folder):
        """Read what `save_pretrained` wrote, a GPT-2 folder, or a byte-level BPE folder of the transformers library.

        Raises TokenizerError naming the file and the field at fault.
        """
        arguments, settings = bpe_files.read_bpe(folder)
        return settings.apply(cls(**arguments))

    def save_tiktoken(self, path):
        """Write the ordinary tokens as a rank file of tiktoken, their ids as ranks, so that it gives the same ids.

        It holds neither the pattern nor special tokens; hand `PATTERNS[tokenizer.pattern]` and
        `tokenizer.special_tokens` to `tiktoken.Encoding`. Raises TokenizerError where tiktoken would give other ids.
        """
        ranks = self._ordinary()
        tiktoken_ranks.check_ranks(ranks, self._merges, self.ignore_merges)
        tiktoken_ranks.write_ranks(path, ranks)

    @classmethod
    def from_tiktoken(cls, path, pattern="cl100k_base", special_tokens=()):
        """Read a rank file of tiktoken, such as `cl100k_base.tiktoken` or Llama 3's `tokenizer.model`.

        path            file name
        pattern         str, as in `BPETokenizer`; the file does not say it
        special_tokens  dict, token -> id; the file does not say them either. An id below the last one that nobody has
                        gets a special token such as <|unused_100256|>
        returns         BPETokenizer, whose ids are tiktoken's with the same pattern, for any ranks, learned or not

        Raises TokenizerError naming the file and the line.
        """
        ranks = tiktoken_ranks.read_ranks(path)
        return cls(pattern=pattern, **tiktoken_ranks.from_ranks(ranks, special_tokens, str(path)))

    def _ordinary(self):
        """The tokens that are not found whole: dict, bytes -> id."""
        apart = set(self.found_whole.values())
        return {token: number for number, token in enumerate(self._tokens) if number not in apart}

    def _encode_plain(self, texts, dropout, rng):
        if dropout or rng is not None:
            return [self._encoder.encode_with_dropout(text, dropout, rng) for text in texts]
        return self._encoder.encode(texts)


def _count_words(texts, pattern):
    """Count distinct pieces, as (base ids, occurrences)."""
    distinct, counts = DistinctPieces(), np.zeros(0, dtype=np.int64)
    for data, starts, ends, _ in byte_pieces(as_texts(texts, pattern), pattern):
        numbers = distinct.number(data, starts, ends)
        counts = (np.pad(counts, (0, len(distinct.pieces) - len(counts)))
                  + np.bincount(numbers, minlength=len(distinct.pieces)))
    return [(piece.translate(BYTE_TO_ID), n) for piece, n in zip(distinct.pieces, counts.tolist())]
