"""Text to pieces: words, numbers, punctuation and white space, cut apart before anything is merged.

Before this package: `ids`. After it: the reader knows the patterns that say where to cut, and how a text of millions of
characters becomes distinct pieces with a number each, without a step of Python for each occurrence. Reading order:
patterns (the definition), cut (the same in array operations), blocks (texts of any length), distinct (equal pieces
found).
"""

from .blocks import as_texts, byte_pieces
from .distinct import DistinctPieces
from .patterns import PATTERNS, piece_finder, split

__all__ = ["DistinctPieces", "PATTERNS", "as_texts", "byte_pieces", "piece_finder", "split"]
