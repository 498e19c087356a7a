"""Long texts, many texts and files come in blocks, and have the pieces that the whole would have."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers.pretokenize import blocks as module
from scratchgpt.tokenizers.pretokenize.blocks import as_texts, blocks, byte_pieces, read_blocks
from scratchgpt.tokenizers.pretokenize.patterns import PATTERNS, split
from tests.checks import checks
from tests.tokenizers.texts import OWN_PATTERN, texts

patterns = st.sampled_from(sorted(PATTERNS))
any_pattern = st.sampled_from([*sorted(PATTERNS), OWN_PATTERN])
sizes = st.integers(1, 12)


@checks(blocks)
@given(texts, patterns, sizes)
def test_blocks_joined_are_the_text_and_have_its_pieces(text, pattern, size):
    found = list(blocks(text, size))
    assert "".join(found) == text and "" not in found
    assert [piece for block in found for piece in split(block, pattern)] == split(text, pattern)


@checks(blocks)
def test_a_text_that_can_be_cut_nowhere_is_one_block_and_is_searched_in_linear_time():
    assert len(list(blocks(" " * 3_000_000, size=1_000))) == 1
    assert max(map(len, blocks("word " * 1_000, size=100))) <= 100


@checks(read_blocks)
@given(text=texts, pattern=patterns, size=sizes)
def test_a_file_is_read_in_blocks_that_have_the_pieces_of_the_whole(tmp_path_factory, text, pattern, size):
    path = tmp_path_factory.mktemp("texts") / "text.txt"
    path.write_bytes(text.encode())
    found = list(read_blocks(path, pattern, size))
    assert "".join(found) == text and "" not in found
    assert [piece for block in found for piece in split(block, pattern)] == split(text, pattern)


@checks(read_blocks)
@given(text=texts, size=sizes)
def test_for_a_pattern_of_ones_own_a_file_is_read_in_whole_lines(tmp_path_factory, text, size):
    path = tmp_path_factory.mktemp("texts") / "text.txt"
    path.write_bytes(text.encode())
    found = list(read_blocks(path, OWN_PATTERN, size))
    assert "".join(found) == text and all(block.endswith("\n") for block in found[:-1])


@checks(read_blocks, as_texts)
def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin.txt").write_bytes("fünf".encode("latin-1"))
    (tmp_path / "half.txt").write_bytes("é".encode()[:1])
    for name, message in (("latin.txt", "latin.txt: must be UTF-8 text; near byte 1 it is not"),
                          ("half.txt", "half.txt: must be UTF-8"), ("none.txt", "none.txt: cannot be read"),
                          (".", "cannot be read")):
        with pytest.raises(TokenizerError, match=message):
            list(as_texts(tmp_path / name))


@checks(as_texts)
def test_paths_and_strings_may_be_mixed(tmp_path):
    (tmp_path / "b.txt").write_text("from a file\n")
    path = Path(tmp_path / "b.txt")
    assert list(as_texts(["a", path, "c"])) == ["a", *read_blocks(path), "c"]
    assert "".join(as_texts(path)) == "from a file\n"


@checks(byte_pieces)
@given(st.lists(texts, max_size=6), any_pattern, st.integers(1, 40))
def test_the_bytes_of_the_pieces_are_those_that_split_finds_text_by_text(several, pattern, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        found = [(owner, data[start:end].decode()) for data, *where in byte_pieces(several, pattern)
                 for start, end, owner in zip(*where, strict=True)]
    assert found == [(owner, piece) for owner, text in enumerate(several) for piece in split(text, pattern)]
