"""A chain of processors, each with a name.

Before this file: any processor. After it: what one drops the next does not see, so their order matters.
"""

from typing import Callable, NamedTuple


class Processor(NamedTuple):
    """A link of a chain: what it is called, and what it does.

        scores <- apply(ids, scores)

    name  as in `order.ORDERS`, or a caller's own    apply  (ids (B, S), scores (B, V)) -> scores (B, V)
    Source: transformers' `LogitsProcessorList`, whose links have the names of their classes.
    """

    name: str
    apply: Callable


def apply(chain, ids, scores):
    """Apply a chain, link by link.

        scores <- p_n(ids, ... p_2(ids, p_1(ids, scores)))

    chain  Processors    ids (B, S), scores (B, V)    returns (B, V); the scores themselves for an empty chain
    Source: composition of functions.
    """
    for processor in chain:
        scores = processor.apply(ids, scores)
    return scores
