"""Which processor removed which token, and which one left no choice.

Before this file: `chain`, `tokenizers.explain`. After it: the reader can ask why a token was not chosen, and read step
by step what became of the vocabulary.
"""

from dataclasses import dataclass, replace

import numpy as np

from ...errors import GenerationError
from ...tokenizers.explain import token_labels
from .rows import highest

SHOWN = 5                                                           # tokens in a line of the table


@dataclass(frozen=True, eq=False)
class Change:
    """What one processor did to one row of scores (V,) at one step.

    name       who                    step, row  where; steps count a text's tokens, from 0
    left       how many tokens remain possible
    likeliest  the best ids of the removed, SHOWN at most
    forced     the only id left, where it left no choice; else None
    Which ids it removed, and which it made possible again, is kept as one bit for each token of the vocabulary.
    """

    name: str
    left: int
    likeliest: tuple
    forced: int | None
    bits: tuple
    step: int = 0
    row: int = 0

    @property
    def removed(self):
        """The ids that it turned from finite to -inf, (N,), ascending."""
        return np.flatnonzero(np.unpackbits(self.bits[0]))

    @property
    def restored(self):
        """The ids that it turned from -inf to more, (N,), ascending."""
        return np.flatnonzero(np.unpackbits(self.bits[1]))


def traced(chain, ids, scores):
    """Apply a chain as `chain.apply` does, and tell what each of its processors did.

        removed_i = {v : s_v > -inf before processor i, s_v = -inf after it}

    chain  Processors    ids (B, S), scores (B, V)    returns scores (B, V), and B lists with a `Change` of each
    Source: the sets are those that the definitions of the processors speak of.
    """
    changes = [[] for _ in ids]
    for name, processor in chain:
        before, scores = scores, processor(ids, scores)
        for row, *pair in zip(changes, before, scores):
            row.append(_change(name, *pair))
    return scores, changes


class Trace:
    """A record of what every processor of a chain did to the scores of every token of R texts; it prints as a table.

        removed_i = {v : s_v > -inf before processor i, s_v = -inf after it}

    vocab_size   V        changes of a token are added by `note`
    Source: as `traced`.
    """

    def __init__(self, vocab_size):
        self.vocab_size, self._changes = vocab_size, {}

    def note(self, step, row, changes):
        """Add what was done, a list of `Change`, to the scores that token `step` of text `row` was chosen from."""
        self._changes[step, row] = [replace(change, step=step, row=row) for change in changes]

    @property
    def changes(self):
        """A `Change` for every step, row and processor, in this order."""
        return [change for place in sorted(self._changes) for change in self._changes[place]]

    @property
    def steps(self):
        """One more than the last step of any text."""
        return max((step + 1 for step, _ in self._changes), default=0)

    def why(self, token, step=-1, row=0):
        """The name of the processor that removed a token at a step, None if it was still possible in the end.

        A token that the model itself ruled out was removed by no processor. A step below 0 counts from the last.
        """
        place = (step % max(self.steps, 1), row)
        if not -self.steps <= step < self.steps or place not in self._changes or not 0 <= token < self.vocab_size:
            raise GenerationError(f"the trace has {self.steps} steps over {self.vocab_size} tokens; "
                                  f"got step={step}, row={row}, token={token}")
        culprit = None
        for change in self._changes[place]:
            removed, restored = (np.unpackbits(bits)[token] for bits in change.bits)
            culprit = change.name if removed else None if restored else culprit
        return culprit

    def table(self, tokenizer=None):
        """The changes as lines of text, steps from 1; tokens as ids, or as their texts where a tokenizer is given."""
        def labels(ids):
            return list(map(str, ids)) if tokenizer is None else token_labels(ids, tokenizer)
        wide = max([9, *(len(change.name) for change in self.changes)])
        lines = [f"step  row  {'processor':<{wide}}  removed    left  likeliest of the removed"]
        for change in self.changes:
            count = len(change.removed)
            texts = " ".join(labels(change.likeliest)) + (" ..." if count > SHOWN else "")
            forced = "" if change.forced is None else f"  forced: {labels([change.forced])[0]}"
            lines.append(f"{change.step + 1:>4}  {change.row:>3}  {change.name:<{wide}}  {count:>7}  {change.left:>6}  "
                         f"{texts}{forced}".rstrip())
        return "\n".join(lines)

    def __str__(self):
        return self.table()


def _change(name, before, after):
    was, now = before > -np.inf, after > -np.inf
    removed, left, likeliest = was & ~now, np.count_nonzero(now), ()
    if removed.any():
        likeliest = highest(np.where(removed, before, -np.inf), SHOWN).tolist()
    forced = int(now.argmax()) if left == 1 and (was != now).any() else None
    return Change(name, left, tuple(likeliest), forced,
                  (np.packbits(removed), np.packbits(now & ~was)))
