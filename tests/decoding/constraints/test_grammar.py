"""Grammars against languages written down in full."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints import grammar
from scratchgpt.decoding.constraints.recogniser import DEAD
from scratchgpt.errors import GenerationError
from tests.checks import checks
from tests.decoding.constraints.languages import completion, texts

LONGEST = 4
NAMES = ("root", "x", "y")
SYMBOLS = st.sampled_from(["a", "b", *NAMES])
RULES = st.lists(st.lists(st.lists(SYMBOLS, max_size=3), min_size=1, max_size=3), min_size=3, max_size=3)


def derived(rules):
    """All texts of at most LONGEST letters that each rule derives, as the smallest sets that the rules allow."""
    found = {name: set() for name in rules}
    while True:
        before = {name: set(language) for name, language in found.items()}
        for name, options in rules.items():
            for option in options:
                language = {""}
                for symbol in option:
                    language = {left + right for left in language for right in before.get(symbol, {symbol})
                                if len(left + right) <= LONGEST}
                found[name] |= language
        if found == before:
            return found


def ending(rules):
    """The rules that derive any text at all, however long."""
    found = set()
    for _ in rules:
        found |= {name for name, options in rules.items()
                  if any(all(symbol in found or symbol not in rules for symbol in option) for option in options)}
    return found


def written(rules):
    return "\n".join(f"{name} ::= " + " | ".join(" ".join(symbol if symbol in rules else f'"{symbol}"'
                                                          for symbol in option) for option in options)
                     for name, options in rules.items())


@checks(grammar)
@given(RULES)
def test_any_small_grammar_left_recursive_ambiguous_or_neither_derives_just_its_texts(options):
    rules = dict(zip(NAMES, options))
    if ending(rules) != set(NAMES):
        with pytest.raises(GenerationError, match="must derive a text of finite length"):
            grammar(written(rules))
        return
    recogniser, language = grammar(written(rules)), derived(rules)["root"]
    for text in texts("ab", LONGEST):
        state = recogniser.read(text.encode())
        assert recogniser.accepts(state) == (text in language), text
        if state == DEAD:
            assert not any(longer.startswith(text) for longer in language)


@checks(grammar)
@given(RULES, st.text("ab", max_size=4))
def test_what_is_alive_can_be_completed(options, text):
    rules = dict(zip(NAMES, options))
    assume(ending(rules) == set(NAMES))
    recogniser = grammar(written(rules))
    state = recogniser.read(text.encode())
    if state != DEAD:
        assert recogniser.matches(text.encode() + completion(recogniser, state))


@checks(grammar)
@pytest.mark.parametrize("rules, is_one", [
    ('root ::= "a" root "b" | ""', lambda text: text == len(text) // 2 * "a" + len(text) // 2 * "b"),
    ('root ::= "a" root "a" | "b" root "b" | [ab]?', lambda text: text == text[::-1]),
    ('root ::= ("a" root "b")*', lambda text: text.count("a") == text.count("b") and all(
        text[:n].count("a") >= text[:n].count("b") for n in range(len(text)))),
    ('root ::= root root | "a" root "b" | ""', lambda text: text.count("a") == text.count("b") and all(
        text[:n].count("a") >= text[:n].count("b") for n in range(len(text)))),
    ('root ::= (x y){1,2}  x ::= "a"  y ::= "b"', lambda text: text in ("ab", "abab")),
])
def test_languages_that_no_regular_expression_has(rules, is_one):
    recogniser = grammar(rules)
    assert [text for text in texts("ab", 8) if recogniser.matches(text.encode())] == [
        text for text in texts("ab", 8) if is_one(text)]


@checks(grammar)
def test_the_form_is_free_over_lines_with_comments_classes_and_escapes():
    recogniser = grammar('''
        # a comment
        root ::= greeting    # another, with "quotes"
               | "\\"" [^"\\n]+ "\\""
        greeting
               ::= ("hi" | "h\\u00e9") " "{1,2} long-name_2
        long-name_2 ::= . [#"]
    ''')
    for text in ('"é"', "hi \n#", 'hé  日"'):
        assert recogniser.matches(text.encode()), text
    for text in ("hi   a#", '"\n"', "hi"):
        assert not recogniser.matches(text.encode()), text


@checks(grammar)
@pytest.mark.parametrize("text, says", [
    ("", "must define the rule root; got no rules"),
    ('x ::= "a"', "must define the rule root; got x"),
    ("root ::= x", "every rule must be defined; got none named 'x'"),
    ('root ::= "a"\nroot ::= "b"', "the rule 'root' is defined twice, at position 13"),
    ('root ::= "a" x\nx ::= "b" x', "must derive a text of finite length; got 'root'"),
    ('root ::= "a"\nx ::= "b" x', "must derive a text of finite length; got 'x'"),
    ('root = "a"', "a rule begins with its name and ::=, at position 0"),
    ('"a"', "a rule begins with its name and ::=, at position 0"),
    ('root ::= "a', "a text is not closed on its line, at position 9"),
    ('root ::= "a\n"', "a text is not closed on its line, at position 9"),
    ('root ::= ("a"', "a group is not closed, at position 9"),
    ('root ::= "a")', "a group is closed that was never opened, at position 12"),
    ("root ::= 'a'", 'a rule is made of names, "texts", .* at position 9'),
    ('root ::= *', 'a rule is made of names, "texts", .* at position 9'),
    (None, "a grammar must be a str; got NoneType"),
])
def test_a_grammar_that_cannot_be_is_refused_by_name_and_place(text, says):
    with pytest.raises(GenerationError, match=says):
        grammar(text)
