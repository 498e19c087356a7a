"""From text to whole numbers, and back.

Before this package: text as Python knows it. After it: the reader knows what a model's vocabulary is, where it comes
from, and what each id stands for. Reading order: char, bytes, pretokenize, train, merge, special, vocabulary, bpe,
bpe_files, stream.

Every tokenizer has `encode`, `encode_array`, `decode`, `token_bytes`, `byte_length`, `vocab_size`, `save_pretrained`
and `from_pretrained`.
"""

from pathlib import Path

from ..errors import TokenizerError
from .bpe import BPETokenizer
from .bpe_files import CONFIG, read_config
from .char import CharTokenizer
from .pretokenize import split
from .stream import StreamDecoder

__all__ = ["CharTokenizer", "BPETokenizer", "StreamDecoder", "load_tokenizer", "split"]

CLASSES = {"CharTokenizer": CharTokenizer, "BPETokenizer": BPETokenizer,
           "GPT2Tokenizer": BPETokenizer, "GPT2TokenizerFast": BPETokenizer}


def load_tokenizer(folder):
    """Read the tokenizer that `tokenizer_config.json` names; a folder that names none is read as GPT-2's.

    folder   where `save_pretrained` wrote
    returns  a CharTokenizer or a BPETokenizer

    Raises TokenizerError naming the file, for a class that is not known or for damaged files.
    Source: `AutoTokenizer.from_pretrained` of the transformers library.
    """
    path = Path(folder) / CONFIG
    name = read_config(path).get("tokenizer_class", "GPT2Tokenizer") if path.exists() else "GPT2Tokenizer"
    if not isinstance(name, str) or name not in CLASSES:
        raise TokenizerError(f"{path}: tokenizer_class must be one of {', '.join(CLASSES)}; got {str(name)[:80]!r}")
    return CLASSES[name].from_pretrained(folder)
