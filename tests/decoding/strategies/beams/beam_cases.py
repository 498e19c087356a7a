"""What the tests of the beam searches share: a model that is a table, all texts there are, and the search told slowly.

Before this file: nothing of the package but its door. The slow search works on tuples, lists and dictionaries, one
prompt at a time, with B texts from the start of which all but one have the score -1e9.
"""

import itertools
import math
from types import SimpleNamespace

import numpy as np

from scratchgpt.decoding.generation_config import GenerationConfig
from scratchgpt.decoding.prepare import prepare


class TableModel:
    """A language model that has learnt nothing: for each text its own random scores."""

    n_positions = None

    def __init__(self, V, seed, dtype=np.float64):
        self.config, self.seed, self.dtype, self.known = SimpleNamespace(vocab_size=V), seed, dtype, {}

    def of(self, text):
        """The logits (V,) behind a text, a tuple."""
        if text not in self.known:
            rng = np.random.default_rng([self.seed, *text])
            self.known[text] = (2 * rng.normal(size=self.config.vocab_size)).astype(self.dtype)
        return self.known[text]

    def next_logits(self, ids, cache=None, attention_mask=None):
        mask = np.ones_like(ids) if attention_mask is None else attention_mask
        return np.stack([self.of(tuple(row[keep == 1].tolist())) for row, keep in zip(ids, mask)])

    def new_cache(self, kind="dynamic", capacity=None):
        return None

    def select(self, rows):
        return self


def log_softmax(scores):
    top = max(scores)
    z = top + math.log(math.fsum(math.exp(s - top) for s in scores))
    return [s - z for s in scores]


def penalty(length, alpha=1.0, kind="power"):
    return length ** alpha if kind == "power" else ((5 + length) / 6) ** alpha


def every_text(V, T, ends=()):
    """All answers of at most T tokens: those that end early end in one of `ends`."""
    for length in range(1, T + 1):
        for text in itertools.product(range(V), repeat=length):
            if not set(text[:-1]) & set(ends) and (length == T or text[-1] in ends):
                yield text


def log_p(model, prompt, text):
    return math.fsum(log_softmax(model.of((*prompt, *text[:i])))[text[i]] for i in range(len(text)))


def ranked(model, prompt, texts, alpha=1.0, kind="power"):
    """(text, score) of all, best first."""
    scored = [(text, log_p(model, prompt, text) / penalty(len(text), alpha, kind)) for text in texts]
    return sorted(scored, key=lambda pair: -pair[1])


def slowly(expect, B, T, ends=(), alpha=1.0, kind="power", stop=False, stops=lambda text: False):
    """Beam search as its rule is told: expect(text) -> scores of what follows; returns [(text, score)], best first."""
    running, finished = [((), 0.0)] + [((), -1e9)] * (B - 1), []
    for length in range(1, T + 1):
        options = sorted(((score + s, place, text + (v,)) for place, (text, score) in enumerate(running)
                          for v, s in enumerate(expect(text))), key=lambda one: (-one[0], one[1], one[2]))
        looked_at = [(text, score) for score, _, text in options[:max(2, 1 + len(ends)) * B]]
        over = {text for text, _ in looked_at if text[-1] in ends or length == T or stops(text)}
        finished += [(text, score / penalty(length, alpha, kind)) for text, score in looked_at[:B]
                     if text in over and score > -1e8]
        finished = sorted(finished, key=lambda one: -one[1])[:B]
        running = [one for one in looked_at if one[0] not in over][:B]
        if not running or running[0][1] < -1e8:
            break
        hoped = T if stop == "never" and alpha > 0 else length
        if len(finished) == B and (stop is True or running[0][1] / penalty(hoped, alpha, kind) <= finished[-1][1]):
            break
    return finished


def answers(output, n):
    """[(text, score)] of each prompt of a `GenerationOutput`, n for each."""
    pairs = [(tuple(text.tolist()), float(score)) for text, score in zip(output.answers, output.sequences_scores)]
    return [pairs[i:i + n] for i in range(0, len(pairs), n)]


def assert_equal(found, expected):
    """The same texts in the same order, and the same scores."""
    assert [text for text, _ in found] == [text for text, _ in expected]
    np.testing.assert_allclose([score for _, score in found], [score for _, score in expected], rtol=1e-11)


def searched(search, model, ids, mask=None, **options):
    """The output of a search that is called by itself, whatever `generate` would choose for these options."""
    request = prepare(model, ids, mask, GenerationConfig(), {"return_dict_in_generate": True, **options})
    for _ in search(request.run):
        pass
    return request.answer()
