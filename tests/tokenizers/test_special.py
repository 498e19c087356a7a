"""Special tokens are found only where the caller lets them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer
from scratchgpt.tokenizers.special import check_special, choose_special, none_in, split_special
from tests.checks import checks

END, START, LONGER = "<|endoftext|>", "<|im_start|>", "<|im_start|>system"
tokenizer = BPETokenizer.train("a text of no weight " * 3, 280, special_tokens=[END, START, LONGER])
with_specials = st.lists(st.text() | st.sampled_from([END, START, LONGER]), max_size=8).map("".join)


@checks(BPETokenizer.encode, split_special)
@given(st.text(), st.sampled_from([END, START, LONGER]), st.text())
def test_text_that_contains_a_special_token_is_refused_by_default(before, special, after):
    with pytest.raises(TokenizerError, match="text must not contain the special token '<"):
        tokenizer.encode(before + special + after)
    only = {"allowed_special": {special}, "disallowed_special": ()}
    assert tokenizer.encode(special, **only) == [tokenizer.special_tokens[special]]


@checks(none_in)
@given(st.lists(with_specials, max_size=4), st.frozensets(st.sampled_from([END, START, LONGER])))
def test_where_none_is_in_the_texts_each_text_is_plain(texts, tokens):
    if none_in(texts, tokens):
        assert all(split_special(text, tokens, tokens) == [text] for text in texts)
    else:
        assert any(token in "\n".join(texts) for token in tokens)


@checks(split_special)
def test_a_refused_token_is_refused_inside_an_allowed_one_too():
    with pytest.raises(TokenizerError, match="position 1;"):
        split_special("x" + LONGER, frozenset({LONGER}), frozenset({START}))


@checks(BPETokenizer.encode, choose_special)
@given(with_specials)
def test_plain_encoding_yields_no_special_id_and_both_ways_decode_to_the_text(text):
    plain = tokenizer.encode(text, disallowed_special=())
    assert not set(plain) & set(tokenizer.special_tokens.values())
    assert tokenizer.decode(plain) == text == tokenizer.decode(tokenizer.encode(text, allowed_special="all"))


@checks(split_special)
@given(with_specials)
def test_the_longest_special_token_is_taken(text):
    parts = split_special(text, frozenset({START, LONGER}), frozenset())
    assert "".join(parts) == text and len(parts) % 2 == 1
    assert all(START not in plain for plain in parts[::2])
    for special, plain in zip(parts[1::2], parts[2::2]):
        assert special == LONGER or (special == START and not plain.startswith("system"))


@checks(choose_special)
def test_the_caller_chooses_which_are_allowed_refused_or_plain():
    special = {END, START}
    assert choose_special(special, (), "all") == (frozenset(), frozenset(special))
    assert choose_special(special, "all", "all") == (frozenset(special), frozenset())
    assert choose_special(special, [END], "all") == (frozenset([END]), frozenset([START]))
    assert choose_special(special, [], [START]) == (frozenset(), frozenset([START]))
    assert choose_special(special, (), ()) == (frozenset(), frozenset())


@checks(choose_special)
@pytest.mark.parametrize("names", [END, {"<|unknown|>"}, [END, "x"]])
def test_names_of_no_special_token_are_refused(names):
    for sets in ((names, "all"), ((), names)):
        with pytest.raises(TokenizerError, match="allowed_special must"):
            choose_special({END}, *sets)


@checks(check_special, BPETokenizer.train)
@pytest.mark.parametrize("special", ["<s>", [""], [5], ["<s>", "<s>"], ["\ud800"], ["!"], ["Ġthe"]])
def test_special_tokens_that_cannot_be_are_refused(special):
    with pytest.raises(TokenizerError, match="special|surrogate"):
        if special[0] not in ("!", "Ġthe"):
            check_special(special)
        BPETokenizer.train(" the the the", 300, special_tokens=special)


@checks(check_special)
@given(st.lists(st.text(min_size=1), unique=True))
def test_distinct_special_tokens_pass(special):
    assert check_special(iter(special)) == special
