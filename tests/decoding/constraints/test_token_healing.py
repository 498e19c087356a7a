"""Token healing on real merges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.decoding.constraints import heal, starts_with
from scratchgpt.errors import GenerationError
from scratchgpt.tokenizers import BPETokenizer
from tests.checks import checks

tokenizer = BPETokenizer.train("http://a https://b http://c é é", 280, special_tokens=["<s>", "h>"])
V, START = tokenizer.vocab_size, tokenizer.special_tokens["<s>"]


@checks(heal, starts_with)
@given(st.text("htps:/aé ", min_size=2, max_size=8))
def test_what_was_taken_off_may_come_back_or_anything_that_begins_like_it(text):
    ids = np.array([START, *tokenizer.encode(text)])
    healed, prefix = heal(ids, tokenizer)
    assert healed.tolist() == ids[:-1].tolist() and prefix == tokenizer.token_bytes(ids[-1])
    found = starts_with(prefix, tokenizer, len(healed))(healed[None], np.zeros((1, V + 2)))[0]
    assert np.flatnonzero(found == 0).tolist() == [
        v for v in range(V) if tokenizer.token_bytes(v).startswith(prefix) and v not in (START, START + 1)]
    assert found[ids[-1]] == 0


@checks(heal, starts_with)
def test_a_colon_becomes_what_training_had_there():
    ids = np.array(tokenizer.encode("http:"))
    healed, prefix = heal(ids, tokenizer)
    found = starts_with(prefix, tokenizer, len(healed))(healed[None], np.zeros((1, V)))[0]
    assert [tokenizer.token_bytes(v) for v in np.flatnonzero(found == 0)] == [b":", b"://"]


@checks(heal)
def test_special_tokens_and_single_ones_stay():
    for ids in ([5, START], [5], [START], [-1, 5], []):
        healed, prefix = heal(np.array(ids, np.int64), tokenizer)
        assert healed.tolist() == ids and prefix == b""
    assert heal(np.array([-1, START, 70]), tokenizer)[0].tolist() == [-1, START]


@checks(starts_with)
def test_only_the_first_generated_token_is_held_to_it_row_by_row():
    processor = starts_with([b"h", b"", b"t"], tokenizer, np.array([2, 1, 1]))
    ids = np.array([[-1, 5, 6], [-1, -1, 5], [-1, 5, 6]])
    scores = np.random.default_rng(0).normal(size=(3, V)).astype(np.float32)
    scores.flags.writeable = False
    found = processor(ids, scores)
    assert found.dtype == np.float32
    held = [tokenizer.token_bytes(v).startswith(b"h") and v != START + 1 for v in range(V)]
    np.testing.assert_array_equal(found[0], np.where(held, scores[0], -np.inf))
    np.testing.assert_array_equal(found[1:], scores[1:])                    # nothing asked for; a token further
    np.testing.assert_array_equal(starts_with([b"h", b""], tokenizer, [2, 1])(ids[[0, 0, 1, 1]], scores[[0, 0, 1, 1]]),
                                  found[[0, 0, 1, 1]])                      # two beams each


@checks(heal, starts_with)
@pytest.mark.parametrize("make, says", [
    (lambda: heal(np.array([[1, 2]]), tokenizer), r"takes the ids \(T,\) of one row; got int64 \(1, 2\)"),
    (lambda: heal(np.array([1.0]), tokenizer), "takes the ids"),
    (lambda: heal(np.array([1, 9999]), tokenizer), "ids must be below the tokenizer's vocab_size=.*; got 9999"),
    (lambda: starts_with(["h"], tokenizer, 1), "prefixes must be bytes, as token healing returns them; got 'h'"),
    (lambda: starts_with(b"hx", tokenizer, 1), "a token must begin with b'hx'; none of the .* does"),
    (lambda: starts_with(b"h", tokenizer, None), "prompt_length must be an integer >= 0"),
    (lambda: starts_with(b"h", tokenizer, 1)(np.array([[1]]), np.zeros((1, 9))), "ids of the vocabulary, below 9"),
])
def test_what_cannot_be_healed_says_why(make, says):
    with pytest.raises(GenerationError, match=says):
        make()
