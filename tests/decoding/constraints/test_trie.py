"""The tree of all tokens against one token after the other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints import JSON, grammar, regex
from scratchgpt.decoding.constraints.recogniser import DEAD
from scratchgpt.decoding.constraints.trie import Trie, vocabulary_of
from scratchgpt.tokenizers import BPETokenizer, CharTokenizer
from tests.checks import checks

RECOGNISERS = [regex("(a|bé)*c?"), regex("[^a]{1,3}"), grammar('root ::= "a" root "b" | "日"'), grammar(JSON)]


@checks(Trie)
@given(st.lists(st.text('abcé日"', max_size=4).map(str.encode) | st.binary(max_size=3), min_size=1, max_size=20),
       st.sampled_from(RECOGNISERS), st.text('abcé日"', max_size=3))
def test_a_token_passes_if_its_bytes_can_go_on_and_it_has_any(tokens, recogniser, text):
    state = recogniser.read(text.encode())
    found = Trie(tokens).allowed(recogniser, state)
    assert found.tolist() == [bool(token) and recogniser.read(token, state) != DEAD for token in tokens]


@checks(vocabulary_of)
@pytest.mark.parametrize("tokenizer", [BPETokenizer.train("héhé", 260, special_tokens=["<s>"]),
                                       CharTokenizer.train("hé", ["<s>"])])
def test_special_tokens_have_no_bytes_and_others_their_own_also_after_the_vocabulary_has_grown(tokenizer):
    tokens, trie = vocabulary_of(tokenizer)
    assert vocabulary_of(tokenizer)[1] is trie
    assert tokens == [b"" if v == tokenizer.special_tokens["<s>"] else tokenizer.token_bytes(v)
                      for v in range(tokenizer.vocab_size)]
    tokenizer.add_tokens(["zz"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<e>"]})
    assert vocabulary_of(tokenizer)[0] == [*tokens, b"zz", b""]
