"""Prompt lookup against the field's library: the same copies. Before this file: the plain suite's own rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.strategies.speculation import lookup
from tests.checks import checks

torch = pytest.importorskip("torch")
generators = pytest.importorskip("transformers.generation.candidate_generator")


@checks(lookup)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=14), st.integers(1, 5), st.integers(1, 4),
       st.none() | st.integers(0, 3))
def test_transformers_copies_the_same_tokens(text, n, longest, end):
    eos = None if end is None else torch.tensor([end])
    theirs = generators.PromptLookupCandidateGenerator(eos_token_id=eos, num_output_tokens=n, max_length=10**6,
                                                       max_matching_ngram_size=longest)
    candidate, _ = theirs.get_candidates(torch.tensor([text]))
    copy = candidate[0, len(text):].tolist()
    assert lookup(np.array([text]), n, longest, () if end is None else (end,))[0].tolist() == copy + [-1] * (n - len(copy))
