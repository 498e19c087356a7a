"""Rank files of tiktoken: their tokens say all merges, and a table of any kind gives what its definition says."""

import base64
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer, split
from scratchgpt.tokenizers.files.tiktoken_ranks import check_ranks, from_ranks, read_ranks, write_ranks
from tests.checks import checks

BYTES = {bytes([byte]): byte for byte in range(256)}
TEXT = "the theme of the thesis is the theory 1234, don't é\n"


def line(token, rank):
    return base64.b64encode(token) + b" %d\n" % rank


def oracle(piece, ranks):
    """tiktoken's rule, word for word: a piece that is a token is one; else join the first pair of the lowest rank."""
    if piece in ranks:
        return [ranks[piece]]
    parts = [bytes([byte]) for byte in piece]
    while True:
        joined = [(ranks[a + b], i) for i, (a, b) in enumerate(zip(parts, parts[1:])) if a + b in ranks]
        if not joined:
            return [ranks[part] for part in parts]
        _, i = min(joined)
        parts[i:i + 2] = [parts[i] + parts[i + 1]]


@checks(BPETokenizer.from_tiktoken, BPETokenizer.save_tiktoken, from_ranks, read_ranks, write_ranks)
@given(more=st.lists(st.text("abé ", min_size=2, max_size=5).map(str.encode) | st.binary(min_size=2, max_size=3),
                     unique=True),
       order=st.randoms(use_true_random=False), text=st.text("aabé \n", max_size=60),
       pattern=st.sampled_from(["gpt2", "llama3"]))
def test_any_table_of_ranks_gives_the_ids_of_the_rule(tmp_path_factory, more, order, text, pattern):
    tokens = [*BYTES, *more]
    order.shuffle(tokens)
    ranks = {token: rank for rank, token in enumerate(tokens)}
    path = tmp_path_factory.mktemp("ranks") / "any.tiktoken"
    write_ranks(path, ranks)
    assert read_ranks(path) == ranks
    tokenizer = BPETokenizer.from_tiktoken(path, pattern, {"<end>": len(ranks)})
    assert tokenizer.encode(text) == [i for piece in split(text, pattern) for i in oracle(piece.encode(), ranks)]
    assert tokenizer.encode("<end>", allowed_special="all") == [len(ranks)]
    content = path.read_bytes()
    tokenizer.save_tiktoken(path)
    assert path.read_bytes() == content


@checks(BPETokenizer.save_tiktoken, check_ranks)
@given(text=st.text("aabé \n") | st.just(TEXT))
def test_what_was_trained_becomes_ranks_and_comes_back_with_the_same_ids(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("ranks") / "trained.tiktoken"
    trained = BPETokenizer.train(text, 290, "cl100k", ["<end>"])
    trained.save_tiktoken(path)
    again = BPETokenizer.from_tiktoken(path, "cl100k", trained.special_tokens)
    assert again.get_vocab() == trained.get_vocab()
    for part in (text, TEXT):
        assert again.encode(part) == trained.encode(part)


@checks(check_ranks)
def test_ids_that_cannot_be_ranks_are_refused():
    ranks = BYTES | {b"ab": 256, b"abc": 257}
    a, b, c = b"abc"
    check_ranks(ranks, {(a, b): (0, 256), (256, c): (1, 257)}, False)
    with pytest.raises(TokenizerError, match="in the order of their merges; got b'abc'"):
        check_ranks(ranks, {(a, b): (1, 256), (256, c): (0, 257)}, False)
    with pytest.raises(TokenizerError, match="as tiktoken would; b'abc'"):
        check_ranks(ranks, {(a, b): (0, 256)}, False)
    with pytest.raises(TokenizerError, match="as tiktoken would; b'abc'"):
        check_ranks(ranks | {b"bc": 258}, {(a, b): (0, 256), (256, c): (1, 257), (b, c): (2, 258)}, True)
    with pytest.raises(TokenizerError, match="as tiktoken would; b'bc'"):
        check_ranks(ranks | {b"bc": 258}, {(a, b): (0, 256), (256, c): (1, 257)}, False)
    check_ranks(ranks | {b"xyz": 258}, {(a, b): (0, 256), (256, c): (1, 257)}, True)


@checks(from_ranks)
def test_an_id_that_is_left_out_gets_a_special_token_that_says_so():
    arguments = from_ranks(BYTES, {"<end>": 257, "<more>": 300})
    assert arguments["special_tokens"] == {"<|unused_256|>": 256, "<end>": 257, "<more>": 300} | {
        f"<|unused_{number}|>": number for number in range(258, 300)}
    tokenizer = BPETokenizer(**arguments)
    assert tokenizer.vocab_size == 301 and tokenizer.convert_ids_to_tokens(256) == "<|unused_256|>"
    shifted = from_ranks({token: rank + 1 for token, rank in BYTES.items()}, {"<begin>": 0})
    assert BPETokenizer(**shifted).encode("<begin>a", allowed_special="all") == [0, 98]


@checks(from_ranks)
@pytest.mark.parametrize("ranks, special, message", [
    ({}, {}, "all 256 single bytes"), ({b"a": 0}, {}, "all 256 single bytes"), (BYTES, {"<end>": 255}, "'<end>': 255"),
    (BYTES, {"<end>": -1}, "'<end>': -1"), (BYTES, {"<end>": "256"}, "id of its own"), (BYTES, {"a": 256}, "spelling"),
    (BYTES, {"<a>": 256, "<b>": 256}, "'<b>': 256"), (BYTES, {"<end>": 10 ** 9}, "without gaps"),
    (BYTES | {b"ab": 10 ** 8}, {}, "without gaps")])
def test_ranks_that_number_wrongly_are_refused(ranks, special, message):
    with pytest.raises(TokenizerError, match=f"^file: .*{message}"):
        BPETokenizer(**from_ranks(ranks, special, "file"))


@checks(from_ranks)
def test_ranks_with_more_splits_than_any_text_makes_are_refused_in_time():
    letters = np.random.default_rng(0).bytes(300)
    tokens = {letters[i:j] for i in range(300) for j in range(i + 1, min(i + 256, 300) + 1)} | {bytes([b]) for b in range(256)}
    ranks = {token: rank for rank, token in enumerate(sorted(tokens, key=len))}
    start = time.monotonic()
    with pytest.raises(TokenizerError, match="more than any vocabulary learned from text"):
        from_ranks(ranks)
    assert time.monotonic() - start < 30                    # 1 s is usual


@checks(BPETokenizer.save_tiktoken, BPETokenizer.from_tiktoken)
def test_long_tokens_come_back(tmp_path):
    trained = BPETokenizer.train("-" * 5_000, 266)
    trained.save_tiktoken(tmp_path / "ranks")
    again = BPETokenizer.from_tiktoken(tmp_path / "ranks", "gpt2")
    assert again.encode("-" * 700) == trained.encode("-" * 700)


@checks(read_ranks)
@pytest.mark.parametrize("wrong", [
    b"YQ==", b"YQ== ", b" 7", b"YQ== 7 8", b"YQ= 7", b"Y 7", b"Y@== 7", b"YQ==YQ== 7", b"\xff\xff\xff\xff 7",
    b"YQ== -1",
    b"YQ== +1", b"YQ== 1.0", b"YQ== 0x1", b"YQ== 1_0", b"YQ== " + b"9" * 5_000, "YQ== \u0661".encode(), b"ISE= nan",
    b"IQ== 7",
    base64.b64encode(b"a" * 10_001) + b" 7", b"= 7", b"{}", b"\x00\x00"])
def test_a_line_that_is_no_token_and_rank_is_refused_by_its_number(tmp_path, wrong):
    (tmp_path / "file.tiktoken").write_bytes(line(b"!", 0) + b"\n" + line(b"?", 1) + wrong + b"\n")
    with pytest.raises(TokenizerError, match=r"file\.tiktoken, line 4: "):
        read_ranks(tmp_path / "file.tiktoken")


@checks(read_ranks, BPETokenizer.from_tiktoken)
def test_a_file_that_cannot_be_is_refused_by_its_name(tmp_path):
    path = tmp_path / "file.tiktoken"
    with pytest.raises(TokenizerError, match=r"file\.tiktoken: cannot be read"):
        BPETokenizer.from_tiktoken(path)
    for content, message in ((line(b"a", 1) + line(b"b", 1), "ranks must be distinct; got 1 2 times"),
                             (b"", "all 256 single bytes"), (b"\n" * 16_000_001, "at most 16000000 bytes")):
        path.write_bytes(content)
        with pytest.raises(TokenizerError, match=rf"file\.tiktoken: {message}"):
            BPETokenizer.from_tiktoken(path)
