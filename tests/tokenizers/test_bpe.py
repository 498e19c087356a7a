"""The byte-level tokenizer as a whole: training, encoding, decoding."""

import copy
import pickle
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer, split
from scratchgpt.tokenizers.merges.bytes import BYTE_TO_ID, BYTES_IN_ID_ORDER, CHARACTERS_IN_ID_ORDER
from scratchgpt.tokenizers.merges.merge import apply_merges_textbook
from scratchgpt.tokenizers.pretokenize.patterns import PATTERNS
from scratchgpt.tokenizers.merges.train import train_merges_textbook
from tests.checks import checks

patterns = st.sampled_from(sorted(PATTERNS))
repetitive = st.text(alphabet="aab \n'é.1") | st.text()
CORPUS = "Der Hund bellt. The dog barks, the dogs' bark: 101 日本語, 日本! 🙂\n\n    indented\n" * 3
tokenizer = BPETokenizer.train(CORPUS, 340, special_tokens=["<|endoftext|>"])


@checks(BPETokenizer, BPETokenizer.train, BPETokenizer.encode, BPETokenizer.decode)
@given(repetitive, st.text(), patterns)
def test_any_text_comes_back_also_through_a_vocabulary_of_another(corpus, text, pattern):
    tokenizer = BPETokenizer.train(corpus, 280, pattern)
    for each in (corpus, text):
        assert tokenizer.decode(tokenizer.encode(each)) == each


@checks(BPETokenizer.decode_bytes, BPETokenizer.token_bytes, BPETokenizer.decode, BPETokenizer.byte_length)
@given(st.binary())
def test_any_bytes_are_ids_and_come_back(data):
    ids = [1 + BYTE_TO_ID[byte] for byte in data]           # id 0 is the special token
    assert tokenizer.decode_bytes(ids) == data
    assert b"".join(map(tokenizer.token_bytes, ids)) == data
    assert tokenizer.decode(ids) == data.decode(errors="replace")
    assert tokenizer.decode(ids, errors="ignore") == data.decode(errors="ignore")
    assert tokenizer.byte_length(ids) == len(data)


@checks(BPETokenizer.encode_array, BPETokenizer.byte_length)
@given(st.text() | st.just(CORPUS))
def test_the_array_holds_the_same_ids_and_counts_the_bytes(text):
    ids = tokenizer.encode_array(text)
    assert ids.dtype == np.int32 and ids.tolist() == tokenizer.encode(text)
    assert tokenizer.decode(ids) == tokenizer.decode(ids.astype(np.uint16)) == text
    assert tokenizer.byte_length(ids) == len(text.encode()) == len(tokenizer.decode_bytes(ids))


@checks(BPETokenizer.byte_length)
@given(st.lists(st.integers(0, tokenizer.vocab_size - 1)))
def test_byte_length_is_that_of_the_decoded_bytes_for_any_ids(ids):
    assert tokenizer.byte_length(ids) == len(tokenizer.decode_bytes(ids))


@checks(BPETokenizer.train, BPETokenizer.encode, BPETokenizer.merges)
@given(repetitive, repetitive, patterns)
def test_training_and_encoding_are_the_textbook_ones_piece_by_piece(corpus, text, pattern):
    words = [(piece.encode().translate(BYTE_TO_ID), 1) for piece in split(corpus, pattern)]
    learned = train_merges_textbook(words, 20)
    trained = BPETokenizer.train(corpus, 276, pattern)
    tokens = [bytes([byte]) for byte in BYTES_IN_ID_ORDER]
    tokens += [b"".join(map(trained.token_bytes, pair)) for pair in learned]
    assert trained.merges == [(tokens[left], tokens[right]) for left, right in learned]
    table = {pair: (rank, 256 + rank) for rank, pair in enumerate(learned)}
    for _ in range(2):                                      # the second time from the cache
        assert trained.encode(text) == [token for piece in split(text, pattern) for token in
                                        apply_merges_textbook(piece.encode().translate(BYTE_TO_ID), table)]


@checks(BPETokenizer.train)
@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.int32, np.int64])
def test_a_vocabulary_size_of_any_integer_type_trains_the_same(kind):
    assert BPETokenizer.train(CORPUS, kind(340)).merges == BPETokenizer.train(CORPUS, 340).merges


@checks(BPETokenizer.train)
@pytest.mark.parametrize("options", [dict(min_frequency="a"), dict(min_frequency=None), dict(special_tokens=None),
                                     dict(special_tokens=[5]), dict(pattern=["gpt2"]), dict(pattern=None)])
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(TokenizerError):
        BPETokenizer.train(CORPUS, 340, **options)


@checks(BPETokenizer.train)
@given(st.lists(repetitive, max_size=4), patterns)
def test_an_iterable_of_texts_is_counted_text_by_text(texts, pattern):
    trained = BPETokenizer.train(iter(texts), 270, pattern)
    words = [(piece.encode().translate(BYTE_TO_ID), 1) for text in texts for piece in split(text, pattern)]
    assert trained.vocab_size == 256 + len(train_merges_textbook(words, 14))


@checks(BPETokenizer.train, BPETokenizer.merges, BPETokenizer.encode)
def test_worked_example_of_aaabdaaabac():
    trained = BPETokenizer.train("aaabdaaabac", 259)
    assert trained.merges == [(b"a", b"a"), (b"a", b"b"), (b"aa", b"ab")]
    tokens = [trained.token_bytes(token) for token in trained.encode("aaabdaaabac")]
    assert tokens == [b"aaab", b"d", b"aaab", b"a", b"c"]


@checks(BPETokenizer.train, BPETokenizer.vocab_size)
def test_training_stops_where_the_text_ends_and_says_so_in_vocab_size():
    assert BPETokenizer.train("ab ab", 1000).vocab_size == 258          # "ab" and " ab"
    assert BPETokenizer.train("", 1000).vocab_size == 256
    assert BPETokenizer.train("ab ab", 1000, min_frequency=2).vocab_size == 257
    assert BPETokenizer.train("ab ab", 1000, special_tokens=["<s>"]).vocab_size == 259


@checks(BPETokenizer.train)
def test_special_tokens_come_first_and_shift_every_other_id():
    plain = BPETokenizer.train(CORPUS, 300)
    special = BPETokenizer.train(CORPUS, 302, special_tokens=["<s>", "</s>"])
    assert special.special_tokens == {"<s>": 0, "</s>": 1} and special.merges == plain.merges
    assert special.encode(CORPUS) == [2 + token for token in plain.encode(CORPUS)]


@checks(BPETokenizer.train)
@pytest.mark.parametrize("size, special", [(255, 0), (0, 0), (-1, 0), (256, 1), (True, 0), (300.0, 0), ("300", 0)])
def test_a_vocabulary_too_small_for_the_bytes_is_refused(size, special):
    with pytest.raises(TokenizerError, match="vocab_size must be at least 256 "):
        BPETokenizer.train("text", size, special_tokens=["<s>"][:special])


@checks(BPETokenizer.decode, BPETokenizer.decode_bytes, BPETokenizer.token_bytes, BPETokenizer.byte_length)
@pytest.mark.parametrize("wrong", [-1, 10_000, 2**64, -2**63])
def test_an_id_out_of_range_is_named(wrong):
    for use in (tokenizer.decode, tokenizer.decode_bytes, tokenizer.byte_length):
        with pytest.raises(TokenizerError, match=f"got {wrong} at position 2"):
            use([5, 6, wrong])
    with pytest.raises(TokenizerError, match=f"got {wrong}"):
        tokenizer.token_bytes(wrong)


@checks(BPETokenizer.decode)
def test_strict_decoding_refuses_half_a_character():
    ids = tokenizer.encode("\U0001f600")[:-1]
    with pytest.raises(TokenizerError, match="at byte 0"):
        tokenizer.decode(ids, errors="strict")
    with pytest.raises(TokenizerError, match="errors must be replace"):
        tokenizer.decode(ids, errors="hope")


@checks(BPETokenizer.encode, BPETokenizer.train)
@pytest.mark.parametrize("text", ["a\udc80b", b"bytes", None, 5])
def test_what_is_no_text_is_refused(text):
    for use in (tokenizer.encode, tokenizer.encode_array, lambda text: BPETokenizer.train([text], 300)):
        with pytest.raises(TokenizerError, match="text must"):
            use(text)


@checks(BPETokenizer.encode, BPETokenizer.train)
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
@pytest.mark.parametrize("character", ["a", " ", "7", "-", "\n", "字", "'"])
def test_a_hundred_thousand_equal_characters_do_not_take_quadratic_time(character, pattern):
    start = time.perf_counter()
    trained = BPETokenizer.train(character * 4096, 268, pattern)
    ids = trained.encode(character * 100_000)
    assert time.perf_counter() - start < 10                 # 0.4 s is usual; the textbook takes an hour
    assert trained.decode(ids) == character * 100_000


@checks(BPETokenizer.encode)
def test_a_tokenizer_is_copied_and_pickled_and_used_by_several_threads_at_once():
    long = [CORPUS * 50 + str(n) * n for n in range(40)]
    expected = [tokenizer.encode(text) for text in long]
    for again in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert again.encode(CORPUS) == tokenizer.encode(CORPUS) and again.special_tokens == tokenizer.special_tokens
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(again.encode, long)) == expected


@checks(BPETokenizer, BPETokenizer.merges)
@given(repetitive, st.text(), patterns)
def test_vocabulary_and_merges_make_the_tokenizer_again(corpus, text, pattern):
    trained = BPETokenizer.train(corpus, 280, pattern, special_tokens=["<|endoftext|>"])
    again = BPETokenizer(trained.get_vocab(), trained.merges, pattern)
    assert again.special_tokens == trained.special_tokens and again.merges == trained.merges
    assert again.encode(text) == trained.encode(text)


@checks(BPETokenizer)
def test_the_ids_of_gpt2_follow_from_its_form():
    """GPT-2 numbers the bytes first, then the merges, then its special token: so one space is 220, and "!" is 0."""
    merges = [("Ġ", "t"), ("Ġ", "a"), ("h", "e")]
    tokens = [*CHARACTERS_IN_ID_ORDER, "Ġt", "Ġa", "he", "<|endoftext|>"]
    gpt2 = BPETokenizer({token: i for i, token in enumerate(tokens)}, merges)
    assert gpt2.encode(" the!") == [256, 258, 0] and gpt2.encode(" ") == [220]
    assert gpt2.encode("<|endoftext|>", allowed_special="all") == [259]
    assert gpt2.special_tokens == {"<|endoftext|>": 259}
