r"""Context-free grammars: text in, a recogniser of all that the rule `root` derives.

Before this file: `pattern_reader`, `network`, `recogniser`. After it: the reader can say what JSON is (`json_grammar`).

    root   ::= "[" ws (number ("," ws number)*)? "]"     # from here to the end of the line is a comment
    number ::= "-"? [0-9]{1,9}
    ws     ::= " " | ""

    "text"      literally, with the escapes \n \t \r \f \v \\ \" \xhh \uhhhh \Uhhhhhhhh
    [a-z] [^"]  one character of a class, or one that is not in it; . is any character, \n too
    ( ) | * + ? {m} {m,} {,n} {m,n}                      as in regular expressions; white space may stand anywhere
    A rule goes on until the next `name ::=`, over line ends; an alternative may be empty.
"""

import re

from ...errors import GenerationError
from .expressions import Characters, Rule, Sequence, complement
from .network import Network
from .pattern_reader import PatternReader
from .recogniser import Recogniser

BLANK = re.compile(r"(?:\s|#[^\n]*)*")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
DEFINES = "::="


class _GrammarReader(PatternReader):
    KIND = "grammar"

    def skip(self):
        self.at = BLANK.match(self.text, self.at).end()

    def name(self):
        """Read the name of a rule and what stands between it and the next thing; None if there is none."""
        if found := NAME.match(self.text, self.at):
            self.at = found.end()
            self.skip()
        return found and found[0]

    def ends(self):
        here = self.at
        defines = self.name() is not None and self.text.startswith(DEFINES, self.at)
        self.at = here
        return defines or super().ends()

    def atom(self):
        if name := self.name():
            return Rule(name)
        start, character = self.at, self.character()
        match character:
            case "(":
                return self.group()
            case "[":
                return self.bracket()
            case ".":
                return Characters(complement(()))
            case '"':
                return self.quoted()
        return self.fail('a rule is made of names, "texts", [classes], (groups), | and quantifiers', start)

    def quoted(self):
        start, parts = self.at - 1, []
        while not self.accept('"'):
            if self.at == len(self.text) or self.text[self.at] == "\n":
                self.fail("a text is not closed on its line", start)
            parts.append(Characters(self.member()))
        return Sequence(tuple(parts))

    def rules(self):
        """Read all rules: dict, name -> expression."""
        found = {}
        self.skip()
        while self.at < len(self.text):
            start, name = self.at, self.name()
            if name is None or not self.accept(DEFINES):
                self.fail(f"a rule begins with its name and {DEFINES}", start)
            if name in found:
                self.fail(f"the rule {name!r} is defined twice", start)
            found[name] = self.choice()
            if self.text.startswith(")", self.at):
                self.fail("a group is closed that was never opened")
        return found


def grammar(text):
    """The recogniser of a context-free grammar.

        L(grammar) = {w : root =>* w}

    text     str, rules in the form that stands at the top of this file
    returns  Recogniser, over the bytes of UTF-8
    Left recursion is allowed, unlike in llama.cpp, and so is ambiguity.
    Raises GenerationError naming what cannot be read and its position; without a rule `root`; for a rule that is used
    and not defined, or defined twice; for one that derives no text of finite length.
    Source: Chomsky 1956; the form is GBNF, that of llama.cpp (grammars/README.md).
    """
    rules = _GrammarReader(text).rules()
    if "root" not in rules:
        raise GenerationError(f"a grammar must define the rule root; got {', '.join(rules)[:200] or 'no rules'}")
    return Recogniser(Network(rules))
