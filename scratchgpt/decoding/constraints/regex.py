r"""Regular expressions: text in, a recogniser of all texts that match as a whole.

Before this file: `pattern_reader`, `network`, `recogniser`. After it: a regular expression is a rule that calls none.

    literals        any character but \ . | ( ) [ * + ? { ^ $ stands for itself, those with a backslash
    escapes         \n \t \r \f \v \xhh \uhhhh \Uhhhhhhhh; \d \w \s \D \W \S in the sense of ASCII
    classes         [a-z_] [^0-9] and . for all but \n
    groups          (x) (?:x)     alternatives x|y
    quantifiers     * + ? {m} {m,} {,n} {m,n}; a ? behind one, which asks for the shortest match, changes nothing here
"""

from .expressions import Characters, complement
from .network import Network
from .pattern_reader import PatternReader
from .recogniser import Recogniser

GROUPS = {"?=": "lookahead is", "?!": "lookahead is", "?<=": "lookbehind is", "?<!": "lookbehind is",
          "?P=": "backreferences are", "?P<": "named groups are", "?": "groups of this kind are"}


class _RegexReader(PatternReader):
    KIND, LAZY = "regular expression", "?"

    def atom(self):
        start, character = self.at, self.character()
        match character:
            case "(":
                if not self.accept("?:"):
                    for opening, what in GROUPS.items():
                        if self.text.startswith(opening, self.at):
                            self.fail(f"{what} not supported", start)
                return self.group()
            case "[":
                return self.bracket()
            case ".":
                return Characters(complement(((10, 10),)))
            case "\\":
                return Characters(self.escape())
            case "^" | "$":
                self.fail(f"the match is of the whole text: remove {character}, or write \\{character}", start)
            case "*" | "+" | "?" | "{":
                self.fail(f"nothing stands before {character} that it could repeat", start)
        return Characters(((ord(character), ord(character)),))


def regex(pattern):
    """The recogniser of a regular expression.

        recogniser.matches(text.encode()) = re.fullmatch(pattern, text, re.ASCII) is not None

    pattern  str; what it may hold stands at the top of this file
    returns  Recogniser, over bytes
    Raises GenerationError naming what is not supported (anchors, backreferences, lookaround, possessive quantifiers)
    and its position; for a pattern that no text matches; and for one that unfolds into too many states.
    Source: Kleene 1956; Thompson 1968, "Regular expression search algorithm"; the syntax is that of Python's `re`.
    """
    reader = _RegexReader(pattern)
    expression = reader.choice()
    if reader.at < len(pattern):
        reader.fail("a group is closed that was never opened")
    return Recogniser(Network({"root": expression}))
