"""From text to whole numbers, and back.

Before this package: text as Python knows it. After it: the reader knows what a model's vocabulary is, where it comes
from, and what each id stands for. Reading order: char, bytes, pretokenize, train, merge, cut, distinct, blocks,
encoder, special, vocabulary, call, tokenizer, byte_vocabulary, bpe, fields, settings, bpe_files, around,
tokenizer_json, tiktoken_ranks, auto, stream, jinja_render, chat.

Every tokenizer has `encode`, `encode_array`, `decode`, `token_bytes`, `byte_length`, `vocab_size`, `save_pretrained`
and `from_pretrained`, and can be called; `AutoTokenizer.from_pretrained` finds out which of them a folder holds.
"""

from .auto import AutoTokenizer
from .bpe import BPETokenizer
from .char import CharTokenizer
from .pretokenize import split
from .stream import StreamDecoder

__all__ = ["AutoTokenizer", "CharTokenizer", "BPETokenizer", "StreamDecoder", "split"]
