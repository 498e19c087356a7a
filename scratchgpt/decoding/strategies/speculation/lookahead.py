"""Lookahead: the model's own corrections of a wrong guess are the next guess.

Before this file: `verification`. After it: a whole continuation is a system of equations
x_i = argmax s(x_1 .. x_{i-1}), one for each place, and decoding token by token is only one way to solve it.
"""

import numpy as np


class Lookahead:
    """A drafter that iterates a guess of the next tokens to its fixed point, over what n-grams it has met on the way.

        x_i <- argmax_v s_v(x_1 .. x_{i-1})        for all places i of the guess at once, in the pass that verifies it

    ids    (B, S) the texts; -1 in front    size  places of the guess    n  tokens of an n-gram; 1: none, plain Jacobi
    One token in a pass is certain, so the fixed point, which is the greedy text, takes no more passes than tokens; and
    fewer where later places settle before earlier ones. A place that is new is first guessed to repeat the last token.
    What is rejected is not lost: it may be right at another place. So the n-grams of all iterates are kept, of each row
    its own, for each first token the latest, what was said going before what was guessed; and those that go on from
    the text's last token are laid over the front of the guess.
    With an rng the guess stays the likeliest tokens and the rule is `matching`, which is exact whatever the guess.
    (Fu et al. iterate n - 1 guesses at once, a window of two dimensions, and verify several n-grams beside it, each
    behind a mask of its own. Here both are one chain.)
    Source: Santilli et al. 2023, arXiv:2305.10427, algorithm 1, for Jacobi; Fu et al. 2024, arXiv:2402.02057.
    """

    def __init__(self, ids, size, n=3):
        self.size, self.n = size, n
        self.texts = [row[row >= 0].tolist()[1 - n or -1:] for row in ids]       # as much as an n-gram may begin in
        self.guesses = [[text[-1]] * size for text in self.texts]
        self.pools = [{} for _ in self.texts]                                    # first token -> the n - 1 behind it

    def draft(self, run, n):
        """Guesses (B, n), and None, as they were not drawn."""
        lines = [self._known(*row) for row in zip(self.texts, self.pools)]
        lines = [known + guess[len(known):] for known, guess in zip(lines, self.guesses)]
        return np.array([line[:n] for line in lines], np.int64).reshape(len(lines), n), None

    def follow(self, said, going, logits):
        """Take the next guess from the model's choices behind what was said, and n-grams from both."""
        best = np.argmax(logits, axis=-1)                                        # (B, k + 1)
        for name in ("texts", "guesses", "pools"):
            setattr(self, name, [getattr(self, name)[b] for b in going])
        for i, b in enumerate(going):
            new = said[b][said[b] >= 0].tolist()
            guess = best[b, len(new):].tolist()
            self._remember(self.pools[i], self.texts[i] + new + guess)
            self.texts[i] = (self.texts[i] + new)[1 - self.n or -1:]
            self.guesses[i] = guess + new[-1:] * (self.size - len(guess))

    def _known(self, text, pool):
        """What n-grams say of the next tokens, each going on from the end of the one before."""
        line = []
        while self.n > 1 and len(line) < self.size and (line or text)[-1] in pool:
            line += pool[(line or text)[-1]]
        return line[:self.size]

    def _remember(self, pool, line):
        for i in reversed(range(len(line) - self.n + 1 if self.n > 1 else 0)):
            pool[line[i]] = line[i + 1:i + self.n]
