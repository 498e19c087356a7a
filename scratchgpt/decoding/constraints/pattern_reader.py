r"""Reading patterns: what the texts of regular expressions and of grammars have in common.

Before this file: `expressions`. After it: alternatives, sequences, repetitions, escapes and classes are read in one
way, character by character from left to right; what an atom is, the two kinds say themselves.

    choice   = sequence ("|" sequence)*
    sequence = (atom quantifier?)*
    quantifier = "*" | "+" | "?" | "{m}" | "{m,}" | "{,n}" | "{m,n}"
"""

import re

from ...errors import GenerationError
from .expressions import Characters, Choice, Repeat, Sequence, code_point, complement

BOUNDS = re.compile(r"\{([0-9]{0,6})(?:(,)([0-9]{0,6}))?\}")
QUANTIFIERS = {"*": (0, None), "+": (1, None), "?": (0, 1)}
CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
DIGITS = {"x": 2, "u": 4, "U": 8}                                   # of a code point, in hexadecimal
DIGIT, SPACE = ((48, 57),), ((9, 13), (32, 32))                     # ASCII's, as under Python's re.ASCII
WORD = (*DIGIT, (65, 90), (95, 95), (97, 122))
SETS = {"d": DIGIT, "s": SPACE, "w": WORD, **{name.upper(): complement(ranges) for name, ranges
                                             in (("d", DIGIT), ("s", SPACE), ("w", WORD))}}
DEEPEST = 100                                                       # groups in groups, which are read by recursion


class PatternReader:
    """A text, the position in it, and what can be read there: expression = choice() of text[at:].

    text  str, in characters    KIND  what errors call it
    A subclass says what an atom is, where a sequence ends, and what to skip between them.
    Raises GenerationError naming what is wrong and its position.
    Source: recursive descent, as in Aho, Lam, Sethi & Ullman 2006, "Compilers", section 4.4.
    """

    KIND, LAZY = "pattern", ""

    def __init__(self, text):
        if not isinstance(text, str):
            raise GenerationError(f"a {self.KIND} must be a str; got {type(text).__name__}")
        self.text, self.at, self.depth = text, 0, 0

    def atom(self):
        """Read one thing that a quantifier may follow."""
        raise NotImplementedError

    def ends(self):
        """Whether a sequence ends here."""
        return self.at == len(self.text) or self.text[self.at] in "|)"

    def skip(self):
        """Pass over what has no meaning between things."""

    def fail(self, problem, at=None):
        """Raise GenerationError: the problem, its position, and the text around it."""
        at = self.at if at is None else at
        raise GenerationError(f"the {self.KIND} cannot be read: {problem}, at position {at}, "
                              f"before {self.text[at:at + 20]!r}")

    def accept(self, word):
        """Whether the word stands here; if so, the position is now after it."""
        found = self.text.startswith(word, self.at)
        self.at += len(word) * found
        return found

    def character(self):
        """The next character, as it stands."""
        if self.at == len(self.text):
            self.fail("it ends too early")
        self.at += 1
        code_point(ord(self.text[self.at - 1]), f"a {self.KIND}")
        return self.text[self.at - 1]

    def choice(self):
        """Read alternatives."""
        self.skip()
        options = [self.sequence()]
        while self.accept("|"):
            self.skip()
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self):
        """Read atoms, each with its quantifier."""
        parts = []
        while not self.ends():
            part = self.atom()
            self.skip()
            parts.append(self.repeated(part))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self, part):
        """Read the quantifier of a part, if there is one."""
        start = self.at
        if (sign := self.text[start:start + 1]) in QUANTIFIERS:
            least, most = QUANTIFIERS[sign]
            self.at += 1
        elif sign == "{":
            least, most = self.bounds()
        else:
            return part
        if self.LAZY:                                               # prefers less: which text is found, not which match
            self.accept(self.LAZY)
        self.skip()
        if self.text[self.at:self.at + 1] in (*QUANTIFIERS, "{"):
            self.fail("a quantifier follows a quantifier; put the first into a group")
        return Repeat(part, least, most)

    def bounds(self):
        """Read {m}, {m,}, {,n} or {m,n} as (m, n)."""
        found = BOUNDS.match(self.text, self.at)
        if not found or not (found[1] or found[3]):
            self.fail("{ opens a repetition such as {2}, {2,}, {,5} or {2,5}, of at most six digits each; "
                      "write the character itself as \\{")
        least, most = int(found[1] or 0), int(found[3]) if found[3] else None if found[2] else int(found[1])
        if most is not None and most < least:
            self.fail(f"a repetition of at least {least} and at most {most}")
        self.at = found.end()
        return least, most

    def group(self):
        """Read a choice and the bracket that closes it."""
        start, self.depth = self.at - 1, self.depth + 1
        if self.depth > DEEPEST:
            self.fail(f"groups are nested more than {DEEPEST} deep", start)
        inside = self.choice()
        if not self.accept(")"):
            self.fail("a group is not closed", start)
        self.depth -= 1
        return inside

    def escape(self):
        """Read what follows a backslash, as ranges of code points."""
        start, name = self.at - 1, self.character()
        if name in SETS:
            return SETS[name]
        if name in DIGITS:
            digits = self.text[self.at:self.at + DIGITS[name]]
            if not re.fullmatch(f"[0-9a-fA-F]{{{DIGITS[name]}}}", digits):
                self.fail(f"\\{name} takes {DIGITS[name]} hexadecimal digits", start)
            self.at += len(digits)
            point = code_point(int(digits, 16), f"a {self.KIND}")
        elif name.isascii() and name.isalnum() and name not in CONTROLS:
            what = "backreferences are" if name.isdigit() else f"the escape \\{name} is"
            self.fail(f"{what} not supported", start)
        else:
            point = ord(CONTROLS.get(name, name))
        return ((point, point),)

    def bracket(self):
        """Read a class, such as [a-z_] or [^"], after its opening bracket; a ] that comes first is a member."""
        start, negated, ranges = self.at - 1, self.accept("^"), []
        while not ranges or not self.accept("]"):
            if self.at == len(self.text):
                self.fail("a class is not closed", start)
            here, item = self.at, self.member()
            if self.text.startswith("-", self.at) and self.text[self.at + 1:self.at + 2] not in ("]", ""):
                self.at += 1
                last = self.member()
                if len(item) > 1 or len(last) > 1 or item[0][0] != item[0][1] or last[0][0] != last[0][1] \
                        or item[0][0] > last[0][0]:
                    self.fail("a range must go from a character to the same or a later one", here)
                item = ((item[0][0], last[0][0]),)
            ranges.extend(item)
        return Characters(complement(ranges) if negated else tuple(ranges))

    def member(self):
        """Read one item of a class, as ranges."""
        character = self.character()
        return self.escape() if character == "\\" else ((ord(character), ord(character)),)
