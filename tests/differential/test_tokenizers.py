"""Our merges and ids against the field's: the tokenizers library trains and encodes, tiktoken encodes, transformers
reads our files. Characters that Python's Unicode tables do not know yet are left out, since each library has its own
version of those tables.
"""

import json
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer, split
from scratchgpt.tokenizers.merges.bytes import spell
from scratchgpt.tokenizers.pretokenize.patterns import PATTERNS
from tests.checks import checks
from tests.tokenizers.texts import spicy

SHAKESPEARE = Path(__file__).parents[3] / "shared" / "data" / "tinyshakespeare.txt"
SCRIPTS = """The quick brown fox doesn't jump; he'll nap -- 12,345 times!  WE'RE
\tindented\r\n\r\n   Früh übt sich, wer ein Meister werden will. Съешь же ещё этих мягких французских булок.
素早い茶色の狐が、のろまな犬を飛び越える。 الثعلب البني السريع ٣٤٥ सभी मनुष्यों को गौरव 🙂👩‍👩‍👧🇩🇪 e\u0301e\u0301 \u00a0\u2003x\u0085y
aaaaaaaaaaaaaaaa abababababab \x00\x01 ½²Ⅷ ſ'ſ 'S I'M'll\n"""
SPECIAL = ["<|endoftext|>", "<|end|>", "<|end|>|>"]
APART = SPECIAL[:2]         # none begins with another: tiktoken does not say which of such two it takes

known = st.characters(exclude_categories=["Cs", "Cn"])
texts = st.text(known) | spicy | st.text(st.sampled_from("aab c'sS1\n\r .é"), max_size=60)
patterns = st.sampled_from(sorted(PATTERNS))


def train_theirs(texts, vocab_size, pattern="gpt2", special_tokens=(), min_frequency=0):
    tokenizers = pytest.importorskip("tokenizers")
    byte_level = tokenizers.pre_tokenizers.ByteLevel
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = byte_level(add_prefix_space=False) if pattern == "gpt2" else (
        tokenizers.pre_tokenizers.Sequence([
            tokenizers.pre_tokenizers.Split(tokenizers.Regex(PATTERNS[pattern]), "isolated"),
            byte_level(add_prefix_space=False, use_regex=False)]))
    theirs.train_from_iterator(texts, tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=byte_level.alphabet(), special_tokens=list(special_tokens),
        min_frequency=min_frequency, show_progress=False))
    return theirs


def assert_same(ours, theirs, texts):
    merges = json.loads(theirs.to_str())["model"]["merges"]
    assert [tuple(pair) for pair in merges] == [(spell(left), spell(right)) for left, right in ours.merges]
    assert theirs.get_vocab_size() == ours.vocab_size
    for text in texts:
        assert theirs.encode(text).ids == ours.encode(text, allowed_special="all")


@checks(BPETokenizer.train, BPETokenizer.encode)
@given(st.lists(texts, max_size=3), texts, patterns, st.integers(0, 3), st.integers(0, 3))
def test_any_text_trains_and_encodes_as_in_the_tokenizers_library(corpus, text, pattern, min_frequency, n_special):
    special = SPECIAL[:n_special]
    ours = BPETokenizer.train(corpus, 290, pattern, special, min_frequency)
    assert_same(ours, train_theirs(corpus, 290, pattern, special, min_frequency), [*corpus, text])


@checks(BPETokenizer.train, BPETokenizer.encode)
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
@pytest.mark.parametrize("vocab_size", [259, 300, 500, 2_000])
def test_mixed_scripts_train_and_encode_as_in_the_tokenizers_library(pattern, vocab_size):
    ours = BPETokenizer.train(SCRIPTS, vocab_size, pattern, SPECIAL)
    theirs = train_theirs([SCRIPTS], vocab_size, pattern, SPECIAL)
    assert_same(ours, theirs, [SCRIPTS, SCRIPTS[::-1], "a<|end|>|>b<|endoftext|><|end|>c<|end|"])


@checks(BPETokenizer.train, BPETokenizer.encode)
def test_a_megabyte_of_plays_trains_and_encodes_as_in_the_tokenizers_library():
    if not SHAKESPEARE.exists():
        pytest.skip("the plays are not beside this checkout")
    text = SHAKESPEARE.read_text("utf-8")
    ours, theirs = BPETokenizer.train(text, 4_000), train_theirs([text], 4_000)
    assert_same(ours, theirs, [text])
    assert ours.decode(ours.encode_array(text)) == text


def python_source(n):
    """n characters of Python source, the standard library's."""
    texts, size = [], 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        try:
            texts.append(path.read_text("utf-8"))
        except UnicodeDecodeError:
            continue
        size += len(texts[-1])
        if size >= n:
            break
    return "".join(texts)[:n]


@checks(BPETokenizer.train, BPETokenizer.encode, BPETokenizer.encode_batch)
@pytest.mark.parametrize("pattern, vocab_size", [("gpt2", 32_000), ("gpt2", 257), ("cl100k", 8_192)])
def test_ten_megabytes_of_python_train_and_encode_as_in_the_tokenizers_library_and_in_tiktoken(pattern, vocab_size):
    text = python_source(10_000_000)
    lines = text.splitlines(keepends=True)
    ours, theirs = BPETokenizer.train(lines, vocab_size, pattern), train_theirs(lines, vocab_size, pattern)
    assert_same(ours, theirs, [text[:500_000]])
    ids = ours.encode_array(text)
    assert ids.tolist() == tiktoken_of(ours).encode(text, disallowed_special=()) and ours.decode(ids) == text
    assert ours.encode_batch(lines[:20_000]) == [row.ids for row in theirs.encode_batch(lines[:20_000])]


@checks(BPETokenizer.train)
def test_one_text_of_a_few_megabytes_trains_as_in_the_tokenizers_library():
    text = python_source(2_000_000)
    assert_same(BPETokenizer.train(text, 5_000), train_theirs([text], 5_000), [])


@checks(BPETokenizer.encode)
@given(st.lists(st.sampled_from(["a", "|>", "<|", " ", *SPECIAL]), max_size=8).map("".join))
def test_of_special_tokens_that_begin_alike_the_longest_is_taken_as_in_the_tokenizers_library(text):
    theirs = train_theirs(["a|> <|"], 290, special_tokens=SPECIAL)
    assert_same(BPETokenizer.train("a|> <|", 290, special_tokens=SPECIAL), theirs, [text])


def tiktoken_of(ours):
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {ours.token_bytes(i): i for i in range(ours.vocab_size) if i not in ours.special_tokens.values()}
    return tiktoken.Encoding("ours", pat_str=PATTERNS[ours.pattern], mergeable_ranks=ranks,
                             special_tokens=ours.special_tokens)


@checks(BPETokenizer.encode, BPETokenizer.decode, BPETokenizer.decode_bytes)
@pytest.mark.parametrize("pattern", sorted(PATTERNS))
def test_any_text_encodes_as_in_tiktoken(pattern):
    ours = BPETokenizer.train(SCRIPTS, 600, pattern, APART)
    theirs = tiktoken_of(ours)

    @given(texts | st.just(SCRIPTS))
    def agree(text):
        assert theirs.encode(text, allowed_special="all") == ours.encode(text, allowed_special="all")

    @given(st.lists(st.integers(0, ours.vocab_size - 1)))
    def agree_on_ids(ids):
        assert theirs.decode(ids) == ours.decode(ids) and theirs.decode_bytes(ids) == ours.decode_bytes(ids)

    agree()
    agree_on_ids()


@checks(BPETokenizer.encode)
@settings(max_examples=20)
@given(texts, patterns, st.integers(0, 2**32 - 1))
def test_dropout_cuts_words_as_often_as_in_the_tokenizers_library(text, pattern, seed):
    """Both draw from their own generators, so means are compared: of the lengths of many encodings."""
    ours = BPETokenizer.train(SCRIPTS, 400, pattern)
    theirs = train_theirs([SCRIPTS], 400, pattern)
    theirs.model.dropout = 0.3
    text, rng, n = text[:20], np.random.default_rng(seed), 300
    lengths = np.array([[len(ours.encode(text, disallowed_special=(), dropout=0.3, rng=rng)), len(theirs.encode(text).ids)]
                        for _ in range(n)])
    spread = lengths.std(axis=0).max() / n ** 0.5
    assert abs(np.diff(lengths.mean(axis=0))[0]) <= 6 * spread


TIKTOKENS_OWN = {            # tiktoken 0.14, tiktoken_ext/openai_public.py
    "gpt2": r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s""",
    "cl100k_base": r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]"""
                   r"""|\s+(?!\S)|\s"""}


@checks(BPETokenizer.encode, split)
@pytest.mark.parametrize("name", TIKTOKENS_OWN)
def test_our_patterns_cut_as_tiktokens_own(name):
    tiktoken = pytest.importorskip("tiktoken")
    ours = BPETokenizer.train(SCRIPTS + " \n  \n\n \t " * 9, 500, name)
    ranks = {ours.token_bytes(i): i for i in range(ours.vocab_size)}
    theirs = tiktoken.Encoding("theirs", pat_str=TIKTOKENS_OWN[name], mergeable_ranks=ranks, special_tokens={})

    @settings(max_examples=200)
    @given(texts | st.text(st.sampled_from("a \n\r\t.1'"), max_size=12))
    def agree(text):
        assert theirs.encode(text) == ours.encode(text)
        assert theirs.encode(text) == BPETokenizer(ours.get_vocab(), ours.merges, TIKTOKENS_OWN[name]).encode(text)
    agree()


@checks(BPETokenizer.encode)
@given(st.lists(st.sampled_from(["a", "|>", "<|", " ", *APART]), max_size=6).map("".join),
       st.sets(st.sampled_from(APART)), st.sets(st.sampled_from(APART)) | st.just("all"))
def test_special_tokens_are_allowed_and_refused_as_in_tiktoken(text, allowed, disallowed):
    ours = BPETokenizer.train("a|> <|", 290, special_tokens=APART)
    theirs = tiktoken_of(ours)
    try:
        expected = theirs.encode(text, allowed_special=allowed, disallowed_special=disallowed)
    except ValueError:
        with pytest.raises(TokenizerError, match="must not contain the special token"):
            ours.encode(text, allowed, disallowed)
    else:
        assert ours.encode(text, allowed, disallowed) == expected


@checks(split)
@settings(max_examples=100)
@given(texts | st.text(st.sampled_from("\t\n\v\f\r \x1c\x1f\x85\xa0\u180e\u2028\u200b\u3000a1!")), patterns)
def test_any_text_is_cut_as_by_the_tokenizers_library(text, pattern):
    tokenizers = pytest.importorskip("tokenizers")
    cut = tokenizers.pre_tokenizers.Split(tokenizers.Regex(PATTERNS[pattern]), "isolated")
    assert [piece for piece, _ in cut.pre_tokenize_str(text)] == split(text, pattern)


@checks(BPETokenizer.save_pretrained)
@pytest.mark.parametrize("special", [[], ["<|endoftext|>", "<|im_start|>"]])
def test_our_files_are_read_by_the_transformers_library(tmp_path, special):
    transformers = pytest.importorskip("transformers")
    ours = BPETokenizer.train(SCRIPTS, 400, special_tokens=special)
    ours.save_pretrained(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path)
    text = SCRIPTS + "".join(special) + SCRIPTS
    assert len(theirs) == ours.vocab_size
    assert theirs(text)["input_ids"] == ours.encode(text, allowed_special="all")
