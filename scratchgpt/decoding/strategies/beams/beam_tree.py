"""What a beam search did, as a tree. Before this file: `hypotheses`. After it: a search can be drawn and read.

    step        0          1          2
    slot 0      a -------- c -------- d.          the dot: the text ended here, and is in `finished`
           root      `---- e
    slot 1      b          `--------- f           parents[2][prompt] = (.., 1): f continues slot 1 of the step before
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class BeamStep:
    """The K running texts of every prompt after one step.

    tokens   (B, K) the last token of each; -1 in a slot that holds no text, as of a prompt that is done
    parents  (B, K) the slot of the step before that it continues; 0 at step 0, whose parent is the prompt; or -1
    scores   (B, K) log p(text | prompt) after the processors, in nats, not divided by any length; or NaN
    Slots go from the best text to the worst; in diverse beam search, within each group of K / G neighbouring slots; in
    constrained beam search, by turns of the banks.
    """

    tokens: np.ndarray
    parents: np.ndarray
    scores: np.ndarray


class Leaf(NamedTuple):
    """A text that ended, kept or not: its last token, said at `step` behind slot `parent` of step - 1.

        score = log p(text | prompt) / lp(L)

    prompt, step, parent, token  ints        score  in nats per unit of lp(L), what texts are ranked by
    Source: as `BeamTree`.
    """

    prompt: int
    step: int
    parent: int
    token: int
    score: float


@dataclass
class BeamTree:
    """All texts that a beam search looked at and kept for a step or more.

    count, width  B prompts, K slots of each
    steps         a `BeamStep` for each step        finished  a `Leaf` for each text that ended, in the order of time
    """

    count: int
    width: int
    steps: list = field(default_factory=list)
    finished: list = field(default_factory=list)

    def record(self, beams):
        """Add a step: of every beam the texts that run (`texts`) and those that have just ended (`ended`)."""
        step = BeamStep(np.full((self.count, self.width), -1), np.full((self.count, self.width), -1),
                        np.full((self.count, self.width), np.nan))
        for beam in beams:
            for slot, text in enumerate(beam.texts, beam.slot):
                step.tokens[beam.row, slot] = text.tokens[-1]
                step.parents[beam.row, slot] = beam.slot + text.parent if self.steps else 0
                step.scores[beam.row, slot] = text.score
            self.finished += [Leaf(beam.row, len(self.steps), beam.slot + text.parent if self.steps else 0,
                                   text.tokens[-1], float(text.score)) for text in beam.ended]
        self.steps.append(step)

    def path(self, prompt, step, slot):
        """The tokens from the prompt to a slot of a step, a list; empty for step -1, the prompt itself."""
        tokens = []
        while step >= 0:
            tokens.append(int(self.steps[step].tokens[prompt, slot]))
            slot, step = self.steps[step].parents[prompt, slot], step - 1
        return tokens[::-1]

    def paths(self, prompt):
        """Every ended text of a prompt, best first: (tokens, score) pairs."""
        leaves = [leaf for leaf in self.finished if leaf.prompt == prompt]
        return [(self.path(prompt, leaf.step - 1, leaf.parent) + [leaf.token], leaf.score)
                for leaf in sorted(leaves, key=lambda leaf: -leaf.score)]
