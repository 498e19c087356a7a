"""Speculation: some tokens are guessed, the model reads them in one pass, and those that it would have said stay.

Before this file: `acceptance`, `run`. After it: reading k + 1 tokens costs the model little more than reading one, so
every guess that stays is a step saved, and none can change the answer.

A drafter is any object with

    size                            how many tokens it likes to guess at once
    draft(run, n)                   guesses (B, k), k <= n, -1 behind a row's last, and what they were drawn from,
                                    (B, k, V) probabilities, or None
    follow(said, going, logits)     what came of it: tokens said (B, n), -1 behind a row's last; the places of the rows
                                    that go on; the model's logits (B, k + 1, V), along the draft

A guess may depend on the text, and on chance of its own; then both rules of acceptance are exact.

    text   a b c | x y z       draft, in the columns of `Reader.ids`
    pass         u v w o       what the model says after c, x, y, z
    walk         x y w         x and y stay, z does not, w takes its place: three tokens for one pass

This is a chain of guesses. A tree of them, several for one place, is read in one pass too if every token sees its
ancestors alone; its walk goes down from the root, by the same rules, into the child that stays, and the reader keeps
the columns of that path. It takes the place of `verify`, and all else in `assisted` is as for a chain.
"""

import numpy as np

from ....cache import SLACK


def assisted(run, drafter, rule):
    """The text that a search token by token gives, in fewer passes.

        x_{t+1} .. x_{t+m+1} = walk(draft, s(x_1 .. x_t, draft)),  m of the draft having stayed

    run a Run of B rows    drafter as above    rule  `matching` or `speculative_sampling`    yields after each pass
    Each row keeps as much of its draft as it can, whatever the others keep. `run.statistics` counts tokens "drafted"
    and "accepted", and "target_calls", the passes. transformers takes one row only, and lets a draft model guess more
    or fewer as it fares; here a guess is as long as was asked for.
    Source: Leviathan et al. 2023, arXiv:2211.17192, algorithm 1.
    """
    counts = run.statistics
    counts.update(drafted=0, accepted=0, target_calls=0)
    while run.going:
        draft, q = fitting(run, *drafter.draft(run, allowance(run, drafter.size)))
        said, logits, accepted = verify(run, draft, q, rule)
        counts["drafted"] += int((draft >= 0).sum())
        counts["accepted"] += accepted
        counts["target_calls"] += 1
        drafter.follow(*run.say(said, drop=draft.shape[1]), logits)
        yield


def allowance(run, most):
    """How many tokens a draft may have.

        k <= most, room, limit - S, SLACK - 2        k <= left - 1, as one more is said in any case

    most    what the drafter likes, in tokens    returns k >= 0: past the context's end drafts are empty
    A shorter row may draft what would not fit behind the longest, of S tokens; and a sliding cache takes back no more
    than SLACK. Source: as `assisted`.
    """
    limit = run.stopping.limits.max() - run.reader.width
    return int(max(0, min(most, run.left - 1, run.reader.room, limit, SLACK - 2)))


def fitting(run, draft, q):
    """A draft without what a row may not say any more, and without columns that hold nothing.

        k_b <= left_b - 1

    draft (B, k) tokens, -1 behind a row's last; q (B, k, V) or None    returns both, narrower
    Source: as `assisted`.
    """
    left = run.stopping.limits[run.rows] - (run.reader.ids >= 0).sum(axis=1)
    draft = np.where(np.arange(draft.shape[1]) < left[:, None] - 1, draft, -1)
    k = int((draft >= 0).sum(axis=1).max())
    return draft[:, :k], None if q is None else q[:, :k]


def verify(run, draft, q, rule):
    """Read a draft in one pass and walk along it, in each row for as long as tokens stay and do not end it.

        x_i, stays_i = rule(s_i, draft_i, q_i)        s_i = f(x_1 .. x_{i-1}, logits_i)    f the chain of processors

    draft (B, k), -1 behind a row's last    q (B, k, V) or None    returns tokens (B, m + 1), m <= k, -1 behind a row's
    last; logits (B, k + 1, V); and how many tokens of the draft stayed. The reader then holds the draft.
    Scores are processed as the walk gets to them: processors, of which a constraint may refuse to go on, never meet a
    text that would not have come about. Source: as `assisted`.
    """
    (B, k), alive, accepted = draft.shape, np.ones(len(draft), bool), 0
    if k:
        run.reader.advance(np.maximum(draft, 0))
    logits = run.read(k + 1)                       # what follows a row's last guess is without meaning
    said, ids = np.full((B, k + 1), -1), run.reader.ids
    for i in range(k + 1):
        walking = np.flatnonzero(alive)
        scores = run.process(ids[walking, :ids.shape[1] - k + i], logits[walking, i], walking)
        run.take_note(scores, i, walking)
        guess = draft[walking, i] if i < k else np.full(len(walking), -1)
        drawn_from = np.zeros(scores.shape) if i == k or q is None else q[walking, i]
        said[walking, i], stays = rule(scores, guess, drawn_from, run.rng)
        accepted += int(stays.sum())
        alive[walking] = stays & ~np.isin(said[walking, i], list(run.stopping.ends))
        if not alive.any():
            break
    return said[:, :i + 1], logits, accepted
