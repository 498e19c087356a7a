"""What all beam searches do with a run: look, grow, go on with those that are left, conclude.

Before this file: `run`, `beam_tree`. After it: a beam knows nothing of caches, and a run nothing of beams.
"""

import numpy as np

from .... import formulas
from ....errors import GenerationError
from .beam_tree import BeamTree


class BeamRun:
    """A `Run` whose rows are the texts of beams: those of the first beam, of the second, and so on.

        l = log softmax(logits)        s = processors(l)

    run    a Run of R prompts
    beams  the `Beam`s that still grow, by prompt, each of one empty text in the beginning
    tree   `BeamTree` of R prompts
    Source: as `Beam`.
    """

    def __init__(self, run, beams):
        self.run, self.beams, self.all = run, beams, beams
        self.tree = BeamTree(len(run.said), max(beam.slot + beam.width for beam in beams))
        run.select(np.array([beam.row for beam in beams]))
        self._place()

    def look(self):
        """The log-probabilities (N, V) of the next token of all N texts, which processors have not seen yet."""
        return formulas.log_softmax(self.run.read()[:, 0])

    def grow(self, beam, s):
        """Let a beam take its step on the processed s (N, V) of all texts."""
        beam.step(self.run.reader.ids[beam.rows], s[beam.rows], self.run.note)

    def go_on(self, s):
        """Read on with the beams that are not done, having taken their steps on s (N, V)."""
        run = self.run
        run.take_note(s)
        self.tree.record(self.beams)
        self.beams = [beam for beam in self.beams if not beam.done]
        texts = [(beam.start + text.parent, text.tokens[-1]) for beam in self.beams for text in beam.texts]
        parents, tokens = np.array(texts, np.int64).reshape(-1, 2).T
        run.select(parents)
        if run.going:
            run.reader.advance(tokens[:, None])
        self._place()

    def conclude(self):
        """Leave the best texts of each prompt where `Run` has its answers.

        Raises GenerationError if fewer have ended than were asked for.
        """
        run, n = self.run, self.run.config.num_return_sequences or 1
        chosen = []
        for row in range(self.tree.count):
            texts = [text for beam in self.all if beam.row == row for text in beam.finished.texts]
            if len(texts) < n:
                raise GenerationError(f"the search must end with {n} texts for each prompt; prompt {row} has "
                                      f"{len(texts)}: what is forced or forbidden leaves no more, or more beams are "
                                      "needed to find them")
            chosen += sorted(texts, key=lambda text: -text.score)[:n]
        run.said = [list(text.tokens) for text in chosen]
        run.notes, run.reasons = [list(text.notes) for text in chosen], [text.reason for text in chosen]
        run.sequences_scores, run.beams = np.array([text.score for text in chosen]), self.tree

    def _place(self):
        """Tell every beam where the reader has its texts."""
        start = 0
        for beam in self.beams:
            beam.start, start = start, start + len(beam.texts)
