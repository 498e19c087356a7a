"""Constrained beam search: phrases that must appear. Before this file: `beam`, `forced_words`. After it: scores need
not rule a beam alone. Texts that have met much of what is asked are kept beside texts that are likelier.
"""

from collections import Counter

import numpy as np

from .beam import Beam, search
from .continuations import best
from .forced_words import ForcedWords


class ConstrainedBeam(Beam):
    """A beam shared by banks: texts that lack as many tokens of the forced phrases compete with each other only.

        bank(x) = missing(x)        order: the best of each bank, lowest bank first, then the second best of each, ..

    Candidates are the best continuations of every text, as many of each as `Beam` looks at, and the tokens that serve
    a phrase it lacks. A text ends only when it lacks nothing. The lowest bank always comes first, so after as many
    steps as the phrases have tokens a text that has them all is in the beam, and others like it follow, unless a
    processor forbids them.
    `texts` are not in the order of their scores.
    Raises GenerationError as `ForcedWords`.
    Source: Post & Vilar 2018, arXiv:1804.06609, section 3; transformers' former `ConstrainedBeamSearchScorer`.
    """

    def __init__(self, run, row, width):
        super().__init__(run, row, width)
        self.forced = ForcedWords(run.config.force_words_ids, run.reader.model.config.vocab_size, run.stopping.ends,
                                  self.finished.longest)

    def candidates(self, total):
        """The best continuations and those that serve a phrase, a bank in turn; places in the scores (k V,) of all."""
        V = len(total) // len(self.texts)
        places = set()
        for first, text in zip(range(0, len(total), V), self.texts):
            likely, serving = best(total[first:first + V], self.count), self.forced.next_tokens(text.tokens)
            places |= {first + v for v in {*likely.tolist(), *serving} if total[first + v] > -np.inf}
        return in_turns(sorted(places), lambda place: total[place],
                        lambda place: self.forced.missing((*self.texts[place // V].tokens, place % V)))

    def survivors(self, going):
        """The best of each bank in turn; what has ended has taken no turn."""
        return in_turns(going, lambda text: text.score, lambda text: self.forced.missing(text.tokens))[:self.width]

    def admits(self, text):
        """Whether a text that ends here holds all phrases."""
        return not self.forced.unmet(text.tokens)


def in_turns(things, score, bank):
    """The things in another order: the best of each bank, lowest bank first, then the second best of each, and so on.

        x before y    if (rank(x), bank(x)) <= (rank(y), bank(y))        rank(x) = |{z better than x in its bank}|

    things  (N,) of any kind        score, bank  functions of one; in nats, and an int. Of equals the first is better
    Source: transformers' former `ConstrainedBeamSearchScorer.step_sentence_constraint`.
    """
    ranks, places = Counter(), []
    for thing in sorted(things, key=lambda thing: -score(thing)):
        b = bank(thing)
        places.append((ranks[b], b, thing))
        ranks[b] += 1
    return [thing for _, _, thing in sorted(places, key=lambda place: place[:2])]


def constrained_beam_search(run):
    """Beam search for texts that hold every phrase of force_words_ids.

        y = argmax_x log p(x) / lp(L)        among the x that hold them all and were in the beam at every step

    run  a Run of R prompts    yields after each step; `said` then holds num_return_sequences texts of each, best first
    Raises GenerationError for phrases that cannot be met, at once, and as `beam_search` if fewer texts than asked for
    have met them in the end. Source: as `ConstrainedBeam`.
    """
    yield from search(run, [ConstrainedBeam(run, row, run.config.num_beams or 1) for row in range(len(run.said))])
