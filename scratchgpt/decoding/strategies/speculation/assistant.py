"""A smaller model that drafts: another one, or the model's own first layers.

Before this file: `verification`, `reader`. After it: where a small model agrees with a large one, which is on most
tokens of most texts, the large one reads instead of writing.
"""

import numpy as np

from .... import formulas
from ....errors import GenerationError
from ...processors import apply
from ...reader import Reader
from ..greedy import greedy
from ..sampling import draw


class Assistant:
    """A drafter that goes on with the text by a model of its own, which remembers it in a cache of its own.

        x_i = argmax_v f(s)_v,  or  x_i ~ q_i = softmax(f(s))        s = logits of the assistant, f the run's processors

    reader   Reader of the assistant, of the same texts (B, S)    size  tokens of a draft
    sampled  whether it draws, from the very q that stands in the ratio of `speculative_sampling`; else its likeliest
             tokens, which match most often
    A draft ends with an end of text, and at the end of the assistant's own context.
    Source: Leviathan et al. 2023, arXiv:2211.17192, algorithm 1; transformers' `AssistedCandidateGenerator`.
    """

    def __init__(self, reader, size=5, sampled=False):
        self.reader, self.size, self.sampled, self.held = reader, size, sampled, 0

    def draft(self, run, n):
        """Guesses (B, k), -1 behind an end of text, and q (B, k, V) or None; the reader then holds all but the last."""
        alive, guesses, q = np.ones(len(run.rows), bool), [], []
        self.held, most = 0, min(n, self.reader.room + 1)
        while len(guesses) < most and alive.any():
            if guesses:
                self.reader.advance(np.maximum(guesses[-1], 0)[:, None])
                self.held += 1
            going = np.flatnonzero(alive)
            scores = apply(run.chain_of(going), self.reader.ids[going], self.reader.scores()[going, 0])
            guesses.append(np.full(len(alive), -1))
            if self.sampled:
                q.append(np.zeros((len(alive), scores.shape[1])))
                q[-1][going] = formulas.softmax(scores.astype(np.float64))
            guesses[-1][going] = draw(q[-1][going], run.rng) if self.sampled else greedy(scores)
            alive &= ~np.isin(guesses[-1], list(run.stopping.ends))
        if not guesses:
            return np.full((len(alive), 0), -1), None
        return np.stack(guesses, axis=1), np.stack(q, axis=1) if self.sampled else None

    def follow(self, said, going, logits):
        """Go on by what was said; of what was drafted, its cache keeps as much as stayed."""
        self.reader.select(going)
        if len(going):
            self.reader.advance(said[going], drop=self.held)


def assistant_reader(model, target, ids, cached=True):
    """A Reader of the texts ids (B, S) by a model that drafts for `target`.

        V_assistant = V_target        an assistant with a source reads the target's

    cached   whether it remembers what it has read
    Raises GenerationError for what is no language model, or one of another vocabulary, or one without its source.
    Source: as `Assistant`.
    """
    if hasattr(model, "given") and not isinstance(model, type):
        if not hasattr(target, "source"):
            raise GenerationError(f"a {type(model).__name__} reads a source, and a {type(target).__name__} has none to "
                                  "share; pass an assistant_model that continues text")
        model = model.given(target.source, target.source_mask)
    if not hasattr(model, "next_logits") or isinstance(model, type):
        raise GenerationError(f"assistant_model must be a language model; got a {type(model).__name__}")
    if model.config.vocab_size != target.config.vocab_size:
        raise GenerationError("assistant_model must have the vocabulary of the model it drafts for; got vocab_size="
                              f"{model.config.vocab_size} for {target.config.vocab_size}")
    return Reader(model, ids, model.new_cache() if cached else None)


def first_layers(model, n_layers):
    """The model's own first layers as an assistant.

        logits = head(norm(h_n))        in place of h_L, (B, T, C) -> (B, T, V)

    Raises GenerationError for a model that cannot be left early, or has not so many layers.
    Source: Zhang et al. 2023, arXiv:2309.08168; Elhoushi et al. 2024, arXiv:2404.16710, who train for it.
    """
    if not hasattr(model, "early_exit"):
        raise GenerationError("assistant_early_exit leaves a decoder after some of its layers; a "
                              f"{type(model).__name__} has no early_exit: pass an assistant_model")
    return model.early_exit(n_layers)
