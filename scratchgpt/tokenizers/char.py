"""One token per character: the smallest tokenizer that works.

Before this file: `tokenizer`, which leaves one thing open: how plain text becomes ids. After it: the reader has seen
the simplest answer, a numbered alphabet and a look-up, and what it lacks: a character that training did not see has no
id.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from ..errors import TokenizerError
from ..files import read_json
from .files.fields import blaming
from .files.settings import CONFIG, read_settings, write_settings
from .ids import ID_DTYPE, check_text
from .pretokenize.blocks import as_texts
from .tokenizer import Tokenizer

FILE = "char_vocab.json"


class CharTokenizer(Tokenizer):
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
        super().__init__(self.characters, [character.encode("utf-8") for character in self.characters])
        points = np.array([ord(character) for character in self.characters])
        self._id_of_point = np.full(int(points.max()) + 2, -1, dtype=ID_DTYPE)              # code point -> id, or -1
        self._id_of_point[points] = np.arange(len(points))

    @classmethod
    def train(cls, texts):
        """Take the distinct characters of texts, sorted by code point.

        texts  a str, a `pathlib.Path` of a file, or an iterable of both
        Raises TokenizerError if there is no character in them.
        """
        return cls(sorted(set().union(*as_texts(texts))))

    def save_pretrained(self, folder):
        """Write `char_vocab.json`, a list of the characters in the order of their ids, and the files of
        `files.settings`, which hold the tokens that were added. Raises TokenizerError for what no file can hold.
        """
        write_settings(folder, self, {FILE: self.characters}, tokenizer_class="CharTokenizer")

    @classmethod
    def from_pretrained(cls, folder):
        """Read what `save_pretrained` wrote; raise TokenizerError naming the file at fault."""
        path, settings = Path(folder) / FILE, read_settings(folder)
        characters = read_json(path, TokenizerError)
        if not isinstance(characters, list):
            raise TokenizerError(f"{path}: must be a list of characters; got {type(characters).__name__}")
        with blaming(path):
            tokenizer = cls(characters)
        with blaming(Path(folder) / CONFIG):
            settings.grow(tokenizer)
        return settings.apply(tokenizer)

    def _encode_plain(self, texts, dropout, rng):
        if dropout or rng is not None:
            raise TokenizerError("dropout leaves out merges, and a CharTokenizer has none; got dropout or rng")
        return [self._look_up(text) for text in texts]

    def _look_up(self, text):
        points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
        ids = self._id_of_point[np.minimum(points, len(self._id_of_point) - 1)]     # the last is -1, for all beyond
        unknown = ids < 0
        if unknown.any():
            at = int(unknown.argmax())
            raise TokenizerError(f"every character must be in the vocabulary of {len(self.characters)}; "
                                 f"got {text[at]!r} (U+{ord(text[at]):04X}) at position {at}; "
                                 "remove it, or train on text that has it")
        return ids
