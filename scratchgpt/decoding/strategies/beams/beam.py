"""Beam search: the B likeliest texts side by side, since the likeliest text need not begin with the likeliest token.

Before this file: `continuations`, `hypotheses`, `beam_run`. After it: a search over whole texts is a loop of a few
lines, and its variants change one of them each.
"""

import math

import numpy as np

from ....errors import GenerationError
from ...stopping import NEVER
from .beam_run import BeamRun
from .continuations import best, drawn
from .hypotheses import Hypotheses, Text


class Beam:
    """The best texts of one prompt while they grow, and those that have ended.

        score(x_1 .. x_t) = score(x_1 .. x_{t-1}) + s_{x_t}        s = processors(log softmax(logits))

    run    a Run of R prompts, of which this is number `row`        width  B, how many texts grow, and are kept
    slot   where the first of them stands in a `BeamTree`
    texts  those that grow, best first: one empty text in the beginning, never more than B
    ended  those that ended in this step        done   whether none grows any more
    start  the row of its first text in the reader
    Each step looks at max(2, 1 + number of end tokens) B continuations, so that B that go on are among them. Those that
    end are kept if they are among the first B of these. Elsewhere there are B texts from the start, all but one of
    score -1e9; here they are missing, to the same effect.
    Raises GenerationError if fewer than B texts of the tokens allowed can differ: B <= V^T is needed.
    Source: Lowerre 1976, The HARPY speech recognition system; Wolf et al. 2019, arXiv:1910.03771, for the rules.
    """

    def __init__(self, run, row, width, slot=0):
        length = np.count_nonzero(run.reader.ids[row] >= 0)
        config, left = run.config, run.stopping.limits[row] - length
        V = run.reader.model.config.vocab_size
        if width > V ** int(min(left, 64)):
            raise GenerationError(f"num_beams must not exceed the texts that can differ, vocab_size ** new tokens; got "
                                  f"{width} beams for {V} ** {left:.0f}")
        alpha = 1.0 if config.length_penalty is None else config.length_penalty
        self.run, self.row, self.width, self.slot = run, row, width, slot
        self.count = max(2, 1 + len(run.stopping.ends)) * width
        self.texts, self.ended, self.done, self.start = [Text()], [], False, 0
        longest = math.inf if run.stopping.limits[row] == NEVER else left
        self.finished = Hypotheses(width, longest, alpha, config.length_penalty_type or "power",
                                   config.early_stopping or False)

    @property
    def rows(self):
        """Where the reader has its k texts, a slice of rows."""
        return slice(self.start, self.start + len(self.texts))

    def candidates(self, total):
        """The continuations to look at, places in the scores (k V,) of all, the first of them best."""
        return best(total, self.count)

    def admits(self, text):
        """Whether a text that ends here is an answer."""
        return True

    def survivors(self, going):
        """Which of the candidates that do not end go on, best first."""
        return going[:self.width]

    def step(self, lines, s, note=None):
        """Grow every text by a token, and keep the best.

        lines  (k, S) the k texts as the reader has them        s  (k, V) processed log-probabilities
        note   of this step, as a `Run` has it, or None: nobody will look
        """
        total, V, going, rank = s + np.array([text.score for text in self.texts], s.dtype)[:, None], s.shape[1], [], 0
        self.ended = []
        for place in self.candidates(total.ravel()):
            parent, token = divmod(int(place), V)
            text = self._grown(parent, token, float(total[parent, token]), note, lines[parent], s[parent])
            if text.reason is not None and not self.admits(text):
                continue
            if text.reason is None:
                going.append(text)
            elif rank < self.width:
                self.ended.append(self.finished.add(text))
            rank += 1
        self.texts = self.survivors(going)
        best_score = max((text.score for text in self.texts), default=-np.inf)
        length = len(self.texts[0].tokens) if self.texts else 1
        self.done = not self.texts or self.finished.closed(best_score, length)

    def _grown(self, parent, token, score, note, line, s):
        before = self.texts[parent]
        reason = self.run.stopping.reason(self.row, np.append(line[np.argmax(line >= 0):], token), s)
        notes = before.notes if note is None else (*before.notes, (note, self.start + parent, 0))
        return Text((*before.tokens, token), score, parent, notes, reason)


class SampledBeam(Beam):
    """A beam whose continuations are drawn, not ranked: without replacement, from the scores of whole texts.

        P(y_1 .. y_n) = prod_i p(y_i) / (1 - p(y_1) - ... - p(y_{i-1}))        p = softmax over all (B V,) scores

    The first B drawn may end; of all drawn the best B go on.
    Source: as `Beam`; Kool et al. 2019, arXiv:1903.06059, for drawing without replacement.
    """

    def candidates(self, total):
        """As many as `Beam` looks at, in the order in which they were drawn."""
        return drawn(total, self.count, self.run.rng)

    def survivors(self, going):
        """The best of those drawn."""
        return sorted(going, key=lambda text: -text.score)[:self.width]


def beam_search(run):
    """The text of the highest score that B texts, each grown by its best tokens, lead to; with a Generator, drawn.

        y = argmax_x log p(x) / lp(L)        among the x whose beginnings were all among the B best of their step

    run  a Run of R prompts    yields after each step; `said` then holds num_return_sequences texts of each, best first
    As wide as V^T the search is exhaustive; of width 1 it is greedy.
    Raises GenerationError if fewer texts end than were asked for. Source: as `Beam`.
    """
    kind, width = Beam if run.rng is None else SampledBeam, run.config.num_beams or 1
    yield from search(run, [kind(run, row, width) for row in range(len(run.said))])


def search(run, beams):
    """Let the beams of a run's R prompts grow until all are done.

        s = processors(log softmax(logits))        (N, V) for all N texts that grow

    run  a Run of R prompts, beams  a `Beam` for each    yields after each step
    Source: as `Beam`.
    """
    under_way = BeamRun(run, beams)
    while run.going:
        s = run.process(run.reader.ids, under_way.look())
        for beam in under_way.beams:
            under_way.grow(beam, s)
        under_way.go_on(s)
        yield
    under_way.conclude()
