"""What a model thinks comes next, as a table.

Before this file: `models`, `tokenizers.explain`. After it: the reader can ask a model a question and read its answer in
any terminal. `plots` draws the same.
"""

from typing import NamedTuple

import numpy as np

from . import backend, formulas
from .errors import ConfigError, DataError
from .inputs import as_rows, check_whole
from .tokenizers.explain import token_labels


class NextToken(NamedTuple):
    """One row: rank from 1, the token's id and readable text, its probability, and the logarithm of it in nats."""

    rank: int
    id: int
    text: str
    probability: float
    log_probability: float


class NextTokens(tuple):
    """The best next tokens, a `NextToken` each, the likeliest first; it prints as a table.

        p_v = softmax(logits)_v

    Source: as `formulas.softmax`.
    """

    @property
    def rest(self):
        """The probability of all tokens that are not in the table: 1 - sum_v p_v."""
        return max(0.0, 1.0 - sum(row.probability for row in self))

    def __str__(self):
        wide = max([4, *(len(row.text) for row in self)])
        number = max([2, *(len(str(row.id)) for row in self)])
        lines = [f"rank  {'id':>{number}}  {'text':<{wide}}  probability  nats"]
        lines += [f"{row.rank:>4}  {row.id:>{number}}  {row.text:<{wide}}  {row.probability:>11.4f}  "
                  f"{row.log_probability:.3f}" for row in self]
        return "\n".join([*lines, f"{'':>4}  {'':>{number}}  {'rest':<{wide}}  {self.rest:>11.4f}"])


def next_tokens(model, ids, tokenizer, k=10):
    """The k likeliest tokens to follow a text.

        log p_v = logits_v - log sum_u exp(logits_u)

    model      a LanguageModel            ids  (T,) or (1, T) integers, T >= 1
    tokenizer  the one whose ids they are: it gives the texts; an id that it does not have has the text ""
    k          how many, at most V; of equal ones the smaller id comes first
    returns NextTokens
    Raises ConfigError for another k, DataError for ids that are not one text.
    Source: as `formulas.log_softmax`.
    """
    check_whole("k", k, 1, ConfigError)
    ids = as_rows("ids", ids, DataError)
    ids = ids[None] if ids.ndim == 1 else ids
    if ids.ndim != 2 or len(ids) != 1:
        raise DataError(f"ids must be one text, (T,) or (1, T); got {ids.shape}: ask for one row at a time")
    l = backend.to_host(formulas.log_softmax(model.next_logits(ids)))[0].astype(np.float64)
    best = np.argsort(-l, kind="stable")[:k]
    return NextTokens(NextToken(rank, int(i), text, float(np.exp(l[i])), float(l[i]))
                      for rank, (i, text) in enumerate(zip(best, token_labels(best, tokenizer)), 1))
