"""Texts and scores to try processors on, and the comparison with a rule for one row.

Before this file: nothing. After it: a test restates a rule for the tokens of one text and the scores of one row, in
plain Python, and `check_rule` holds a processor against it over padded batches.
"""

import math

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

V = 7
TIED = st.sampled_from([-math.inf, -1.5, 0.0, 0.5, 2.0])                     # few values, so that ties are common
DISTINCT = st.integers(-400, 400).map(lambda n: n / 128)                     # exact in float32
CLOSE = {np.float32: dict(rtol=2e-6, atol=2e-6), np.float64: dict(rtol=1e-12, atol=1e-12)}
APART = 1e-5                                                                  # what rounding in float32 does not reach


def frozen(array):
    """The array, not to be written to."""
    array.flags.writeable = False
    return array


def padded(texts):
    """Texts as ids (B, S), right-aligned, -1 in front of the shorter ones."""
    S = max(map(len, texts))
    return frozen(np.array([[-1] * (S - len(text)) + list(text) for text in texts], np.int64).reshape(len(texts), S))


def texts(B, words=3, longest=10):
    """B texts of few different tokens, so that they repeat themselves."""
    return st.lists(st.lists(st.integers(0, words - 1), max_size=longest), min_size=B, max_size=B)


@st.composite
def situations(draw, numbers=None, words=3, longest=10):
    """(ids (B, S) with pads, scores (B, V) of either dtype, with ties or without; every row has a finite score)."""
    B = draw(st.integers(1, 3))
    rows = [draw(st.lists(draw(st.sampled_from([TIED, DISTINCT])) if numbers is None else numbers,
                          min_size=V, max_size=V)) for _ in range(B)]
    for row in rows:
        assume(max(row) > -math.inf)
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    return padded(draw(texts(B, words, longest))), frozen(np.array(rows, dtype))


def own(row):
    """The tokens of a row of ids, without its pads."""
    return [int(token) for token in row if token >= 0]


def apart(a, b):
    """Leave out the cases in which rounding decides which of two numbers is the larger."""
    assume(abs(a - b) > APART)
    return a < b


def check_rule(processor, rule, ids, scores):
    """The processor gives what rule(text, row of scores, number of the row) gives, -inf in exactly the same places."""
    found = processor(ids, scores)
    assert found.dtype == scores.dtype and found.shape == scores.shape
    expected = np.array([rule(own(row), [float(s) for s in line], b) for b, (row, line) in enumerate(zip(ids, scores))])
    np.testing.assert_array_equal(found == -np.inf, expected == -np.inf)
    np.testing.assert_allclose(found, expected, **CLOSE[scores.dtype.type])


def softmax(row):
    """Probabilities of a row."""
    top = max(row)
    z = math.fsum(math.exp(s - top) for s in row)
    return [math.exp(s - top) / z for s in row]


def surprise_of(row):
    """The entropy of a row, in nats."""
    return -math.fsum(p * math.log(p) for p in softmax(row) if p > 0)


def keep(row, kept):
    """A row with nothing but the kept tokens."""
    return [s if v in kept else -math.inf for v, s in enumerate(row)]


def ban(row, banned):
    """A row without the banned tokens."""
    return [-math.inf if v in banned else s for v, s in enumerate(row)]


def ranked(row):
    """Token ids from the highest score down, of equal ones the larger id first."""
    return sorted(range(len(row)), key=lambda v: (-row[v], -v))
