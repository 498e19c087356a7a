"""One token per character: the smallest tokenizer that works.

Before this file: nothing but `str`. After it: the reader knows what a tokenizer is, a numbered alphabet and two
look-ups, and what it lacks: a character that training did not see has no number.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from ..errors import TokenizerError
from ..files import read_json, write_json
from .ids import ID_DTYPE, as_texts, check_ids, check_text

FILE = "char_vocab.json"


class CharTokenizer:
    """Characters numbered in a given order: id_t = index of text_t in the alphabet.

    >>> tokenizer = CharTokenizer.train("hello")
    >>> tokenizer.encode("hole"), tokenizer.decode([1, 0, 2, 2, 3])
    ([1, 3, 2, 0], 'hello')

    characters  iterable of distinct characters, in the order of their ids
    Raises TokenizerError for one that is no single character, that UTF-8 cannot write, or that comes twice.
    Source: Karpathy 2015, "The Unreasonable Effectiveness of Recurrent Neural Networks".
    """

    def __init__(self, characters):
        self.characters = list(characters)
        if not self.characters:
            raise TokenizerError("characters must hold at least one; got none; train on a text that is not empty")
        for i, character in enumerate(self.characters):
            if not isinstance(character, str) or len(character) != 1:
                raise TokenizerError(f"characters must be single ones; got {str(character)[:40]!r} at position {i}")
        check_text("".join(self.characters))
        character, times = Counter(self.characters).most_common(1)[0]
        if times > 1:
            raise TokenizerError(f"characters must be distinct; got {character!r} {times} times")
        self._points = np.array([ord(c) for c in self.characters], dtype="<u4")             # id -> code point
        self._ids = np.full(int(self._points.max()) + 2, -1, dtype=ID_DTYPE)                # code point -> id, or -1
        self._ids[self._points] = np.arange(len(self.characters))
        self._lengths = np.array([len(c.encode("utf-8")) for c in self.characters])         # id -> bytes of UTF-8

    @classmethod
    def train(cls, texts):
        """Take the distinct characters of texts, sorted by code point.

        texts  a str, or an iterable of str
        Raises TokenizerError if there is no character in them.
        """
        return cls(sorted(set().union(*as_texts(texts))))

    @property
    def vocab_size(self):
        """V, the number of characters."""
        return len(self.characters)

    def encode(self, text):
        """Return text as a list of ids, one for each character; errors as in `encode_array`."""
        return self.encode_array(text).tolist()

    def encode_array(self, text):
        """Return text as an array of ids, looked up for all characters at once.

        text     str of T characters
        returns  (T,) int32

        Raises TokenizerError naming the first character that is not in the vocabulary, and its position.
        """
        points = np.frombuffer(check_text(text).encode("utf-32-le"), dtype="<u4")
        ids = self._ids[np.minimum(points, len(self._ids) - 1)]          # the last entry is -1, for all beyond
        unknown = ids < 0
        if unknown.any():
            at = int(unknown.argmax())
            raise TokenizerError(f"every character must be in the vocabulary of {self.vocab_size}; got {text[at]!r} "
                                 f"(U+{ord(text[at]):04X}) at position {at}; remove it, or train on text that has it")
        return ids

    def decode(self, ids):
        """Return the text of ids.

        ids  (T,) list of int, or array of any integer dtype
        Raises TokenizerError for an id out of range, naming it.
        """
        return self._points[check_ids(ids, self.vocab_size)].tobytes().decode("utf-32-le")

    def token_bytes(self, token_id):
        """Return the UTF-8 bytes of one character; raise TokenizerError for an id out of range."""
        return self.decode([token_id]).encode("utf-8")

    def byte_length(self, ids):
        """Return how many UTF-8 bytes ids decode to, without decoding; it divides bits per byte."""
        return int(self._lengths[check_ids(ids, self.vocab_size)].sum())

    def save_pretrained(self, folder):
        """Write `char_vocab.json`, a list of the characters in the order of their ids, and `tokenizer_config.json`."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / FILE, self.characters)
        write_json(folder / "tokenizer_config.json", {"tokenizer_class": "CharTokenizer"})

    @classmethod
    def from_pretrained(cls, folder):
        """Read what `save_pretrained` wrote; raise TokenizerError naming the file at fault."""
        path = Path(folder) / FILE
        characters = read_json(path, TokenizerError)
        if not isinstance(characters, list):
            raise TokenizerError(f"{path}: must be a list of characters; got {type(characters).__name__}")
        try:
            return cls(characters)
        except TokenizerError as problem:
            raise TokenizerError(f"{path}: {problem}") from None
