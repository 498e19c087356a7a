"""A tokenizer's files: what was saved comes back, and what cannot be is refused by the name of the file."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer, CharTokenizer, load_tokenizer
from scratchgpt.tokenizers.bpe_files import read_bpe, read_config, read_merges, write_bpe
from scratchgpt.tokenizers.bytes import CHARACTERS_IN_ID_ORDER
from scratchgpt.tokenizers.pretokenize import PATTERNS
from scratchgpt.tokenizers.vocabulary import check_vocab, index_merges, token_table
from tests.checks import checks

FILES = ("vocab.json", "merges.txt", "tokenizer_config.json")
CORPUS = "the theme of the thesis is the theory\n"
tokenizer = BPETokenizer.train(CORPUS, 270, special_tokens=["<|endoftext|>", " é\n"])
BYTES = {character: i for i, character in enumerate(CHARACTERS_IN_ID_ORDER)}
SMALL = BYTES | {"th": 256, "the": 257}


@pytest.fixture
def folder(tmp_path):
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


@checks(BPETokenizer.save_pretrained, BPETokenizer.from_pretrained, load_tokenizer, write_bpe, read_bpe)
@given(corpus=st.text(), pattern=st.sampled_from(sorted(PATTERNS)),
       special=st.lists(st.text(alphabet="<|> é\n\u2028", min_size=2, max_size=4), unique=True, max_size=3))
def test_what_was_saved_comes_back(tmp_path_factory, corpus, pattern, special):
    folder = tmp_path_factory.mktemp("bpe") / "made on the way"
    saved = BPETokenizer.train(corpus, 270, pattern, special)
    saved.save_pretrained(folder)
    for read in (BPETokenizer.from_pretrained, load_tokenizer):
        loaded = read(folder)
        assert isinstance(loaded, BPETokenizer)
        assert (loaded.pattern, loaded.merges) == (pattern, saved.merges)
        assert (loaded.vocab_size, loaded.special_tokens) == (saved.vocab_size, saved.special_tokens)
        text = corpus + "".join(special) + corpus
        assert loaded.encode(text, allowed_special="all") == saved.encode(text, allowed_special="all")


@checks(write_bpe, BPETokenizer.save_pretrained)
def test_the_files_have_the_form_of_gpt2(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    vocab = json.loads((folder / "vocab.json").read_text("utf-8"))
    assert list(vocab.values()) == list(range(270)) and vocab["<|endoftext|>"] == 0 and vocab["!"] == 2
    lines = (folder / "merges.txt").read_text("utf-8").split("\n")
    assert lines[0] == "#version: 0.2" and lines[1] == "h e" and lines[-1] == "" and len(lines) == 270 - 258 + 2
    config = read_config(folder / "tokenizer_config.json")
    assert (config["tokenizer_class"], config["pretokenizer_pattern"]) == ("GPT2Tokenizer", "gpt2")
    assert config["eos_token"] == config["added_tokens_decoder"]["0"]["content"] == "<|endoftext|>"


@checks(write_bpe)
def test_another_pattern_is_no_gpt2_tokenizer_to_the_readers_of_the_field(tmp_path):
    BPETokenizer.train("text", 256, "llama3").save_pretrained(tmp_path)
    config = read_config(tmp_path / "tokenizer_config.json")
    assert (config["tokenizer_class"], config["pretokenizer_pattern"]) == ("BPETokenizer", "llama3")


@checks(read_bpe, load_tokenizer, read_config)
def test_a_gpt2_folder_needs_no_class_and_may_keep_special_tokens_apart(folder):
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 1024}')
    assert load_tokenizer(folder).special_tokens == tokenizer.special_tokens
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"added_tokens_decoder": {"270": {"content": "<|new|>", "special": True}}}))
    assert load_tokenizer(folder).encode("<|new|>", allowed_special="all") == [270]
    (folder / "tokenizer_config.json").unlink()
    assert load_tokenizer(folder).vocab_size == 270


@checks(read_merges)
def test_merges_are_read_with_or_without_a_version_and_with_any_line_ends(tmp_path):
    path = tmp_path / "merges.txt"
    for text in ("#version: 0.2\nt h\n# e\n", "t h\n# e", "#version: 0.2\r\nt h\r\n# e\r\n"):
        path.write_bytes(text.encode())
        assert read_merges(path) == [("t", "h"), ("#", "e")]
    for text in ("", "#version: 0.2\n"):
        path.write_bytes(text.encode())
        assert read_merges(path) == []


@checks(read_merges)
@pytest.mark.parametrize("text, line", [("t h\nth", 2), ("t  h", 1), ("t h e", 1), ("t h\n\nh e\n", 2), (" t", 1)])
def test_a_malformed_merge_is_named_by_its_line(tmp_path, text, line):
    (tmp_path / "merges.txt").write_text(text)
    with pytest.raises(TokenizerError, match=rf"merges\.txt, line {line}: "):
        read_merges(tmp_path / "merges.txt")


@checks(check_vocab)
@pytest.mark.parametrize("vocab, message", [
    ([], "must be an object"),
    (SMALL | {"the": 256}, "each id must belong to one token; got 256"),
    (SMALL | {"the": 258}, "integers from 0 to 257; got 258"),
    (SMALL | {"the": -1}, "got -1"),
    (SMALL | {"the": True}, "got True"),
    (SMALL | {"the": 257.0}, "got 257.0"),
    (SMALL | {"": 258}, "non-empty"),
    ({token: i for i, token in enumerate(list(SMALL)[1:])}, "'!' is not"),
    ({}, "all 256"),
])
def test_a_vocabulary_that_numbers_wrongly_is_refused(vocab, message):
    with pytest.raises(TokenizerError, match=f"file: .*{message}"):
        check_vocab(vocab, "file")


@checks(index_merges)
@pytest.mark.parametrize("merges, message", [
    ([("t", "h"), ("t", "h")], "merge 1: a merge must be listed once"),
    ([("t", "x")], "merge 0: .* in the vocabulary; got 'tx'"),
    ([("th", "e")], "merge 0: .* got 'th', which no merge makes"),
    ([("t", "h"), ("t", "")], "merge 1: a merge must be two tokens"),
    ([("t",)], "two tokens"), (["th"], "two tokens"), ([5], "two tokens"), ([(1, 2)], "two tokens"),
])
def test_merges_that_contradict_the_vocabulary_are_refused(merges, message):
    with pytest.raises(TokenizerError, match=f"file, {message}|file, merge .: .*{message}"):
        index_merges(SMALL, merges, "file")


@checks(check_vocab, index_merges, token_table)
def test_a_sound_vocabulary_is_numbered():
    spelled = check_vocab(SMALL)
    assert spelled == list(SMALL)
    assert index_merges(SMALL, [("t", "h"), ("th", "e")]) == {(83, 71): (0, 256), (256, 68): (1, 257)}
    tokens = token_table([*spelled, "<ü>"], set(range(258)))
    assert tokens[220] == b" " and tokens[-2:] == [b"the", "<ü>".encode()]
    with pytest.raises(TokenizerError, match="file: .*surrogate"):
        token_table(["\ud800"], set(), "file")


@checks(load_tokenizer, read_config)
@pytest.mark.parametrize("config, message", [
    ("[]", "must be an object"),
    ('{"tokenizer_class": "Other"}', "Other"), ('{"tokenizer_class": ["a"]}', "must be one"),
    ('{"pretokenizer_pattern": "(a+)+$"}', "pretokenizer_pattern"), ('{"pretokenizer_pattern": {}}', "pretokenizer_"),
    ('{"added_tokens_decoder": []}', "added_tokens_decoder"), ('{"added_tokens_decoder": {"x": {}}}', "'x'"),
    ('{"added_tokens_decoder": {"0": {"content": "other", "special": true}}}', "each id"),
    ('{"added_tokens_decoder": {"3": {"content": "<|endoftext|>", "special": true}}}', "must have one id"),
    ('{"added_tokens_decoder": {"270": {"content": "x", "special": true}}}', "made by no merge"),
    ('{"added_tokens_decoder": {"270": {"content": "new", "special": false}}}', "must be special"),
    ("{", "not valid JSON"), ("", "not valid JSON"), ('{"a": 1, "a": 2}', "once"), ("[" * 100_000, "nested"),
])
def test_a_configuration_that_cannot_be_is_refused(folder, config, message):
    (folder / "tokenizer_config.json").write_text(config)
    with pytest.raises(TokenizerError, match=message) as caught:
        load_tokenizer(folder)
    assert any(name in str(caught.value) for name in FILES)


@checks(read_bpe, load_tokenizer)
@given(data=st.data())
def test_damaged_files_load_soundly_or_are_refused_by_name(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    tokenizer.save_pretrained(folder)
    path = folder / data.draw(st.sampled_from(FILES))
    content = path.read_bytes()
    start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    if data.draw(st.booleans()):
        stop = min(stop, start + 4)
    path.write_bytes(content[:start] + data.draw(st.binary(max_size=6) | st.sampled_from(
        [b'"', b"\n", b" ", b"9", b"-1", b"1e99", b"\xff", b"null", content[start:stop] * 2])) + content[stop:])
    try:
        loaded = load_tokenizer(folder)
    except TokenizerError as problem:
        assert any(name in str(problem) for name in FILES)
    else:
        assert loaded.decode(loaded.encode("the thesis", disallowed_special=())) == "the thesis"


@checks(read_bpe, load_tokenizer)
@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_huge_file_is_named(folder, name, monkeypatch):
    monkeypatch.setattr("scratchgpt.tokenizers.bpe_files.MAX_BYTES", 100)
    if name != "tokenizer_config.json":
        with pytest.raises(TokenizerError, match="at most 100 bytes"):
            load_tokenizer(folder)
        monkeypatch.undo()
        (folder / name).unlink()
        with pytest.raises(TokenizerError, match=name):
            load_tokenizer(folder)


@checks(load_tokenizer)
def test_the_configuration_names_the_class(tmp_path):
    CharTokenizer.train("abc").save_pretrained(tmp_path / "char")
    tokenizer.save_pretrained(tmp_path / "bpe")
    assert type(load_tokenizer(tmp_path / "char")) is CharTokenizer
    assert type(load_tokenizer(str(tmp_path / "bpe"))) is BPETokenizer
    with pytest.raises(TokenizerError):
        load_tokenizer(tmp_path / "nowhere")
