"""What a reader sees of the ids of an answer. Before this file: `tokenizers.stream`. After it: a text ends where it was
told to stop, although nobody knew, while it was being written, that it would stop there.

The bytes of tokens go through three hands: a special token has none to show, the beginning of a stop string waits until
it is one or is none, and half a character waits for its other half.
"""

import codecs
from itertools import compress


class TextStream:
    """Make text of ids as they come.

        push(x_1) + ... + push(x_n) + flush() = text(x_1 .. x_n), cut before the first stop string

    tokenizer  whose ids they are; an id beyond its vocabulary, which a model's table may have, has no text
    config     GenerationConfig: eos_token_id, which is no text; stop_strings; include_stop_str_in_output, to cut behind
               the stop string instead
    prompt     (T,) ids before the answer, in which a stop string, or a character, may begin
    Of several stop strings that end in the same token the one that begins first counts, as in `Stopping`. What is held
    back is at most as long as the longest of them, in bytes.
    Source: RFC 3629 (UTF-8); vLLM, for include_stop_str_in_output.
    """

    def __init__(self, tokenizer, config, prompt=()):
        self._tokenizer, self._include = tokenizer, bool(config.include_stop_str_in_output)
        self._ends, self._strings = set(config.ends), config.stop_bytes
        self._hidden = set(tokenizer.special_tokens.values())
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._text, self._shown = bytearray(), bytearray()                     # of a byte: itself, whether it is shown
        self._out, self._over = 0, False
        for token in prompt:
            self._read(int(token))
        self._emit(len(self._text))

    def push(self, token):
        """Take one id and return the text that is now certain, perhaps ""."""
        size = self._read(int(token))
        cut = self._cut(size)
        if cut is not None:
            text, self._over = self._emit(cut), True
            return text
        return self._emit(len(self._text) - self._undecided())

    def flush(self):
        """Return what was held back: the text has ended, and it was no stop string after all."""
        return self._emit(len(self._text)) + self._decoder.decode(b"", final=True)

    def _read(self, token):
        """Append the bytes of a token, and return how many there are."""
        known = token not in self._ends and 0 <= token < self._tokenizer.vocab_size
        piece = self._tokenizer.token_bytes(token) if known else b""
        self._text += piece
        self._shown += bytes([token not in self._hidden]) * len(piece)
        return len(piece)

    def _emit(self, end):
        """The characters of the bytes up to `end` that are not out yet."""
        if self._over:
            return ""
        new, self._out = slice(self._out, end), max(self._out, end)
        return self._decoder.decode(bytes(compress(self._text[new], self._shown[new])))

    def _cut(self, size):
        """Where the text ends because of a stop string that ends within the last `size` bytes, or None."""
        places = ((self._text.find(one, max(0, len(self._text) - size - len(one) + 1)), len(one))
                  for one in self._strings)
        begin, length = min((place for place in places if place[0] >= 0), default=(None, 0))
        return begin if begin is None or not self._include else begin + length

    def _undecided(self):
        """How many bytes at the end may be the beginning of a stop string."""
        return max((n for one in self._strings for n in range(1, len(one)) if self._text.endswith(one[:n])), default=0)


def text_of(ids, tokenizer, config, prompt=()):
    """The text of an answer, as a reader should see it.

        text = push(x_1) + ... + push(x_n) + flush()

    ids (N,), prompt (T,) integers, config GenerationConfig    returns str
    Source: as `TextStream`.
    """
    stream = TextStream(tokenizer, config, prompt)
    return "".join([*map(stream.push, ids), stream.flush()])
