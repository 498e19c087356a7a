"""The table that makes bytes printable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers.merges.bytes import BYTE_TO_ID, BYTES_IN_ID_ORDER, CHARACTERS_IN_ID_ORDER, spell, unspell
from tests.checks import checks


@checks(spell, unspell)
@given(st.binary())
def test_spelling_any_bytes_comes_back_and_is_printable(data):
    text = spell(data)
    assert unspell(text) == data and len(text) == len(data)
    assert text.isprintable() and not any(map(str.isspace, text))


@checks(spell)
def test_base_ids_number_the_bytes_in_the_order_of_their_characters():
    assert spell(BYTES_IN_ID_ORDER) == CHARACTERS_IN_ID_ORDER == "".join(sorted(CHARACTERS_IN_ID_ORDER))
    assert [BYTE_TO_ID[byte] for byte in BYTES_IN_ID_ORDER] == list(range(256))
    assert BYTE_TO_ID[ord(" ")] == 220 and BYTE_TO_ID[ord("!")] == 0 and BYTE_TO_ID[ord("\n")] == 198


@checks(unspell)
@given(st.text(alphabet=CHARACTERS_IN_ID_ORDER), st.characters(exclude_characters=CHARACTERS_IN_ID_ORDER))
def test_a_character_that_stands_for_no_byte_is_named(text, character):
    with pytest.raises(TokenizerError, match=rf"U\+{ord(character):04X}"):
        unspell(text + character)
