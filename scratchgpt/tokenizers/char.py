"""One token per character: the smallest tokenizer that works.

Before this file: `tokenizer`, which leaves one thing open: how plain text becomes ids. After it: the reader has seen
the simplest answer, a numbered alphabet and a look-up, and what it lacks: a character that training did not see has no
id, unless there is a token that stands for all of those.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import TokenizerError
from ..files import read_json
from .files.fields import blaming
from .files.settings import CONFIG, read_settings, write_settings
from .ids import ID_DTYPE, check_text
from .pretokenize.blocks import as_texts
from .special import check_special
from .tokenizer import Tokenizer

FILE = "char_vocab.json"


class CharTokenizer(Tokenizer):
    """Characters numbered in a given order, after the special tokens: id_t = n_special + index of text_t in it.

    >>> tokenizer = CharTokenizer.train("hello")
    >>> tokenizer.encode("hole"), tokenizer.decode([1, 0, 2, 2, 3])
    ([1, 3, 2, 0], 'hello')
    >>> tokenizer = CharTokenizer.train("hello", ["<pad>", "<unk>"])
    >>> tokenizer.unk_token = "<unk>"
    >>> tokenizer.encode("hello!")
    [3, 2, 4, 4, 5, 1]

    characters      iterable of distinct characters, in the order of their ids
    special_tokens  iterable of distinct str, which get the first ids; `add_special_tokens` puts others at the end
    Assigned to unk_token, a special token stands for every character that is not in the alphabet; without one such a
    character is an error.
    Raises TokenizerError for one that is no single character, that UTF-8 cannot write, or that comes twice.
    Source: Karpathy 2015, "The Unreasonable Effectiveness of Recurrent Neural Networks".
    """

    def __init__(self, characters, special_tokens=()):
        self.characters, self._leading = list(characters), check_special(special_tokens)
        if not self.characters:
            raise TokenizerError("characters must hold at least one; got none; train on a text that is not empty")
        for i, character in enumerate(self.characters):
            if not isinstance(character, str) or len(character) != 1:
                raise TokenizerError(f"characters must be single ones; got {str(character)[:40]!r} at position {i}")
        check_text("".join(self.characters))
        spellings = [*self._leading, *self.characters]
        spelling, times = Counter(spellings).most_common(1)[0]
        if times > 1:
            raise TokenizerError(f"characters must be distinct; got {spelling!r} {times} times")
        super().__init__(spellings, [spelling.encode("utf-8") for spelling in spellings],
                         {token: i for i, token in enumerate(self._leading)})
        points = np.array([ord(character) for character in self.characters])
        self._id_of_point = np.full(int(points.max()) + 2, -1, dtype=ID_DTYPE)              # code point -> id, or -1
        self._id_of_point[points] = len(self._leading) + np.arange(len(points))

    @classmethod
    def train(cls, texts, special_tokens=()):
        """Take the distinct characters of texts, sorted by code point.

        texts  a str, a `pathlib.Path` of a file, or an iterable of both
        Raises TokenizerError if there is no character in them.
        """
        return cls(sorted(set().union(*as_texts(texts))), special_tokens)

    def save_pretrained(self, folder):
        """Write `char_vocab.json`, a list of the first special tokens and the characters in the order of their ids, and
        the files of `files.settings`, which say which tokens are special, and hold those that were added later.

        Raises TokenizerError for what no file can hold.
        """
        write_settings(folder, self, {FILE: [*self._leading, *self.characters]}, tokenizer_class="CharTokenizer")

    @classmethod
    def from_pretrained(cls, folder):
        """Read what `save_pretrained` wrote; raise TokenizerError naming the file at fault."""
        path, settings = Path(folder) / FILE, read_settings(folder)
        spellings = read_json(path, TokenizerError)
        if not isinstance(spellings, list):
            raise TokenizerError(f"{path}: must be a list of characters; got {type(spellings).__name__}")
        n = next((i for i, token in enumerate(spellings) if not isinstance(token, str)
                  or settings.added.get(token) != (i, True)), len(spellings))               # the first special tokens
        with blaming(path):
            tokenizer = cls(spellings[n:], spellings[:n])
        later = {name: {token: value for token, value in getattr(settings, name).items()
                        if token not in tokenizer.special_tokens} for name in ("added", "named")}
        with blaming(Path(folder) / CONFIG):
            replace(settings, **later).grow(tokenizer)
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
            if self.unk_token is not None:
                return np.where(unknown, ID_DTYPE(self.unk_token_id), ids)
            at = int(unknown.argmax())
            raise TokenizerError(f"every character must be in the vocabulary of {len(self.characters)}; "
                                 f"got {text[at]!r} (U+{ord(text[at]):04X}) at position {at}; "
                                 "remove it, or train on text that has it")
        return ids

    def _widths(self, text, ids):
        """As every tokenizer's, but that unk_token is as wide as the character that it stands for."""
        widths, at, unknown = super()._widths(text, ids), 0, self.unk_token_id
        for i in range(len(ids) if unknown in ids else 0):
            stands_for_one = ids[i] == unknown and not text.startswith(self.unk_token, at)
            end = at + (1 if stands_for_one else len(self._spellings[ids[i]]))
            widths[i] = len(text[at:end].encode("utf-8"))
            at = end
        return widths
