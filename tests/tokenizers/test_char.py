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


SPECIAL = ["<pad>", "<unk>", "<sep>"]


def with_special(text):
    """A tokenizer with special tokens in front, one of which stands for what is unknown."""
    tokenizer = CharTokenizer.train(text, SPECIAL)
    tokenizer.pad_token, tokenizer.unk_token = "<pad>", "<unk>"
    return tokenizer


@checks(CharTokenizer, CharTokenizer.train)
@given(st.text(min_size=1), st.text())
def test_special_tokens_come_first_and_one_stands_for_unknown_characters(known, text):
    tokenizer = with_special(known)
    alphabet = sorted(set(known))
    assert tokenizer.special_tokens == {"<pad>": 0, "<unk>": 1, "<sep>": 2}
    assert tokenizer.vocab_size == 3 + len(alphabet) and tokenizer.pad_token_id == 0 and tokenizer.unk_token_id == 1
    ids = tokenizer.encode(text, disallowed_special=())
    assert ids == [3 + alphabet.index(character) if character in alphabet else 1 for character in text]
    assert tokenizer.decode(ids) == "".join(character if character in alphabet else "<unk>" for character in text)
    assert tokenizer.decode([0, *tokenizer.encode(known, disallowed_special=()), 2], skip_special_tokens=True) == known


@checks(CharTokenizer.encode)
def test_special_tokens_are_found_in_text_only_where_that_is_allowed():
    tokenizer = with_special("ab")
    assert tokenizer.encode("a<sep>b", allowed_special="all") == [3, 2, 4]
    with pytest.raises(TokenizerError, match="special token '<sep>'"):
        tokenizer.encode("a<sep>b")
    with pytest.raises(TokenizerError, match="U\\+0063"):
        CharTokenizer.train("ab", SPECIAL).encode("c")                  # no role, no rescue


@checks(CharTokenizer)
@given(st.text(alphabet="aé\U0001f600xü", max_size=12))
def test_an_unknown_character_covers_itself_and_no_more(text):
    for middle in ("", "<sep>", "<unk>"):
        whole = "a" + middle + text
        batch = with_special("aé\U0001f600")(whole, allowed_special="all")
        ends = np.cumsum([1, *([len(middle)] if middle else []), *(1 for _ in text)])
        assert batch.offsets.tolist() == list(map(list, zip([0, *ends[:-1].tolist()], ends.tolist())))


@checks(CharTokenizer.save_pretrained, CharTokenizer.from_pretrained)
@given(text=st.text(min_size=1), more=st.booleans())
def test_special_tokens_come_back_at_both_ends(tmp_path_factory, text, more):
    folder, tokenizer = tmp_path_factory.mktemp("char"), with_special(text)
    if more:
        tokenizer.add_special_tokens({"eos_token": "<|end|>"})
    tokenizer.save_pretrained(folder)
    back = AutoTokenizer.from_pretrained(folder)
    assert back.get_vocab() == tokenizer.get_vocab() and back.special_tokens == tokenizer.special_tokens
    assert back.characters == sorted(set(text)) and back.unk_token == "<unk>" and back.pad_token_id == 0
    assert back.eos_token == ("<|end|>" if more else None)


@checks(CharTokenizer)
@pytest.mark.parametrize("characters, special", [("ab", ["a"]), ("ab", ["<x>", "<x>"]), ("ab", [""]), ("", ["<x>"]),
                                                 ("ab", "<x>")])
def test_special_tokens_that_cannot_be_are_refused(characters, special):
    with pytest.raises(TokenizerError):
        CharTokenizer(characters, special)
