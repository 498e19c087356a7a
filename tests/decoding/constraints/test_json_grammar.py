"""JSON against Python's reader and writer of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints import JSON, grammar
from scratchgpt.decoding.constraints.recogniser import DEAD
from tests.checks import checks

recogniser = grammar(JSON)
TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
PIECES = [*'{}[]",:01.eE+-\\tu \n\x07é', ""]
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
DOCUMENTS = st.recursive(st.none() | st.booleans() | NUMBERS | TEXT,
                         lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
                         max_leaves=8)
WRITTEN = st.builds(lambda document, ascii, style: json.dumps(document, ensure_ascii=ascii, **style), DOCUMENTS,
                    st.booleans(), st.sampled_from([{}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}]))


def is_json(text):
    """Whether Python reads it, without the constants that Python adds to the RFC."""
    def refuse(constant):
        raise ValueError(constant)
    try:
        json.loads(text, parse_constant=refuse)
        return True
    except ValueError:
        return False


@checks(grammar)
@given(WRITTEN)
def test_what_python_writes_is_json(text):
    assert recogniser.matches(text.encode())


@checks(grammar)
@given(WRITTEN, st.data())
def test_what_python_does_not_read_is_none(text, data):
    for _ in range(data.draw(st.integers(1, 3))):
        at, instead = data.draw(st.integers(0, len(text))), data.draw(st.sampled_from(PIECES))
        text = text[:at] + instead + text[at + data.draw(st.integers(0, 1)):]
    if recogniser.matches(text.encode()):
        assert is_json(text)
    elif is_json(text):                                 # then only for white space: written without it, it is taken
        assert recogniser.matches(json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "replace"))


@checks(grammar)
@given(WRITTEN, st.integers(0, 100))
def test_every_beginning_of_a_document_is_alive(text, n):
    assert recogniser.read(text.encode()[:n]) != DEAD


@checks(grammar)
@pytest.mark.parametrize("text, fits", [
    ("NaN", False), ("Infinity", False), ("-Infinity", False), ("01", False), ("-0", True), ("1.", False),
    (".5", False), ("+1", False), ("1e5", True), ("1E-05", True), ('"\\u00e9"', True), ('"\\x41"', False),
    ('"\x1f"', False), ('"\x7f"', True), ('"\\/"', True), ("[1,]", False), ('{"a":1,}', False), ("{a:1}", False),
    ("'a'", False), ("", False), (" 1", True), ("1 ", False), ("[ ]", True), ("[  1]", False), ("[\t1]", False),
    ("[\n" + 40 * " " + "1\n]", True), ("[\n" + 41 * " " + "1]", False), ("[\n\n1]", False), ("[[[[1]]], {}]", True),
    ("[[1]", False),
])
def test_the_grammar_of_the_rfc_but_for_white_space_which_has_an_end(text, fits):
    assert recogniser.matches(text.encode()) == fits


@checks(grammar)
def test_bytes_that_are_no_utf8_are_no_json():
    for data in (b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xc0\x80"'):
        assert not recogniser.matches(data)
