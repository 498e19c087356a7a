"""The recogniser: reads bytes one by one and knows whether the text is complete, and what may come next.

Before this file: `network`. After it: the reader has Earley's algorithm as an automaton. An item (p, i) says: a rule
was begun in state i of the recogniser, and has come to the state p of the network. A state of the recogniser is a set
of items; two texts that lead to the same set are never told apart again, so states have numbers and steps are a table,
filled where it is looked up. Without calls this is the subset construction that makes an automaton deterministic.
What is learned is made known last, so Ctrl-C in the middle leaves only known results; threads learn one at a time.
"""

import threading
from collections import defaultdict

import numpy as np

DEAD, START = 0, 1                                          # nothing can follow; nothing was read yet
UNKNOWN = -1
LEARNING = threading.RLock()                                # held by who learns, of whatever language


class Recogniser:
    """A deterministic automaton over bytes with as many states as have been looked at.

        delta(S, b) = {(q, i) : (p, i) in closure(S), p -b-> q}        S accepts <=> (end[root], DEAD) in closure(S)

        closure, until nothing is new:
        (p, i), p calls A and then goes on at q    ->  (start[A], S), and (q, i) once A has ended here     predict
        (end[A], i)                                ->  (q, j) for each (p, j) in i that called A           complete

    network  Network, the language
    States are ints. From each but DEAD some text leads to one that accepts, since the network has no dead ends.
    Left recursion, ambiguity and rules that derive the empty text are all allowed.
    Source: Earley 1970, "An efficient context-free parsing algorithm"; empty rules: Aycock & Horspool 2002.
    """

    def __init__(self, network):
        self.network = network
        self._kernels = [frozenset(), frozenset({(network.start[network.root], DEAD)})]
        self._numbers = {kernel: number for number, kernel in enumerate(self._kernels)}
        self._callers = [{}, {}]                           # of each state: rule -> items that wait for its end
        self._table = np.full((2, network.n_classes), UNKNOWN, np.int32)
        self._known, self._accepts = np.zeros(2, bool), np.zeros(2, bool)
        self._table[DEAD], self._known[DEAD] = DEAD, True

    @property
    def n_states(self):
        """How many states have been met so far."""
        return len(self._numbers)

    def step(self, states, data):
        """The states after one more byte each, elementwise: delta(states, data).

        states (N,) int    data (N,) bytes as integers 0 to 255    returns (N,) int32
        """
        states = np.asarray(states)
        unknown = states[~self._known[states]]
        for state in np.unique(unknown).tolist():
            self._expand(state)
        return self._table[states, self.network.class_of[data]]

    def read(self, data, state=START):
        """The state after some bytes; DEAD if no text of the language continues so."""
        for byte in data:
            state = int(self.step(state, byte))
            if state == DEAD:
                break
        return state

    def accepts(self, state):
        """Whether what was read is a whole text of the language."""
        if not self._known[state]:
            self._expand(state)
        return bool(self._accepts[state])

    def matches(self, data):
        """Whether bytes are a whole text of the language."""
        return self.accepts(self.read(data))

    def next_bytes(self, state):
        """The bytes that may follow, as bytes in ascending order."""
        return bytes(np.flatnonzero(self.step(np.full(256, state), np.arange(256)) != DEAD).tolist())

    def _expand(self, state):
        """Fill the state's row of the table."""
        with LEARNING:
            reads, to = self._closure(state), [set() for _ in range(self.network.n_classes)]
            for (first, last, target), origin in reads:
                landing = self._settle(target, origin)
                for c in range(first, last + 1):
                    to[c] |= landing
            row = [self._number(frozenset(items)) for items in to]     # may put a larger table in place of the old
            self._table[state], self._known[state] = row, True

    def _closure(self, state):
        """Predict and complete until nothing is new; returns what can be read, (edge, origin) of each item."""
        network, items, reads = self.network, set(self._kernels[state]), []
        todo, ended, callers = list(items), set(), defaultdict(set)
        while todo:
            p, origin = todo.pop()
            new = {(q, origin) for q in network.empty[p]}
            reads += [(edge, origin) for edge in network.reads[p]]
            for rule, q in network.calls[p]:
                callers[rule].add((q, origin))
                new.add((network.start[rule], state))
                if rule in ended:
                    new.add((q, origin))
            if (rule := network.rule_of.get(p)) is not None:
                if origin == state:                         # the rule has derived the empty text
                    ended.add(rule)
                new |= (callers if origin == state else self._callers[origin]).get(rule, set())
            todo += new - items
            items |= new
        self._accepts[state] = any(origin == DEAD and network.rule_of.get(p) == network.root for p, origin in items)
        self._callers[state] = callers
        return reads

    def _settle(self, target, origin):
        """The item, or, where its rule has ended, the items that waited for it: so loops lead back to the same set.

        All origins are known by now, hence also who called from there.
        """
        todo, seen, landing = [(target, origin)], set(), set()
        while todo:
            item = todo.pop()
            if item not in seen:
                seen.add(item)
                rule = self.network.rule_of.get(item[0])
                if rule is None or item[1] == DEAD:
                    landing.add(item)
                else:
                    todo += self._callers[item[1]][rule]
        return landing

    def _number(self, kernel):
        """The number of a set of items, a new one if it was never met."""
        if kernel not in self._numbers:
            number = len(self._numbers)
            if number == len(self._known):                  # double the tables
                self._table = np.concatenate([self._table[:number], np.full_like(self._table[:number], UNKNOWN)])
                self._accepts, self._known = (np.concatenate([a[:number], np.zeros(number, bool)])
                                              for a in (self._accepts, self._known))
            self._kernels[number:], self._callers[number:] = [kernel], [{}]
            self._numbers[kernel] = number                  # last: until here all can be done again
        return self._numbers[kernel]
