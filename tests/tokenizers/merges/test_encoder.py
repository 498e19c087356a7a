"""The long way of a text to its ids, in blocks of arrays, ends where the short one does."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer, split
from scratchgpt.tokenizers.merges import encoder
from scratchgpt.tokenizers.merges.encoder import BPEEncoder
from scratchgpt.tokenizers.merges.merge import apply_merges_textbook
from scratchgpt.tokenizers.pretokenize.patterns import PATTERNS
from tests.checks import checks
from tests.tokenizers.texts import OWN_PATTERN, texts

any_pattern = st.sampled_from([*sorted(PATTERNS), OWN_PATTERN])


@checks(BPEEncoder)
@given(texts, texts, any_pattern, st.booleans())
def test_blocks_give_the_ids_of_the_textbook_piece_by_piece(corpus, text, pattern, ignore_merges):
    trained = BPETokenizer.train(corpus, 290, pattern)
    vocab = {**trained.get_vocab(), "qu": trained.vocab_size, "ĠÃ": trained.vocab_size + 1}     # which no merge makes
    merges = [(trained._spellings[left], trained._spellings[right]) for left, right in trained._merges]
    own = BPETokenizer(vocab, merges, pattern, special_tokens=[], ignore_merges=ignore_merges)
    whole = {own.token_bytes(i): i for i in range(own.vocab_size)} if ignore_merges else {}
    expected = []
    for piece in split(text + " qu", pattern):
        data = piece.encode()
        base = [own.convert_tokens_to_ids(own._spellings[own._encoder._base[byte]]) for byte in data]
        expected += [whole[data]] if data in whole else apply_merges_textbook(base, own._merges)
    for _ in range(2):                                                  # the second time from what is remembered
        assert own._encoder.encode_blocks([text + " qu"])[0].tolist() == expected
        assert own._encoder.encode([text + " qu"]) == [expected]


@checks(BPEEncoder)
@given(st.lists(texts, max_size=8), any_pattern)
def test_many_texts_are_encoded_each_as_if_it_were_alone(several, pattern):
    encoder = BPETokenizer.train("".join(several), 300, pattern)._encoder
    ids, ends = encoder.encode_blocks(several)
    assert [ids[start:end].tolist() for start, end in zip([0, *ends], ends)] == [encoder.encode([text])[0] for text in several]


@checks(BPEEncoder)
def test_a_long_text_goes_through_blocks_and_what_is_remembered_stays_bounded(monkeypatch):
    monkeypatch.setattr(encoder, "CACHED_PIECES", 10)
    tokenizer = BPETokenizer.train("the cat and the dog", 270)
    text = " ".join(map(str, range(1_000))) + "x" * 1_000 + " the cat"
    long, = tokenizer._encoder.encode([text])
    assert isinstance(long, np.ndarray) and len(text) > encoder.LONG_TEXT
    assert long.tolist() == [i for word in split(text) for i in tokenizer._encoder.encode([word])[0]]
    assert tokenizer.decode(long) == text
    assert len(tokenizer._encoder._cache) <= 10 and len(tokenizer._encoder._distinct.pieces) <= 10


@checks(BPEEncoder)
def test_long_pieces_are_not_remembered_without_end(monkeypatch):
    monkeypatch.setattr(encoder, "CACHED_IDS", 5_000)
    made = BPETokenizer.train("ab ab", 257)._encoder
    for n in range(5):
        text = chr(ord("b") + n) * 3_000
        assert made.encode([text])[0].tolist() == [made._base[ord(text[0])]] * 3_000
        assert len(made._ids) <= 5_000


@checks(BPEEncoder)
@given(texts, st.integers(0, 2**32))
def test_dropout_leaves_the_text_and_takes_merges_away(text, seed):
    tokenizer = BPETokenizer.train(text, 300)
    rng = np.random.default_rng(seed)
    plain, dropped = tokenizer.encode(text), tokenizer.encode(text, dropout=0.5, rng=rng)
    assert tokenizer.decode(dropped) == text and len(dropped) >= len(plain)
    assert tokenizer.encode(text, dropout=0.0, rng=rng) == plain
    assert tokenizer.encode(text, dropout=1.0, rng=rng) == tokenizer.convert_tokens_to_ids(
        [token for byte in text.encode() for token in tokenizer.convert_ids_to_tokens([tokenizer._encoder._base[byte]])])
    again = tokenizer.encode(text, dropout=0.5, rng=np.random.default_rng(seed))
    assert again == dropped


@checks(BPEEncoder)
def test_dropout_has_the_distribution_of_its_definition():
    """abab with merges ab and abab: each step takes the first merge that its coin does not pass over."""
    tokenizer = BPETokenizer.train(["abab"] * 3, 258)
    p, rng, n = 0.3, np.random.default_rng(0), 20_000
    seen = Counter(tuple(len(tokenizer.token_bytes(i)) for i in tokenizer.encode("abab", dropout=p, rng=rng))
                   for _ in range(n))
    q = 1 - p                                           # one step with two candidates: the left, the right one, or none
    left, right, none = q, p * q, p * p
    joined = q * q                                      # then the other pair, then both; or nothing more
    expected = {(4,): (left + right) * joined, (2, 2): (left + right) * q * p, (2, 1, 1): left * p, (1, 1, 2): right * p,
                (1, 1, 1, 1): none}
    assert sum(expected.values()) == pytest.approx(1) and seen.keys() == expected.keys()
    for lengths, probability in expected.items():
        assert abs(seen[lengths] / n - probability) < 4 * (probability * (1 - probability) / n) ** 0.5


@checks(BPEEncoder)
@pytest.mark.parametrize("dropout, rng, message", [
    (-0.1, np.random.default_rng(0), "probability"), (1.5, np.random.default_rng(0), "probability"),
    (True, np.random.default_rng(0), "probability"), (float("nan"), np.random.default_rng(0), "probability"),
    (0.5, None, "needs rng"), (0.5, 7, "needs rng")])
def test_dropout_needs_a_probability_and_a_generator(dropout, rng, message):
    with pytest.raises(TokenizerError, match=message):
        BPETokenizer.train("text", 256).encode("text", dropout=dropout, rng=rng)
