"""Tokens by number: decoding, conversions, roles, and growth at the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer, CharTokenizer
from scratchgpt.tokenizers.vocabulary import ADDITIONAL, ROLES, Vocabulary
from tests.checks import checks

CORPUS = "the theme of the thesis is the theory, né?\n"
MARKS = ["<|pad|>", "<s>", "</s>", "é<", "[X]"]
marks = st.lists(st.sampled_from(MARKS), unique=True, max_size=4)


def fresh():
    return BPETokenizer.train(CORPUS, 280, special_tokens=["<|endoftext|>"])


tokenizer = fresh()
V = tokenizer.vocab_size


@checks(Vocabulary.convert_ids_to_tokens, Vocabulary.convert_tokens_to_ids, Vocabulary.get_vocab, Vocabulary.vocab_size)
@given(st.lists(st.integers(0, tokenizer.vocab_size - 1)))
def test_ids_and_spellings_are_two_names_of_a_token(ids):
    tokens = tokenizer.convert_ids_to_tokens(ids)
    assert tokenizer.convert_tokens_to_ids(tokens) == ids
    assert [tokenizer.get_vocab()[token] for token in tokens] == ids
    assert all(tokenizer.convert_tokens_to_ids(tokenizer.convert_ids_to_tokens(i)) == i for i in ids)
    assert len(tokenizer) == tokenizer.vocab_size == len(tokenizer.get_vocab()) == V


@checks(Vocabulary.convert_tokens_to_ids, Vocabulary.convert_ids_to_tokens)
def test_what_is_no_token_is_named():
    for wrong in ("no token", ["Ġthe", "no token"], [5], [None]):
        with pytest.raises(TokenizerError, match="tokens must be in the vocabulary"):
            tokenizer.convert_tokens_to_ids(wrong)
    with pytest.raises(TokenizerError, match=f"got {V} at position 0"):
        tokenizer.convert_ids_to_tokens(V)


@checks(Vocabulary.decode, Vocabulary.decode_bytes, Vocabulary.batch_decode)
@given(st.lists(st.sampled_from(["the", " né", "<|endoftext|>"]), max_size=6))
def test_special_tokens_are_skipped_on_request_and_nothing_else_is(parts):
    ids = tokenizer.encode("".join(parts), allowed_special="all")
    plain = "".join(part for part in parts if part != "<|endoftext|>")
    assert tokenizer.decode(ids) == "".join(parts)
    assert tokenizer.decode(ids, skip_special_tokens=True) == plain
    assert tokenizer.decode_bytes(ids, skip_special_tokens=True) == plain.encode()
    assert tokenizer.batch_decode([ids, []], skip_special_tokens=True) == [plain, ""]


@checks(Vocabulary.add_special_tokens, Vocabulary.additional_special_tokens)
@given(st.dictionaries(st.sampled_from(ROLES), st.sampled_from([*MARKS, "<|endoftext|>"])), marks)
def test_special_tokens_are_added_at_the_end_and_have_their_roles(roles, more):
    grown = fresh()
    added = grown.add_special_tokens({**roles, ADDITIONAL: more})
    new = {*roles.values(), *more} - {"<|endoftext|>"}
    assert added == len(new) == grown.vocab_size - V
    assert set(grown.special_tokens) == new | {"<|endoftext|>"}
    assert sorted(grown.special_tokens[token] for token in new) == list(range(V, V + added))
    for role in ROLES:
        token = roles.get(role)
        assert getattr(grown, role) == token
        assert getattr(grown, role + "_id") == (None if token is None else grown.special_tokens[token])
    assert set(grown.additional_special_tokens) == set(grown.special_tokens) - set(roles.values())
    for token in new:
        ids = grown.encode(f"the{token}the", allowed_special="all")
        assert grown.special_tokens[token] in ids and grown.decode(ids) == f"the{token}the"
    assert grown.encode(CORPUS) == tokenizer.encode(CORPUS)
    assert grown.add_special_tokens({**roles, ADDITIONAL: more}) == 0


@checks(Vocabulary.add_tokens)
@given(marks, st.lists(st.sampled_from(["the", *MARKS]), max_size=6).map("".join))
def test_added_tokens_are_found_in_any_text_but_are_not_special(new, text):
    grown = fresh()
    assert grown.add_tokens(new) == len(new) and grown.add_tokens(new) == 0
    ids = grown.encode(text)
    assert grown.decode(ids) == grown.decode(ids, skip_special_tokens=True) == text
    # none of the marks can be found across the end of another, so each stands where it was written
    assert sum(i >= V for i in ids) == sum(text.count(token) for token in new)


@checks(Vocabulary.add_special_tokens, Vocabulary.add_tokens)
@pytest.mark.parametrize("add", [
    lambda t: t.add_special_tokens({"pad": "<p>"}), lambda t: t.add_special_tokens(["<p>"]),
    lambda t: t.add_special_tokens({ADDITIONAL: "<p>"}), lambda t: t.add_special_tokens({ADDITIONAL: ["<p>", "<p>"]}),
    lambda t: t.add_special_tokens({"pad_token": "the"}), lambda t: t.add_special_tokens({"pad_token": 5}),
    lambda t: t.add_special_tokens({"pad_token": ""}), lambda t: t.add_special_tokens({"pad_token": ["x"]}),
    lambda t: t.add_tokens(None), lambda t: t.add_tokens([None]), lambda t: t.batch_decode(5), lambda t: t.batch_decode("a"),
    lambda t: t.convert_tokens_to_ids(5), lambda t: t.add_special_tokens({"pad_token": "\ud800"}),
    lambda t: t.add_tokens("abc"), lambda t: t.add_tokens(["new", "Ġthe"]), lambda t: t.add_tokens(["<|endoftext|>"])])
def test_what_cannot_be_added_is_refused_and_nothing_is_changed(add):
    grown = fresh()
    with pytest.raises(TokenizerError):
        add(grown)
    assert grown.get_vocab() == tokenizer.get_vocab() and grown.pad_token is None


@checks(Vocabulary)
def test_a_role_is_assigned_to_a_special_token_and_to_nothing_else():
    grown = fresh()
    grown.pad_token = grown.eos_token = "<|endoftext|>"
    assert grown.pad_token_id == grown.eos_token_id == 0 and grown.additional_special_tokens == []
    grown.pad_token = None
    assert grown.pad_token_id is None
    grown.pad_token_id = grown.eos_token_id
    assert grown.pad_token == "<|endoftext|>"
    for wrong in (1, V):
        with pytest.raises(TokenizerError):
            grown.pad_token_id = wrong
    for wrong in ("the", "<new>", 5, ["<|endoftext|>"]):
        with pytest.raises(TokenizerError, match="pad_token must be None or a special token"):
            grown.pad_token = wrong


@checks(Vocabulary.add_special_tokens)
def test_the_list_of_additional_tokens_has_two_names():
    one, other = fresh(), fresh()
    one.add_special_tokens({ADDITIONAL: ["<a>"], "pad_token": None})
    other.add_special_tokens({"extra_special_tokens": ["<a>"], ADDITIONAL: None})
    assert one.special_tokens == other.special_tokens


@checks(Vocabulary)
def test_what_is_found_whole_can_be_looked_at_but_not_changed_from_outside():
    grown = fresh()
    grown.add_tokens(["[X]"])
    assert grown.found_whole == {"<|endoftext|>": 0, "[X]": V} and "BPETokenizer(vocab_size=" in repr(grown)
    grown.special_tokens.clear()
    assert grown.special_tokens == {"<|endoftext|>": 0}
    for name in ("special_tokens", "added_tokens", "pattern", "ignore_merges"):
        with pytest.raises(AttributeError):
            setattr(grown, name, None)


@checks(Vocabulary.add_tokens)
def test_a_str_is_not_taken_for_a_list_of_tokens():
    with pytest.raises(TokenizerError, match="got the str 'abc'; write it in a list"):
        CharTokenizer("xyz").add_tokens("abc")


@checks(Vocabulary.decode)
def test_a_single_id_is_decoded_too():
    assert tokenizer.decode(0) == "<|endoftext|>" and tokenizer.decode(0, skip_special_tokens=True) == ""


@checks(Vocabulary.add_special_tokens)
def test_characters_may_have_special_tokens_too():
    characters = CharTokenizer.train("hello")
    assert characters.add_special_tokens({"bos_token": "<s>", "pad_token": "<p>"}) == 2
    assert characters.encode("<s>hello<p>", allowed_special="all") == [4, 1, 0, 2, 2, 3, 5]
    assert characters.decode([4, 1, 0, 2, 2, 3, 5], skip_special_tokens=True) == "hello"
