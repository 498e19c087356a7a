"""From expressions to a network: states, and edges that read a byte, call a rule, or do nothing.

Before this file: `expressions`, `utf8`. After it: a grammar is a set of small automata that call each other; one
that calls nothing is an automaton in the usual sense, and its language is regular. From each state that is kept a text
can be completed: what cannot is taken away here, so that a recogniser never walks into a dead end.
"""

from copy import copy

import numpy as np

from ...errors import GenerationError
from .expressions import Characters, Choice, Repeat, Rule, Sequence
from .utf8 import utf8_ranges

LARGEST = 50_000                                         # states, and expressions placed, of one network


class Network:
    """The states of all rules. A rule A derives a text if a path from start[A] to its last state reads it:

        L(A) = {w : start[A] -w-> end[A]}        p -w-> q over a call of B if w is in L(B)

    rules   dict, name -> expression       root  the name of the rule that the whole text must derive
    empty[p] = [q, ...]    calls[p] = [(rule, q), ...]    reads[p] = [(first class, last class, q), ...]
    class_of (256,)        the class of each byte; bytes of one class are read by the same edges
    rule_of                dict, the last state of a rule -> its name
    Raises GenerationError for a rule that is not defined, for one that derives no text of finite length, and for more
    than LARGEST states.
    Source: Thompson 1968; Woods 1970, "Transition network grammars for natural language analysis".
    """

    def __init__(self, rules, root="root"):
        self.root, self.empty, self.calls, self.reads = root, [], [], []
        self.start, self.rule_of, self._placed = {}, {}, 0
        for name, expression in rules.items():
            end = self._state()
            self.rule_of[end] = name
            self.start[name] = self._place(expression, end)
        for name in sorted({root} | {rule for calls in self.calls for rule, _ in calls}):
            if name not in self.start:
                raise GenerationError(f"every rule must be defined; got none named {name!r}; the rules are "
                                      f"{', '.join(self.start)[:200]}")
        for name in self._keep_what_ends():
            raise GenerationError(f"every rule must derive a text of finite length; got {name!r}, which derives none; "
                                  "give it an alternative that does not call it, and no empty class")
        self._number_classes()

    def over(self, alphabet):
        """The same without what these bytes cannot spell.

        alphabet  bytes    Raises GenerationError if no text is left
        """
        known = set(self.class_of[np.frombuffer(alphabet, np.uint8)].tolist())
        other = copy(self)
        other.reads = [[(first, last, q) for first, last, q in edges if not known.isdisjoint(range(first, last + 1))]
                       for edges in self.reads]
        if self.root in other._keep_what_ends():
            raise GenerationError("the vocabulary must be able to spell a text of the language; its "
                                  f"{len(alphabet)} bytes make none; allow other texts, or take a tokenizer that "
                                  "has all bytes")
        return other

    def _state(self):
        """A new state, without edges."""
        if len(self.empty) >= LARGEST:
            self._too_large()
        for edges in (self.empty, self.calls, self.reads):
            edges.append([])
        return len(self.empty) - 1

    def _too_large(self):
        raise GenerationError(f"the pattern unfolds into more than {LARGEST:,} states; repeat less often: a bound such "
                              "as {1000} writes its part down a thousand times, * and + only once")

    def _place(self, expression, end):
        """Build from the end to the front; returns the state from which `expression` leads to `end`."""
        self._placed += 1
        if self._placed > LARGEST:
            self._too_large()
        match expression:
            case Sequence(parts):
                for part in reversed(parts):
                    end = self._place(part, end)
                return end
            case Repeat(part, least, most):
                return self._repeat(part, least, most, end)
        start = self._state()
        match expression:
            case Choice(options):
                self.empty[start] += [self._place(option, end) for option in options]
            case Rule(name):
                self.calls[start].append((name, end))
            case Characters(ranges):
                self._read(ranges, start, end)
        return start

    def _repeat(self, part, least, most, end):
        if most is None:                                             # x* : a state that leads to x and back, or on
            loop = self._state()
            self.empty[loop] += [self._place(part, loop), end]
            start = loop
        else:                                                        # x{0,3} = (x(x(x)?)?)?
            start = end
            for _ in range(most - least):
                option = self._state()
                self.empty[option] += [self._place(part, start), end]
                start = option
        for _ in range(least):
            start = self._place(part, start)
        return start

    def _read(self, ranges, start, end):
        """Edges over the bytes of characters; what ends with the same bytes shares the states before the end."""
        tails = {}
        for first, last in ranges:
            for (lo, hi), *rest in utf8_ranges(first, last):
                to = end
                for pair in reversed(rest):
                    if (pair, to) not in tails:
                        tails[pair, to] = self._state()
                        self.reads[tails[pair, to]].append((*pair, to))
                    to = tails[pair, to]
                self.reads[start].append((lo, hi, to))

    def _keep_what_ends(self):
        """Remove edges into states from which no last state can be reached; returns the rules that derive nothing."""
        before = [[] for _ in self.empty]                            # whom it concerns that a state can be completed
        for p, (empty, calls, reads) in enumerate(zip(self.empty, self.calls, self.reads)):
            for q in [*empty, *(q for *_, q in reads), *(q for rule, q in calls),
                      *(self.start[rule] for rule, _ in calls)]:
                before[q].append(p)
        ends, todo = set(self.rule_of), list(self.rule_of)
        while todo:
            for p in before[todo.pop()]:
                if p not in ends and (any(q in ends for q in self.empty[p]) or any(q in ends for *_, q in self.reads[p])
                                      or any(q in ends and self.start[rule] in ends for rule, q in self.calls[p])):
                    ends.add(p)
                    todo.append(p)
        self.empty = [[q for q in edges if q in ends] for edges in self.empty]
        self.calls = [[(rule, q) for rule, q in edges if q in ends and self.start[rule] in ends]
                      for edges in self.calls]
        self.reads = [[edge for edge in edges if edge[2] in ends] for edges in self.reads]
        return [name for name, state in self.start.items() if state not in ends]

    def _number_classes(self):
        """Name bytes by their class from here on: few classes make small tables."""
        edges = {edge[:2] for reads in self.reads for edge in reads}
        bounds = sorted({0, *(lo for lo, _ in edges), *(hi + 1 for _, hi in edges if hi < 255)})
        self.class_of = np.searchsorted(bounds, np.arange(256), side="right") - 1
        of = self.class_of.tolist()
        self.reads = [[(of[lo], of[hi], q) for lo, hi, q in reads] for reads in self.reads]
        self.n_classes = len(bounds)
