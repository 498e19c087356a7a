"""Text while it is being generated, one token at a time.

Before this file: `token_bytes` of `vocabulary`. After it: the reader knows why printing `decode([id])` for each id is
wrong: a token may end in the middle of a character, whose first bytes must wait for the rest.
"""

import codecs


class StreamDecoder:
    """Decode ids as they come; the texts of all pushes and the flush, joined, are `tokenizer.decode(ids)`.

        push(id_1) + ... + push(id_T) + flush() = decode([id_1, ..., id_T])

    What is held back are bytes that could still become a character, at most three. (Looking for U+FFFD in the decoded
    text instead would be wrong, since a text may contain that character itself.)

    tokenizer  has `token_bytes(id) -> bytes`
    Source: RFC 3629 (UTF-8); Python's incremental decoders, `codecs.IncrementalDecoder`.
    """

    def __init__(self, tokenizer):
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token_id):
        """Take one id and return the text that is now certain, perhaps "".

        token_id  int  0 <= id < vocab_size
        Raises TokenizerError for an id out of range.
        """
        return self._decoder.decode(self._tokenizer.token_bytes(token_id))

    def flush(self):
        """Return what was held back, as U+FFFD if it never became a character, and start afresh."""
        text = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return text
