"""One token per character."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import AutoTokenizer, CharTokenizer
from tests.checks import checks


@checks(CharTokenizer, CharTokenizer.train, CharTokenizer.encode, CharTokenizer.decode, CharTokenizer.vocab_size)
@given(st.text(min_size=1))
@example("\x00\n\U0010ffff\ufffd\ue000é")
def test_text_comes_back_and_ids_number_the_sorted_characters(text):
    tokenizer = CharTokenizer.train(text)
    alphabet = sorted(set(text))
    assert tokenizer.characters == alphabet and tokenizer.vocab_size == len(alphabet)
    assert tokenizer.encode(text) == [alphabet.index(character) for character in text]
    assert tokenizer.decode(tokenizer.encode(text)) == text


@checks(CharTokenizer.encode_array, CharTokenizer.decode, CharTokenizer.byte_length, CharTokenizer.token_bytes)
@given(st.text(min_size=1))
def test_the_array_holds_the_same_ids_and_counts_the_bytes(text):
    tokenizer = CharTokenizer.train(text)
    ids = tokenizer.encode_array(text)
    assert ids.dtype == np.int32 and ids.shape == (len(text),) and ids.tolist() == tokenizer.encode(text)
    assert tokenizer.decode(ids.astype(np.uint64)) == tokenizer.decode(ids) == text
    assert tokenizer.byte_length(ids) == len(text.encode())
    assert b"".join(tokenizer.token_bytes(token) for token in ids) == text.encode()
    assert tokenizer.encode("") == [] and tokenizer.decode([]) == "" and tokenizer.byte_length([]) == 0


@checks(CharTokenizer.train)
@given(st.lists(st.text(min_size=1), min_size=1))
def test_many_texts_train_as_their_sum(texts):
    assert CharTokenizer.train(iter(texts)).characters == CharTokenizer.train("".join(texts)).characters


@checks(CharTokenizer.encode, CharTokenizer.encode_array)
@given(st.text(alphabet="abc"), st.characters(exclude_characters="abc"))
def test_an_unknown_character_is_named_with_its_code_point_and_position(known, character):
    tokenizer = CharTokenizer.train("abc")
    with pytest.raises(TokenizerError, match=rf"\(U\+{ord(character):04X}\) at position {len(known)};"):
        tokenizer.encode(known + character + "a")


@checks(CharTokenizer.decode, CharTokenizer.token_bytes, CharTokenizer.byte_length)
@pytest.mark.parametrize("wrong", [-1, 3, 2**40, -2**70])
def test_an_id_out_of_range_is_named(wrong):
    tokenizer = CharTokenizer.train("abc")
    for use in (tokenizer.decode, tokenizer.byte_length):
        with pytest.raises(TokenizerError, match=f"got {wrong} at position 1"):
            use([0, wrong])
    with pytest.raises(TokenizerError, match=f"got {wrong}"):
        tokenizer.token_bytes(wrong)


@checks(CharTokenizer)
@pytest.mark.parametrize("characters", ["", "aa", ["ab"], [""], [5], ["a", "\ud800"], ["a", None]])
def test_an_alphabet_that_cannot_be_is_refused(characters):
    with pytest.raises(TokenizerError):
        CharTokenizer(characters)


@checks(CharTokenizer.save_pretrained, CharTokenizer.from_pretrained, AutoTokenizer.from_pretrained)
@given(text=st.text(min_size=1))
def test_what_was_saved_comes_back(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("char") / "made on the way"
    CharTokenizer.train(text).save_pretrained(folder)
    for read in (CharTokenizer.from_pretrained, AutoTokenizer.from_pretrained):
        tokenizer = read(folder)
        assert isinstance(tokenizer, CharTokenizer) and tokenizer.characters == sorted(set(text))


@checks(CharTokenizer.from_pretrained)
@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=2),
                          lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3)))
def test_a_file_of_anything_loads_as_an_alphabet_or_is_refused_by_name(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("char")
    (folder / "char_vocab.json").write_text(json.dumps(value))
    try:
        assert CharTokenizer.from_pretrained(folder).characters == value
    except TokenizerError as problem:
        assert "char_vocab.json" in str(problem)
