"""From text to whole numbers, and back.

Before this package: text as Python knows it. After it: the reader knows what a model's vocabulary is, where it comes
from, and what each id stands for. Reading order:

    ids, pretokenize/        text at the door, and cut into pieces
    merges/                  pieces to ids: byte-pair encoding
    special, vocabulary      tokens that are found whole; numbered tokens, and the way back to text
    chat/, call, tokenizer   conversations; many texts as one array; what every tokenizer can do
    char, bpe                the two kinds of tokenizers; how they are saved can wait for files/
    explain, stream          merges step by step; text while it is being generated
    files/, auto             the files of the field, and which tokenizer they hold

Both kinds have `train`, `encode`, `decode`, `save_pretrained` and `from_pretrained`, can be called, and have all else
that `Tokenizer` and `Vocabulary` define; `AutoTokenizer.from_pretrained` finds out which of them a folder holds.
"""

from .auto import AutoTokenizer
from .bpe import BPETokenizer
from .char import CharTokenizer
from .pretokenize.patterns import split
from .stream import StreamDecoder

__all__ = ["AutoTokenizer", "CharTokenizer", "BPETokenizer", "StreamDecoder", "split"]
