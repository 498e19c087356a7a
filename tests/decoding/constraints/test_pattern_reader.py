"""What the texts of both kinds of patterns may not be."""

import pytest

from scratchgpt.decoding.constraints import grammar, regex
from scratchgpt.decoding.constraints.pattern_reader import DEEPEST, PatternReader
from scratchgpt.errors import GenerationError
from tests.checks import checks


@checks(PatternReader)
@pytest.mark.parametrize("pattern, says", [
    ("a(b", "a group is not closed, at position 1"),
    ("a[b", "a class is not closed, at position 1"),
    ("[b-a]", "a range must go from a character to the same or a later one, at position 1"),
    (r"[a-\d]", "a range must go from a character to the same or a later one, at position 1"),
    ("a{3,2}", "a repetition of at least 3 and at most 2, at position 1"),
    ("a{x}", "{ opens a repetition .* position 1"),
    ("a{,}", "{ opens a repetition .* position 1"),
    ("a{1234567}", "{ opens a repetition .* position 1"),
    ("a**", "a quantifier follows a quantifier.* position 2"),
    (r"\x4", r"\\x takes 2 hexadecimal digits, at position 0"),
    (r"\q", r"the escape \\q is not supported, at position 0"),
    ("a\\", "it ends too early, at position 2"),
    (r"\ud800", "characters that UTF-8 can write; got the code point D800"),
    ("\ud800", "characters that UTF-8 can write; got the code point D800"),
    ((DEEPEST + 1) * "(" + "a" + (DEEPEST + 1) * ")", f"nested more than {DEEPEST} deep"),
    (b"a", "must be a str; got bytes"),
])
def test_a_regular_expression_that_cannot_be_read_is_refused_by_name_and_place(pattern, says):
    with pytest.raises(GenerationError, match=says):
        regex(pattern)


@checks(PatternReader)
def test_groups_may_be_nested_as_deep_as_the_limit_says():
    assert regex(DEEPEST * "(" + "a" + DEEPEST * ")").matches(b"a")


@checks(PatternReader)
def test_a_grammar_is_read_by_the_same_reader_but_knows_no_lazy_quantifiers():
    with pytest.raises(GenerationError, match="the grammar cannot be read: a quantifier follows a quantifier.* 13"):
        grammar('root ::= "a"*?')
