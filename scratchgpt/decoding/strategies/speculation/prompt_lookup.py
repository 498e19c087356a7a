"""Prompt lookup: the text so far as a draft of how it goes on.

Before this file: `verification`. After it: where a text repeats itself, as summaries, edits and code do, drafting needs
no model at all.
"""

import numpy as np


def lookup(ids, n, longest=2, ends=()):
    """Copy what followed the first earlier occurrence of a text's last tokens.

        x_i = text_{j+m+i},  j = min {j : text_{j+1} .. text_{j+m} = text_{T-m+1} .. text_T},  i = 1 .. n
        m = the largest <= longest for which there is such a j < T - m

    ids (B, S), -1 where there is no token    n, longest  in tokens    ends  tokens before which a copy stops
    returns (B, n), -1 behind a row's last; nothing is copied from behind the text's end
    Source: Saxena 2023, Prompt lookup decoding (github.com/apoorvumang/prompt-lookup-decoding), whose rule, the first
    match and not the longest or the latest, is that of transformers' `PromptLookupCandidateGenerator`.
    """
    B, S = ids.shape
    at = np.full(B, S)                                                      # where a copy starts; S: nowhere
    for m in range(1, min(longest, S - 1) + 1):
        # same[b, j]: the m tokens from column j on are the last m; with a pad among these, no others are
        same = np.logical_and.reduce([ids[:, i:S - m + i] == ids[:, S - m + i, None] for i in range(m)])
        at = np.where(same.any(axis=1), np.argmax(same, axis=1) + m, at)
    columns = at[:, None] + np.arange(n)
    copies = np.where(columns < S, np.take_along_axis(ids, np.minimum(columns, S - 1), axis=1), -1)
    ended = np.logical_or.accumulate(np.isin(copies, list(ends)), axis=1)
    return np.where(ended, -1, copies)


class PromptLookup:
    """A drafter that copies from the text so far, as `lookup` says.

        draft_b = lookup(ids_b)        size  n, tokens to copy    longest  n-gram to look for, in tokens

    transformers also leaves out what a processor forbids; here it is merely not accepted.
    Source: as `lookup`.
    """

    def __init__(self, size, longest=2):
        self.size, self.longest = size, longest

    def draft(self, run, n):
        """Guesses (B, n), -1 where there is nothing to copy; None, as they were not drawn."""
        return lookup(run.reader.ids, n, self.longest, run.stopping.ends), None

    def follow(self, said, going, logits):
        """The text itself is all that it knows."""
