"""Text that comes one token at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer, CharTokenizer, StreamDecoder
from tests.checks import checks

tokenizer = BPETokenizer.train("früh übt sich, 日本語 日本語 🙂🙂", 300, special_tokens=["<|end|>"])


@checks(StreamDecoder, StreamDecoder.push, StreamDecoder.flush)
@given(st.lists(st.integers(0, tokenizer.vocab_size - 1)) | st.text().map(tokenizer.encode))
def test_the_pushes_and_the_flush_joined_are_the_decoded_ids(ids):
    stream = StreamDecoder(tokenizer)
    for _ in range(2):                                      # a flushed stream is as good as new
        assert "".join([*map(stream.push, ids), stream.flush()]) == tokenizer.decode(ids)


@checks(StreamDecoder.push)
@given(st.text())
def test_each_character_appears_with_its_last_byte_and_not_before(text):
    plain, shown = BPETokenizer.train("", 256), ""
    stream = StreamDecoder(plain)
    data = text.encode()
    for n, token in enumerate(plain.encode(text), 1):
        shown += stream.push(token)
        assert shown == data[:n].decode(errors="ignore")
    assert shown == text and stream.flush() == ""


@checks(StreamDecoder)
@given(st.text(min_size=1))
def test_a_character_tokenizer_shows_each_character_at_once(text):
    tokenizer = CharTokenizer.train(text)
    stream = StreamDecoder(tokenizer)
    assert [stream.push(token) for token in tokenizer.encode(text)] == list(text)
    assert stream.flush() == ""


@checks(StreamDecoder.push)
def test_an_id_out_of_range_is_named():
    with pytest.raises(TokenizerError, match="got 1000"):
        StreamDecoder(tokenizer).push(1000)
