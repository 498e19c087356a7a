"""Our tokenizer files against the field's readers and writers: the tokenizers library and transformers read what we
write, and the other way round; tiktoken encodes with rank tables as we do, learned or not.
"""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import AutoTokenizer, BPETokenizer
from scratchgpt.tokenizers.pretokenize.patterns import PATTERNS
from scratchgpt.tokenizers.files.tiktoken_ranks import from_ranks, read_ranks, write_ranks
from scratchgpt.tokenizers.files.tokenizer_json import read_tokenizer_json, make_tokenizer_json
from tests.checks import checks
from tests.goldens.make_tokenizer_goldens import FILE, HERE, KINDS, make

TEXT = "the theme of the thesis is the theory 12 don't e\u0301 <tool> <|im_start|>x<|im_end|>\r\n\n <s>y</s>  <pad> ½\n"
WORDS = TEXT.replace("<", "").replace(">", "")              # of which no special token is made
SPECIAL = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": " Hi! "},
        {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Bye!"}]
KNOWN = st.characters(exclude_categories=["Cs", "Cn"])      # each library has its own table of what is not assigned yet
words = st.text(KNOWN, max_size=8) | st.sampled_from([*TEXT.split(" "), *SPECIAL, " "])
texts = st.lists(words, max_size=9).map("".join)


@st.composite
def tokenizers_of_ours(draw):
    pattern = draw(st.sampled_from([*PATTERNS, r"\p{L}+|\d", r" ?[^\s]+|\s"]))
    ours = BPETokenizer.train(WORDS, draw(st.integers(262, 330)), pattern, SPECIAL)
    if draw(st.booleans()):
        ours.add_tokens(["<tool>", "theme of"])
    if draw(st.booleans()):
        ours.add_special_tokens({"pad_token": "<pad>", "unk_token": "<|im_end|>"})
    ours.bos_token, ours.eos_token = draw(st.sampled_from([("<s>", "</s>"), ("</s>", "</s>"), ("<s>", "<|im_end|>")]))
    ours.add_bos_token, ours.add_eos_token = draw(st.booleans()), draw(st.booleans())
    ours.padding_side, ours.truncation_side = (draw(st.sampled_from(["left", "right"])) for _ in range(2))
    ours.model_max_length = draw(st.none() | st.integers(1, 10 ** 6))
    ours.chat_template = draw(st.sampled_from([None, "chatml", "llama2", "llama3", "vicuna",
                                               "{{ messages[0].content }}"]))
    return ours


def assert_the_same(ours, theirs, text):
    """theirs is a tokenizer of transformers."""
    assert theirs(text)["input_ids"] == ours(text, allowed_special="all").input_ids.tolist()
    for role in ("bos_token", "eos_token", "unk_token", "pad_token"):
        assert getattr(theirs, role) == getattr(ours, role), role
    assert set(theirs.extra_special_tokens) <= ours.special_tokens.keys()
    assert (theirs.padding_side, theirs.truncation_side) == (ours.padding_side, ours.truncation_side)
    assert theirs.model_max_length == ours.model_max_length or ours.model_max_length is None
    assert len(theirs) == ours.vocab_size and theirs.get_vocab() == ours.get_vocab()
    if ours.chat_template:
        assert theirs.apply_chat_template(CHAT, tokenize=False) == ours.apply_chat_template(CHAT, tokenize=False)


@checks(BPETokenizer.save_pretrained, make_tokenizer_json)
@settings(max_examples=20)
@given(ours=tokenizers_of_ours(), text=texts)
def test_what_we_write_is_read_by_both_libraries(tmp_path_factory, ours, text):
    tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("ours")
    ours.save_pretrained(folder)
    for part in (text, TEXT):
        theirs = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        assert theirs.encode(part).ids == ours(part, allowed_special="all").input_ids.tolist()
        assert theirs.encode(part, add_special_tokens=False).ids == ours.encode(part, allowed_special="all")
        assert_the_same(ours, transformers.AutoTokenizer.from_pretrained(folder), part)


@checks(BPETokenizer.from_pretrained, AutoTokenizer.from_pretrained)
@settings(max_examples=20)
@given(ours=tokenizers_of_ours(), text=texts)
def test_what_transformers_saves_after_reading_ours_is_ours_again(tmp_path_factory, ours, text):
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("ours")
    ours.save_pretrained(folder / "ours")
    transformers.AutoTokenizer.from_pretrained(folder / "ours").save_pretrained(folder / "theirs")
    again = AutoTokenizer.from_pretrained(folder / "theirs")
    for name in ("special_tokens", "added_tokens", "merges", "_roles", "add_bos_token", "add_eos_token", "padding_side",
                 "truncation_side", "model_max_length", "chat_template"):
        assert getattr(again, name) == getattr(ours, name), name
    assert again(text, allowed_special="all").input_ids.tolist() == ours(text, allowed_special="all").input_ids.tolist()


@checks(BPETokenizer.from_pretrained, AutoTokenizer.from_pretrained, read_tokenizer_json)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bos", [False, True])
def test_what_transformers_trained_and_saved_is_read_by_us(tmp_path, kind, bos):
    tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    backend = KINDS[kind](tokenizers, WORDS, SPECIAL)
    backend.add_tokens([tokenizers.AddedToken("theme of"), tokenizers.AddedToken("<tool>", normalized=False)])
    if bos:
        backend.post_processor = tokenizers.processors.TemplateProcessing(
            single="<s> $A </s>", pair="<s> $A </s> $B:1 </s>:1", special_tokens=[("<s>", 0), ("</s>", 1)])
    theirs = transformers.PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>", padding_side="left",
        additional_special_tokens=["<|im_start|>", "<new>"])
    theirs.chat_template = "{% for m in messages %}{{ bos_token + m['content'] }}{% endfor %}"
    theirs.save_pretrained(tmp_path)
    ours = AutoTokenizer.from_pretrained(tmp_path)
    assert (ours.add_bos_token, ours.add_eos_token) == (bos or kind == "llama3", bos)
    for text in (TEXT, TEXT + "<new>theme of<new>", "", " "):
        assert_the_same(ours, theirs, text)


@checks(BPETokenizer.from_pretrained, AutoTokenizer.from_pretrained)
def test_a_gpt2_tokenizer_of_transformers_is_read_by_us_with_and_without_its_json(tmp_path):
    tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    model = json.loads(KINDS["gpt2"](tokenizers, WORDS, ["<|endoftext|>"]).to_str())["model"]
    theirs = transformers.GPT2Tokenizer(vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]])
    theirs.save_pretrained(tmp_path)
    assert_the_same(AutoTokenizer.from_pretrained(tmp_path), theirs, TEXT + "<|endoftext|>")
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "vocab.json").write_text(json.dumps(model["vocab"]))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(map(" ".join, model["merges"])))
    assert_the_same(AutoTokenizer.from_pretrained(tmp_path), theirs, TEXT + "<|endoftext|>")


@checks(read_tokenizer_json)
def test_the_script_makes_the_committed_goldens(tmp_path):
    pytest.importorskip("tokenizers")
    make(tmp_path)
    for kind in KINDS:
        name = FILE.format(kind)
        assert json.loads((tmp_path / name).read_text("utf-8")) == json.loads((HERE / name).read_text("utf-8"))


# rank tables: all single bytes, and any other tokens, of any order; their pieces need not be tokens

@st.composite
def rank_tables(draw):
    words = st.text(st.sampled_from("aabc é\n"), min_size=2, max_size=6).map(str.encode)
    more = draw(st.lists(words | st.binary(min_size=2, max_size=3), unique=True, max_size=40))
    tokens = [bytes([byte]) for byte in range(256)] + more
    tokens = draw(st.permutations(tokens)) if draw(st.booleans()) else tokens
    return {token: rank for rank, token in enumerate(tokens)}


def tiktoken_of(ranks, pattern, special):
    tiktoken = pytest.importorskip("tiktoken")
    return tiktoken.Encoding("theirs", pat_str=PATTERNS[pattern], mergeable_ranks=ranks, special_tokens=special)


@checks(BPETokenizer.from_tiktoken, from_ranks, read_ranks)
@settings(max_examples=200)
@given(ranks=rank_tables(), pattern=st.sampled_from(sorted(PATTERNS)),
       text=st.text(st.sampled_from("aaabbc é\n"), max_size=40) | texts, hole=st.integers(0, 3))
@example({bytes([byte]): byte for byte in range(256)} | {b"ab": 256, b"ba": 257, b"aba": 258}, "gpt2", "ababaaba", 1)
def test_any_rank_table_encodes_as_in_tiktoken_and_comes_back(tmp_path_factory, ranks, pattern, text, hole):
    special = {"<|endoftext|>": len(ranks) + hole}
    theirs = tiktoken_of(ranks, pattern, special)
    folder = tmp_path_factory.mktemp("ranks")
    write_ranks(folder / "ranks.tiktoken", ranks)
    ours = BPETokenizer.from_tiktoken(folder / "ranks.tiktoken", pattern, special)
    ours.save_pretrained(folder)
    for tokenizer in (ours, AutoTokenizer.from_pretrained(folder)):
        for part in (text, text + "<|endoftext|>" + text):
            assert tokenizer.encode(part, allowed_special="all") == theirs.encode(part, allowed_special="all")
    ours.save_tiktoken(folder / "again.tiktoken")
    assert (folder / "again.tiktoken").read_bytes() == (folder / "ranks.tiktoken").read_bytes()


@checks(BPETokenizer.save_tiktoken)
@settings(max_examples=50)
@given(corpus=texts, text=texts, pattern=st.sampled_from(sorted(PATTERNS)), ignore_merges=st.booleans(), data=st.data())
def test_what_we_write_for_tiktoken_encodes_the_same_or_is_refused(tmp_path_factory, corpus, text, pattern,
                                                                   ignore_merges,
                                                                   data):
    trained = BPETokenizer.train(corpus + WORDS, 320, pattern, ["<|endoftext|>"])
    merges = [tuple(pair) for pair in trained._merges]
    names = trained.convert_ids_to_tokens(range(trained.vocab_size))
    kept = data.draw(st.just(merges) | st.permutations(merges).map(lambda order: order[:40]))
    spelled = [(names[left], names[right]) for left, right in kept]
    ours = BPETokenizer(trained.get_vocab(), spelled, pattern, ["<|endoftext|>"], ignore_merges=ignore_merges)
    path = tmp_path_factory.mktemp("ranks") / "ranks.tiktoken"
    try:
        ours.save_tiktoken(path)
    except TokenizerError:
        assert kept != merges or ignore_merges
    else:
        theirs = tiktoken_of(read_ranks(path), pattern, ours.special_tokens)
        for part in (text, corpus, TEXT):
            assert theirs.encode(part, allowed_special="all") == ours.encode(part, allowed_special="all")
