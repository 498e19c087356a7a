"""Pairs of ids as a trainer's data, in batches as long as their longest line.

Before this file: `text`, `pairs`. After it: what a model is trained to do is only how a pair is arranged: a translation
for an encoder-decoder, a question with its answer for a decoder.
"""

import numpy as np

from .. import backend
from ..errors import ConfigError
from ..inputs import check_whole
from ..tokenizers.call import pad
from .batches import IGNORED
from .evaluate import Evaluation
from .text import EVALUATED


class Translation:
    """Pairs of ids as an encoder-decoder takes them: the source; <bos> and the target; the target and <eos>."""

    def __init__(self, bos, eos, pad):
        self.bos, self.eos, self.pad = bos, eos, pad

    def __call__(self, pairs):
        """((source, inputs, targets), n): (B, S), (B, T) and (B, T) with pads behind; n targets count."""
        source = [left for left, _ in pairs]
        inputs = [np.append(self.bos, right) for _, right in pairs]
        targets = [np.append(right, self.eos) for _, right in pairs]
        return (rows(source, self.pad), rows(inputs, self.pad), rows(targets, IGNORED)), sum(map(len, targets))


class Answering:
    """Pairs of ids as a decoder takes them: question <sep> answer <sep>, each token predicting the next.

    Only the answer and its <sep> count: the question is given, so nobody needs to predict it. Pads stand behind, where
    no token that counts can look, since none looks ahead.
    """

    def __init__(self, sep, pad):
        self.sep, self.pad = sep, pad

    def __call__(self, pairs):
        """((ids, targets), n): (B, T) both, with pads behind; n targets count."""
        ids = [np.concatenate([left, [self.sep], right]) for left, right in pairs]
        targets = [np.concatenate([np.full(len(left), IGNORED), right, [self.sep]]) for left, right in pairs]
        return (rows(ids, self.pad), rows(targets, IGNORED)), sum(len(right) + 1 for _, right in pairs)


class PairData:
    """Pairs to learn, and others held out.

    train, validation   lists of pairs of ids, (S,) and (T,) integers each
    arrange             such as Translation: pairs -> (what `model.loss` takes, how many targets count)
    batch_size          pairs in a batch
    """

    def __init__(self, train, validation, arrange, batch_size):
        check_whole("batch_size", batch_size, 1, ConfigError)
        self.train, self.validation, self.arrange, self.batch_size = train, validation, arrange, batch_size

    def batch(self, rng):
        """(what `model.loss` takes, how many targets count), of pairs drawn at random.

        To draw pairs of about one length together would save padding, and cost more than it saves: they are often of
        one kind, and a model learns less from a batch of one kind. After 500 steps on questions such as those of data/
        the held-out loss was 0.85 nats so, and 0.61 at random.
        """
        return self.arrange([self.train[i] for i in rng.integers(0, len(self.train), self.batch_size)])

    def evaluate(self, model, whole=True):
        """The Evaluation of the held-out pairs, or of as many of them as are looked at on the way."""
        pairs, total, count = self.validation, 0.0, 0
        if not whole:
            ends = np.cumsum([pair_length(pair) for pair in pairs])
            pairs = pairs[:1 + int(np.searchsorted(ends, EVALUATED))]
        for chunk in by_length(pairs, pair_length, self.batch_size):
            arguments, n = self.arrange([pairs[i] for i in chunk])
            total += n * float(backend.to_host(model.loss(*arguments)[0]))
            count += n
        return Evaluation(total / count, count)


def pair_length(pair):
    """How many tokens a model reads of a pair: both sides, and the one between or before them."""
    return len(pair[0]) + len(pair[1]) + 1


def by_length(items, length, size):
    """Lists of at most `size` places in `items`, from the shortest item to the longest, so that each needs few pads."""
    order = sorted(range(len(items)), key=lambda i: length(items[i]))
    return [order[i:i + size] for i in range(0, len(order), size)]


def rows(ids, value):
    """Rows of any lengths as one array (B, T), T being the longest, filled up with a value behind."""
    return pad([np.asarray(row, np.int64) for row in ids], max(map(len, ids)), "right", value)
