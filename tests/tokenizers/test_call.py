"""Texts of several lengths as arrays: what is cut, what is filled up, and where each token stands."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer
from scratchgpt.tokenizers.call import Encoding, collate, one_of, pad, room_for, token_spans, truncate
from scratchgpt.tokenizers.tokenizer import Tokenizer
from tests.checks import checks
from tests.tokenizers.texts import texts

sides = st.sampled_from(["left", "right"])
CORPUS = "the theme of the thesis is the theory, né 🙂 né 🙂\n"


def make(bos=False, eos=False):
    made = BPETokenizer.train(CORPUS, 290, special_tokens=["<|pad|>", "<s>", "</s>"])
    made.pad_token, made.bos_token, made.eos_token = "<|pad|>", "<s>", "</s>"
    made.add_bos_token, made.add_eos_token = bos, eos
    return made


plain, both = make(), make(True, True)


@checks(token_spans)
@given(texts, st.data())
def test_spans_are_found_byte_by_byte(text, data):
    lengths, left = [], len(text.encode())
    while left:
        lengths.append(data.draw(st.integers(1, min(5, left))))
        left -= lengths[-1]
    owner = [i for i, character in enumerate(text) for _ in character.encode()]
    ends = np.cumsum(lengths, dtype=int).tolist()
    expected = [[owner[end - n], owner[end - 1] + 1] for n, end in zip(lengths, ends)]
    assert token_spans(text, np.array(lengths, dtype=int)).tolist() == expected


@checks(Tokenizer)
@given(texts)
def test_offsets_cover_the_text_and_name_the_characters_of_each_token(text):
    encoding = plain(text, disallowed_special=())
    assert encoding.input_ids.tolist() == plain.encode(text, disallowed_special=())
    assert encoding.attention_mask.tolist() == [1] * len(encoding.input_ids)
    covered = 0
    for i, (start, end) in zip(encoding.input_ids, encoding.offsets):
        token = plain.token_bytes(i)
        assert covered - 1 <= start <= covered and token in text[start:end].encode()
        covered = end
    assert covered == len(text)


@checks(Tokenizer)
@given(st.lists(texts, max_size=5), st.booleans(), st.booleans(), st.integers(2, 12), sides, sides,
       st.sampled_from([False, True, "longest", "max_length"]), st.booleans())
def test_a_call_adds_cuts_and_pads_each_text(several, bos, eos, max_length, padding_side, truncation_side, padding, cut):
    tokenizer = make(bos, eos)
    needed = cut or padding == "max_length"
    options = dict(padding=padding, truncation=cut, max_length=max_length if needed else None, padding_side=padding_side,
                   truncation_side=truncation_side, disallowed_special=())
    rows = []
    for text in several:
        ids = tokenizer.encode(text, disallowed_special=())
        if cut:
            room = max_length - bos - eos
            ids = ids[:room] if truncation_side == "right" else ids[max(0, len(ids) - room):]
        rows.append([tokenizer.bos_token_id] * bos + ids + [tokenizer.eos_token_id] * eos)
    longest = max(map(len, rows), default=0)
    if padding == "max_length" and longest > max_length:
        with pytest.raises(TokenizerError, match="needs rows that fit"):
            tokenizer(several, **options)
        return
    encoding = tokenizer(several, **options)
    if padding and rows:
        length = max_length if padding == "max_length" else longest
        assert encoding.input_ids.shape == encoding.attention_mask.shape == (len(rows), length)
        assert encoding.offsets.shape == (len(rows), length, 2)
    for row, found, mask, spans in zip(rows, *vars(encoding).values(), strict=True):
        assert found[mask == 1].tolist() == row and (found[mask == 0] == tokenizer.pad_token_id).all()
        filled = [0] * (len(found) - len(row))
        assert mask.tolist() == (filled + [1] * len(row) if padding_side == "left" else [1] * len(row) + filled)
        assert (spans[mask == 0] == 0).all()
        added = np.isin(found, [tokenizer.bos_token_id, tokenizer.eos_token_id])
        assert (spans[added, 0] == spans[added, 1]).all()


@checks(Tokenizer)
def test_one_text_gives_one_row_and_the_tokenizers_own_settings_are_the_defaults():
    tokenizer = make(bos=True)
    tokenizer.model_max_length, tokenizer.padding_side, tokenizer.truncation_side = 4, "left", "left"
    row = tokenizer("in theory", truncation=True)
    assert row.input_ids.shape == (4,) and row.offsets.shape == (4, 2) and row["offsets"] is row.offsets
    assert row.input_ids[0] == tokenizer.bos_token_id and row.offsets[-1].tolist()[1] == len("in theory")
    batch = tokenizer(["the", "the theory"], padding=True)
    assert batch.attention_mask[0, 0] == 0 and batch.attention_mask[1].all()
    assert tokenizer("the", add_special_tokens=False).input_ids.tolist() == tokenizer.encode("the")
    assert tokenizer("", add_special_tokens=False).input_ids.shape == (0,)


@checks(Tokenizer)
def test_offsets_may_leave_out_the_spaces_at_the_ends_of_tokens():
    tokenizer = make()
    tokenizer.trim_offsets = True
    text = "the  theory of  x"
    found = [text[start:end] for start, end in tokenizer(text).offsets.tolist()]
    assert found == [token.strip() for token in map(tokenizer.decode, tokenizer(text).input_ids)]
    assert "".join(found) == "thetheoryofx" and tokenizer("").offsets.shape == (0, 2)


@checks(Encoding)
def test_an_encoding_is_read_by_attribute_by_key_or_as_a_dict():
    encoding = plain("the")
    assert encoding["input_ids"] is encoding.input_ids
    assert list(encoding.keys()) == list(encoding) == ["input_ids", "attention_mask", "offsets"]
    with pytest.raises(KeyError):
        encoding["labels"]
    assert {**encoding}["offsets"] is encoding.offsets


@checks(pad, truncate)
@given(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=4), st.integers(0, 4), sides)
def test_padding_and_truncation_are_inverse_on_the_same_side(rows, more, side):
    rows = [np.array(row, dtype=np.int64) for row in rows]
    length = max(map(len, rows)) + more
    for row, padded in zip(rows, pad(rows, length, side, -1)):
        assert len(padded) == length and (padded == -1).sum() == length - len(row)
        assert truncate(padded, len(row), side).tolist() == row.tolist()
    assert len(truncate(rows[0], 0, side)) == 0


@checks(collate, one_of, room_for, Tokenizer)
@pytest.mark.parametrize("options, message", [
    (dict(padding="shortest"), "padding must be one of"), (dict(padding=3), "padding must be one of"),
    (dict(padding_side="top"), "padding_side must be one of"), (dict(truncation_side=1), "truncation_side must be one of"),
    (dict(truncation="banana"), "truncation must be one of"), (dict(max_length=5), "max_length=5 needs truncation=True"),
    (dict(truncation=True), "need an int of at least 2, below 2147483648; got None"), (dict(padding="max_length"), "got None"),
    (dict(truncation=True, max_length=1), "at least 2, .*; got 1"), (dict(truncation=True, max_length=True), "got True"),
    (dict(padding="max_length", max_length=10 ** 15), "below 2147483648"),
    (dict(padding="max_length", max_length=3), "needs rows that fit"), (dict(disallowed_special=["<x>"]), "must name special"),
])
def test_a_call_that_cannot_be_met_is_refused(options, message):
    with pytest.raises(TokenizerError, match=message):
        both(["the theory of the thesis", "the"], **options)


@checks(collate, Tokenizer)
def test_padding_needs_a_token_and_adding_needs_its_role():
    tokenizer = make(bos=True)
    tokenizer.pad_token = None
    assert tokenizer(["the", "the"], padding=True).input_ids.shape == (2, 2)        # nothing to fill up
    with pytest.raises(TokenizerError, match="padding needs a pad token"):
        tokenizer(["the", "the theory"], padding=True)
    tokenizer.bos_token = None
    with pytest.raises(TokenizerError, match="add_bos_token needs a bos_token"):
        tokenizer("the")


@checks(Tokenizer)
@pytest.mark.parametrize("texts", [5, None, b"bytes", [b"bytes"], ["the", None], ["\ud800"]])
def test_what_is_no_text_is_refused(texts):
    for use in (plain, plain.encode_batch):
        with pytest.raises(TokenizerError, match="text"):
            use(texts)
