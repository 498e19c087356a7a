"""How well a model predicts a text. Before: `batches`, `losses`. After: nats, perplexity and bits are one number."""

import math
from dataclasses import dataclass

from .. import backend, formulas
from ..errors import DataError
from .batches import IGNORED, windows


@dataclass(frozen=True)
class Evaluation:
    """loss in nats per token, over `tokens` predictions.

        perplexity = exp(loss)      bits per byte = loss tokens / (ln 2 bytes)

    Source: Shannon 1948; Jelinek et al. 1977 for the perplexity.
    """

    loss: float
    tokens: int

    @property
    def perplexity(self):
        """exp(loss): among how many equally likely tokens the model is torn."""
        return math.exp(min(self.loss, 700.0))

    def bits_per_byte(self, n_bytes):
        """The same in a unit that does not depend on the tokenizer; n_bytes is what the predicted tokens spell."""
        return self.loss * self.tokens / (math.log(2) * n_bytes)


def evaluate(model, tokens, context, batch_size=32, stride=None, on_batch=None):
    """Mean loss over every token but the first, each predicted from the tokens before it in its window.

        loss = -1/n sum_t log p(x_t | x_s .. x_{t-1})      s the start of the window, n = N - 1

    tokens (N,) integers, N >= 2    context: window length T    on_batch(n): called after every n predictions
    stride  from one window to the next; None, the usual measure, is T: side by side, where the first token of a
            window is predicted from one token only. With less, each is predicted from at least T - stride.
    returns Evaluation
    Raises DataError if there is nothing to predict.
    Source: as `windows`.
    """
    if len(tokens) < 2:
        raise DataError(f"a text needs at least 2 tokens for one prediction; got {len(tokens)}")
    total, count = 0.0, 0
    for x, y in windows(tokens, batch_size, context, stride):
        n = int((y != IGNORED).sum())
        logits = model.logits(x)
        loss, _ = formulas.cross_entropy(logits, backend.asarray(y, like=logits))
        total += float(backend.to_host(loss)) * n
        count += n
        if on_batch is not None:
            on_batch(n)
    return Evaluation(total / count, count)
