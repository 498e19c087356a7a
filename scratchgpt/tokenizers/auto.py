"""Finding out which tokenizer a folder holds.

Before this file: `char`, `bpe`, `files`. After it: the reader can load any folder that this package, or for
byte-level BPE the transformers library, has written, without knowing which kind of tokenizer is in it.
"""

from pathlib import Path

from ..errors import TokenizerError
from .bpe import BPETokenizer
from .char import FILE as CHARACTERS
from .char import CharTokenizer
from .files import bpe_files
from .files.settings import read_settings


class AutoTokenizer:
    """A way to load a tokenizer, not one itself: `AutoTokenizer.from_pretrained(folder)`."""

    def __init__(self, *_, **__):
        raise TokenizerError("an AutoTokenizer is never made; AutoTokenizer.from_pretrained(folder) returns one")

    @staticmethod
    def from_pretrained(folder):
        """Return the tokenizer of a folder, a CharTokenizer or a BPETokenizer.

        A CharTokenizer has its own file, `char_vocab.json`. For all else the files decide, whatever `tokenizer_class`
        says: many classes of the transformers library are byte-level BPE, and not all of those that are named so.

        Raises TokenizerError naming the folder or the file.
        Source: `AutoTokenizer` of the transformers library.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise TokenizerError(f"{folder}: must be a folder with a tokenizer's files; there is none")
        known = CHARACTERS, bpe_files.TOKENIZER, bpe_files.VOCAB, bpe_files.MERGES, "tokenizer.model"
        names = {name for name in known if (folder / name).exists()}
        named = read_settings(folder).config.get("tokenizer_class")
        if named == CharTokenizer.__name__ or named is None and names == {CHARACTERS}:
            return CharTokenizer.from_pretrained(folder)
        if names & {bpe_files.TOKENIZER, bpe_files.VOCAB, bpe_files.MERGES}:
            return BPETokenizer.from_pretrained(folder)
        if "tokenizer.model" in names:
            raise TokenizerError(f"{folder / 'tokenizer.model'}: of this file alone no tokenizer is made: if it is a "
                                 "rank file, as Llama 3's is, BPETokenizer.from_tiktoken reads it; a sentencepiece "
                                 "model is not supported")
        raise TokenizerError(f"{folder}: must hold {bpe_files.TOKENIZER}, or {bpe_files.VOCAB} and {bpe_files.MERGES}, "
                             f"or {CHARACTERS}; it has none of them")
