"""What builders of processors are given: numbers, token ids, counts for each row; checked once, at the making.

Before this file: `errors`. After it: a processor that exists can be applied; only an id that turns out to lie outside
the vocabulary is found later, when the first scores tell how large that is.
"""

from numbers import Integral, Real

import numpy as np

from ...errors import GenerationError

LARGEST = 1e30                                                      # nats; float32 holds no more than 3e38


def within(name, value, interval):
    """A number as a float, if it lies in an interval written as in mathematics: "(0, 1]".

        low < value <= high

    value  dimensionless, or in the units of what it is the name of    returns float, so that float32 scores stay so
    Raises GenerationError for others, NaN and True among them.
    Source: ISO 80000-2, section on intervals, with round brackets for ends that are out.
    """
    low, high = (float(end) for end in interval[1:-1].split(","))
    outside = {low for bracket in interval[0] if bracket == "("} | {high for bracket in interval[-1] if bracket == ")"}
    if not isinstance(value, Real) or isinstance(value, bool) or not low <= value <= high or value in outside:
        raise GenerationError(f"{name} must be a number in {interval}; got {value!r:.80}")
    return float(value)


def token_ids(name, tokens):
    """One id, or several, as an array.

        0 <= id

    tokens  int, or a list, tuple, set or array of ints    returns (N,) int64
    Raises GenerationError for anything else.
    Source: config files write eos_token_id either way.
    """
    if isinstance(tokens, Integral):
        tokens = [tokens]
    ids = sorted(tokens) if isinstance(tokens, (set, frozenset)) else list(tokens) if np.iterable(tokens) else [None]
    if not all(isinstance(token, Integral) and not isinstance(token, bool) and 0 <= token < 2**63 for token in ids):
        raise GenerationError(f"{name} must be a token id >= 0, or a list of them; got {tokens!r:.80}")
    return np.array(ids, np.int64)


def check_known(name, ids, V):
    """Raise GenerationError unless every id is one of the vocabulary: id < V.

        0 <= id < V

    ids  (N,)
    Source: the scores (B, V) of the first step tell V.
    """
    if len(ids) and max(ids) >= V:
        raise GenerationError(f"{name} must be ids of the vocabulary, below {V}; got {max(ids)}")


def row_counts(name, counts):
    """Numbers of tokens, one for all rows or one for each.

        0 <= n_b

    counts  int or (B,) ints    returns () or (B,) int64
    Raises GenerationError for anything else.
    Source: rows of a padded batch differ in length.
    """
    found = np.asarray(counts)
    if found.dtype.kind not in "iu" or found.ndim > 1 or (found < 0).any():
        raise GenerationError(f"{name} must be an integer >= 0, or one for each row; got {counts!r:.80}")
    return found.astype(np.int64)


def source_ids(name, source):
    """The tokens that an encoder has read, rows padded with -1.

        -1 <= id

    source  (B, S) integers    returns (B, S) int64
    Raises GenerationError for anything else, None included.
    Source: as ids in this package.
    """
    try:
        found = np.asarray(source)
    except ValueError:                                                # rows of several lengths
        found = np.empty(0)
    if found.dtype.kind not in "iu" or found.ndim != 2 or (found < -1).any():
        raise GenerationError(f"{name} needs the source's ids, (B, S) with -1 for pads, from a model with an encoder; "
                              f"got {source!r:.80}")
    return found.astype(np.int64)
