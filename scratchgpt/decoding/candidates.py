"""The k best next tokens of every step, as a table. Before this file: what a `run` notes of its steps. After it: the
reader can see what else a text might have become, and what the processors made of it.
"""

from dataclasses import dataclass

import numpy as np

from .. import formulas
from ..tokenizers.explain import readable, token_labels
from .processors.rows import highest

SEEN = 24                                                           # characters of the input that a line shows


@dataclass(frozen=True, eq=False)
class Candidates:
    """What stood to choose from, for R texts of N steps; it prints as a table.

    ids         (R, N, k)  the best tokens by the model's own scores, of equal ones the smaller first
    logprobs    (R, N, k)  their log-probabilities by the model's own scores, in nats
    processed   (R, N, k)  the same after the processors: -inf for what they removed
    chosen      (R, N)     the tokens that came next, with their ranks, from 1 up to V,
    ranks, chosen_logprobs, chosen_processed  (R, N)       and both log-probabilities
    prompts     (R, S)     what the texts began with, -1 where there is no token
    Behind the end of a text stand ids of -1, ranks of 0 and NaNs.
    """

    ids: np.ndarray
    logprobs: np.ndarray
    processed: np.ndarray
    chosen: np.ndarray
    ranks: np.ndarray
    chosen_logprobs: np.ndarray
    chosen_processed: np.ndarray
    prompts: np.ndarray

    def table(self, tokenizer=None, why=None):
        """The steps as lines of text: the input so far, the k best and their probabilities, the chosen in brackets.

        tokenizer  for the texts of tokens; None: their ids
        why        (token, step, row) -> the name of the processor that removed a token, as `Trace.why`; None: "out"
        Where processors changed something, a second line has the probabilities that they left.
        """
        blocks = []
        for r in range(len(self.chosen)):
            lines = [("step", "input so far", *map(_ordinal, range(1, self.ids.shape[-1] + 1)), "otherwise")]
            for i in range(np.count_nonzero(self.chosen[r] >= 0)):
                lines += self._step(r, i, tokenizer, why)
            blocks += [f"text {r + 1} of {len(self.chosen)}"] if len(self.chosen) > 1 else []
            blocks.append(_columns(lines if any(len(line) > 1 and line[-1] for line in lines[1:])
                                   else [line[:-1] for line in lines]))
        return "\n".join(blocks)

    def __str__(self):
        return self.table()

    def _step(self, r, i, tokenizer, why):
        """One or two lines of cells."""
        so_far = np.concatenate([self.prompts[r][self.prompts[r] >= 0], self.chosen[r, :i]])
        beyond = self.ranks[r, i] > self.ids.shape[-1]
        ids = [*self.ids[r, i].tolist(), *([int(self.chosen[r, i])] if beyond else [])]
        own = [*self.logprobs[r, i], *([self.chosen_logprobs[r, i]] if beyond else [])]
        new = [*self.processed[r, i], *([self.chosen_processed[r, i]] if beyond else [])]
        labels = map(str, ids) if tokenizer is None else token_labels(ids, tokenizer)
        cells = [f"{label or f'#{token}'} {_percent(l)}" for token, label, l in zip(ids, labels, own)]
        cells = [f"[{cell}]" if token == self.chosen[r, i] else cell for token, cell in zip(ids, cells)]
        if beyond:
            cells[-1] += f", the {_ordinal(self.ranks[r, i])}"
        lines = [(str(i + 1), _ending(so_far, tokenizer), *cells, *([] if beyond else [""]))]
        if not np.allclose(own, new, rtol=0, atol=1e-4):
            left = [_percent(l) if l > -np.inf else (why and why(token, i, r)) or "out" for token, l in zip(ids, new)]
            lines.append(("", "processed", *left, *([] if beyond else [""])))
        return lines


def candidates(logits, scores, new, prompts, k):
    """The `Candidates` of a run.

        ids_ri = the k highest of l_ri,   l = log softmax(logits),   processed = log softmax(scores)

    logits   (R, N, V) before the processors, in nats, NaN behind the end of a text    scores  (R, N, V) after them
    new      (R, N) the tokens that were chosen    prompts  (R, S), -1 where there is no token    k  at most V
    Source: Tunstall, von Werra & Wolf 2022, Natural language processing with transformers, chapter 5.
    """
    over = np.isnan(logits).all(axis=-1)
    l, processed = (formulas.log_softmax(np.where(over[..., None], 0.0, s)) for s in (logits, scores))

    def at(array, ids):
        return np.where(over[..., None], np.nan, np.take_along_axis(array, ids, axis=-1))
    ids = np.array([_best(row, k) for row in l.reshape(-1, l.shape[-1])], np.int64).reshape(*l.shape[:-1], k)
    chosen = new[..., None] % l.shape[-1]                                     # pads may be beyond the table
    own = np.take_along_axis(l, chosen, axis=-1)
    better = (l > own) | (l == own) & (np.arange(l.shape[-1]) < chosen)
    return Candidates(np.where(over[..., None], -1, ids), at(l, ids), at(processed, ids), np.where(over, -1, new),
                      np.where(over, 0, better.sum(axis=-1) + 1), at(l, chosen)[..., 0], at(processed, chosen)[..., 0],
                      prompts)


def _best(l, k):
    """The ids of the k highest of l (V,), impossible ones, if there must be some, in their order behind the others."""
    ids = highest(l, k)
    return np.concatenate([ids, np.flatnonzero(l == -np.inf)[:k - len(ids)]])


def _percent(l):
    return f"{100 * np.exp(l):.1f}%"


def _ordinal(n):
    return f"{n}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def _ending(ids, tokenizer):
    """The end of a text, as much as a line has room for."""
    if tokenizer is None:
        text = " ".join(map(str, ids[-SEEN:]))
    else:
        text = readable(tokenizer.decode_bytes(ids[ids < tokenizer.vocab_size][-SEEN:]))
    return text if len(text) <= SEEN and len(ids) <= SEEN else "…" + text[-SEEN + 1:]


def _columns(lines):
    """Rows of cells as lines, each column as wide as its widest cell; the first is of numbers."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(f"{cell:{'<>'[place == 0]}{wide}}" for place, (cell, wide)
                               in enumerate(zip(line, widths))).rstrip() for line in lines)
