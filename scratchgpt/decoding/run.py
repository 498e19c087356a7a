"""One request under way: the rows that still run, what each has said, and what is noted of it.

Before this file: `reader`, `stopping`, `processors`. After it: a strategy is a loop of three verbs.

    run.next_scores()    what is expected next, processed as asked for      (B, V)
    run.say(tokens)      these come next; rows that end here leave          (B,)
    yield                whoever streams may look
"""

import numpy as np

from .processors import apply, traced


class Run:
    """What every strategy works with. Rows leave when they end, so a strategy sees running rows only.

        s <- f_n(.. f_1(ids, s))        for the chain of processors f_i, s being logits (B, V) in nats

    reader    Reader of the running rows          rows      (B,) which of the R texts asked for each of them is
    rng       Generator, or None without chance   stopping  Stopping
    chain     rows -> processors of these rows    config    GenerationConfig
    prompts   (R, S) what the texts began with, -1 in front of shorter rows
    said      R lists of tokens                   reasons   R reasons for their ends, None while they run
    notes     R lists of (note, place, step) for each token: what was noted of its pass, and where in these arrays
              (B, n, ...) it stands; only where `keep` says that somebody will look
    Source: Wolf et al. 2019, arXiv:1910.03771.
    """

    def __init__(self, reader, config, stopping, chain, rng=None, keep=False, with_states=False, traces=False):
        count = len(reader.ids)
        self.reader, self.config, self.stopping, self.rng = reader, config, stopping, rng
        self.make_chain, self.keep, self.with_states, self.traces = chain, keep, with_states, traces
        self.rows, self.chain, self.prompts = np.arange(count), chain(np.arange(count)), reader.ids
        self.said, self.notes, self.reasons = [[] for _ in range(count)], [[] for _ in range(count)], [None] * count
        self.sequences_scores = self.beams = None                    # for searches that rank whole texts
        self.note, self.changes, self.statistics = None, {}, {}      # of the last pass; of each row in it; counts

    @property
    def going(self):
        """Whether any row still runs."""
        return len(self.rows) > 0

    @property
    def left(self):
        """How many tokens the longest running row may still say: there is no use in drafting more."""
        return (self.stopping.limits[self.rows] - (self.reader.ids >= 0).sum(axis=1)).max()

    def next_scores(self):
        """The processed scores (B, V) of the next token of every running row."""
        scores = self.process(self.reader.ids, self.read()[:, 0])
        self.take_note(scores=scores)
        return scores

    def read(self, n=1):
        """The model's own scores behind the last n tokens of every running row, (B, n, V), noted if anybody looks."""
        states = [] if self.with_states else None
        logits = self.reader.scores(n, states)
        self.begin_note(logits, states)
        return logits

    def begin_note(self, logits, states=None):
        """Note the model's scores (B, n, V) of a pass, and hidden states as `Reader.scores` gives them."""
        if self.keep:
            self.note = {"logits": logits, "scores": np.full_like(logits, np.nan), "changes": {}}
            if self.with_states:
                last = [h[:, -logits.shape[1]:] for h in states]
                self.note["hidden_states"] = np.stack(last, axis=2)                       # (B, n, L + 1, C)

    def take_note(self, scores, i=0, places=slice(None)):
        """Note processed scores (B, V) of token i of the pass, and, if that is traced, how they came about.

        places   (B,) which of the running rows these are
        """
        if self.keep:
            self.note["scores"][places, i] = scores
            self.note["changes"][i] = dict(self.changes)

    def process(self, ids, scores, places=None):
        """What the chain of processors makes of scores (B, V) behind ids (B, S); places as in `chain_of`."""
        chain = self.chain_of(places)
        if not self.traces:
            return apply(chain, ids, scores)
        scores, changes = traced(chain, ids, scores)
        self.changes.update(zip(range(len(ids)) if places is None else places.tolist(), changes))
        return scores

    def chain_of(self, places=None):
        """The processors of some of the running rows: places (B,), None: all of them."""
        everyone = places is None or len(places) == len(self.rows)
        return self.chain if everyone else self.make_chain(self.rows[places])

    def say(self, tokens, drop=0):
        """tokens (B,) or (B, n), -1 behind a row's last, come next, in place of a draft of `drop` tokens.

        returns (B, n), -1 behind each row's end, and the places of the rows that go on, which are all that is left
        """
        tokens = np.asarray(tokens).reshape(len(self.rows), -1).copy()
        said = self.reader.ids[:, :self.reader.width - drop]
        for b, row in enumerate(self.rows):
            text = np.concatenate([said[b, np.argmax(said[b] >= 0):], tokens[b]])
            start = len(text) - tokens.shape[1]
            for i in range(np.count_nonzero(tokens[b] >= 0)):
                self.said[row].append(int(tokens[b, i]))
                if self.keep:
                    self.notes[row].append((self.note, b, i))
                scores = self.note["scores"][b, i] if self.keep else None
                self.reasons[row] = self.stopping.reason(row, text[:start + i + 1], scores)
                if self.reasons[row] is not None:
                    tokens[b, i + 1:] = -1
                    break
        going = np.flatnonzero([self.reasons[row] is None for row in self.rows])
        self.select(going)
        if self.going:
            self.reader.advance(tokens[going], drop)
        return tokens, going

    def select(self, places):
        """Go on with the rows at these places of the running ones, (B',)."""
        if len(places) != len(self.rows) or (places != np.arange(len(places))).any():
            self.reader.select(places)
            before, self.rows = self.rows, self.rows[places]
            if not np.array_equal(self.rows, before):                        # beams change places within their prompt
                self.chain = self.make_chain(self.rows)
