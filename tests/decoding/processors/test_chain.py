"""A chain is the composition of its links."""

from hypothesis import given
from hypothesis import strategies as st

import numpy as np

from scratchgpt.decoding.processors import Processor, apply
from tests.checks import checks
from tests.decoding.processors.draws import frozen, padded


@checks(Processor, apply)
@given(st.lists(st.tuples(st.integers(1, 3), st.integers(-3, 3)), max_size=5))
def test_links_are_applied_one_after_the_other_and_all_see_the_ids(steps):
    ids, seen = padded([[1, 2]]), []
    chain = [Processor(f"{a}s + {b}", lambda ids, s, a=a, b=b: seen.append(ids) or a * s + b) for a, b in steps]
    expected = 7
    for a, b in steps:
        expected = a * expected + b
    assert apply(chain, ids, frozen(np.array([[7.0]]))).tolist() == [[expected]]
    assert len(seen) == len(steps) and all(each is ids for each in seen)


@checks(apply)
def test_an_empty_chain_gives_the_scores_themselves():
    scores = np.zeros((1, 3))
    assert apply([], padded([[1]]), scores) is scores
