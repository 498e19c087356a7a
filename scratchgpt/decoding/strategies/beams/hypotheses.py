"""Texts that grow and texts that have ended, of which the best are kept.

Before this file: `length_penalty`. After it: beam search knows what it would return if it stopped now, and whether it
may stop.
"""

import bisect
import math
from dataclasses import dataclass, replace

from .length_penalty import length_penalty


@dataclass(frozen=True)
class Text:
    """An answer, while it grows and when it has ended.

    tokens  its ids, a tuple        score  log p(tokens | prompt) in nats; of an ended text divided by lp(L)
    parent  which text of the step before it continues, by its place among them
    notes   (note, row, 0) of each token's step, as a `Run` has them        reason  why it has ended, or None
    """

    tokens: tuple = ()
    score: float = 0.0
    parent: int = 0
    notes: tuple = ()
    reason: str | None = None


class Hypotheses:
    """The best texts that have ended, best first.

        score = log p(x_1 .. x_L) / lp(L)

    width            how many are kept                 longest  tokens that an answer can have, math.inf: no limit
    alpha, kind      of `length_penalty`
    early_stopping   when no more are wanted: True, as soon as `width` have ended; False, when the best that runs could
                     not enter if it ended at its present length; "never", when it could not at any length
    Source: Wu et al. 2016, arXiv:1609.08144, section 7; the three rules as in transformers' `_beam_search`.
    """

    def __init__(self, width, longest=math.inf, alpha=1.0, kind="power", early_stopping=False):
        self.width, self.longest, self.early_stopping = width, longest, early_stopping
        self.alpha, self.penalty, self.texts = alpha, lambda length: length_penalty(length, alpha, kind), []
        if longest < math.inf:
            self.penalty(longest)                              # refuses an alpha that is too large for this length

    def add(self, text):
        """Rank a text that has ended, and keep it if it is among the best; returns it with its final score."""
        ranked = replace(text, score=text.score / self.penalty(len(text.tokens)))
        bisect.insort_right(self.texts, ranked, key=lambda other: -other.score)          # of equals the first stays
        del self.texts[self.width:]
        return ranked

    def closed(self, best, length):
        """Whether texts that now have `length` tokens and log-probabilities of at most `best` are given up."""
        if len(self.texts) < self.width or self.early_stopping is True:
            return len(self.texts) == self.width
        hoped = self.longest if self.early_stopping == "never" and self.alpha > 0 else length
        if hoped == math.inf:
            return False                                       # there is a length at which any text would win
        return best / self.penalty(hoped) <= self.texts[-1].score
