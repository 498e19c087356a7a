"""A tokenizer's files: what was saved comes back, and what cannot be is refused by the name of the file."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import AutoTokenizer, BPETokenizer
from scratchgpt.tokenizers.files.bpe_files import read_bpe, read_merges, write_bpe
from scratchgpt.tokenizers.merges.vocabulary import check_vocab, index_merges, numbers_of, token_table
from scratchgpt.tokenizers.merges.bytes import CHARACTERS_IN_ID_ORDER
from scratchgpt.tokenizers.pretokenize.patterns import PATTERNS
from tests.checks import checks

FILES = ("vocab.json", "merges.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
CORPUS = "the theme of the thesis is the theory\n"
tokenizer = BPETokenizer.train(CORPUS, 270, special_tokens=["<|endoftext|>", " é\n"])
SMALL = {character: i for i, character in enumerate(CHARACTERS_IN_ID_ORDER)} | {"th": 256, "the": 257}
ATTRIBUTES = ("special_tokens", "added_tokens", "_roles", "add_bos_token", "add_eos_token", "padding_side",
              "truncation_side", "model_max_length", "chat_template", "pattern", "ignore_merges", "merges")


@pytest.fixture
def folder(tmp_path):
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def assert_same(one, other, text=""):
    for name in ATTRIBUTES:
        assert getattr(one, name) == getattr(other, name), name
    assert one.get_vocab() == other.get_vocab()
    assert one.encode(text, allowed_special="all") == other.encode(text, allowed_special="all")


@checks(BPETokenizer.save_pretrained, BPETokenizer.from_pretrained, AutoTokenizer.from_pretrained, write_bpe, read_bpe)
@given(corpus=st.text(), pattern=st.sampled_from(sorted([*PATTERNS, r"\w+|\s", "a+(?=b)|\n"])),
       ignore_merges=st.booleans(),
       special=st.lists(st.text(alphabet="<|> é\n\u2028", min_size=2, max_size=4), unique=True, min_size=1, max_size=3),
       added=st.lists(st.text(alphabet="+é \n", min_size=2, max_size=3), unique=True, max_size=3),
       sides=st.tuples(*[st.sampled_from(["left", "right"])] * 2), length=st.none() | st.integers(1, 10 ** 18),
       template=st.sampled_from([None, "chatml", "llama3", "{{ messages }}\n"]), data=st.data())
def test_what_was_saved_comes_back(tmp_path_factory, corpus, pattern, ignore_merges, special, added, sides, length,
                                   template, data):
    folder = tmp_path_factory.mktemp("bpe") / "made on the way"
    trained = BPETokenizer.train(corpus, 270, pattern, special)
    names = trained.convert_ids_to_tokens(range(trained.vocab_size))
    saved = BPETokenizer(trained.get_vocab(), [(names[left], names[right]) for left, right in trained._merges], pattern,
                         special, ignore_merges=ignore_merges)
    saved.add_tokens([token for token in added if token not in saved.get_vocab()])
    saved.padding_side, saved.truncation_side = sides
    saved.model_max_length, saved.chat_template = length, template
    for role in ("bos_token", "eos_token", "unk_token", "pad_token"):
        setattr(saved, role, data.draw(st.none() | st.sampled_from(special)))
    saved.add_bos_token = saved.bos_token is not None and data.draw(st.booleans())
    saved.add_eos_token = saved.eos_token is not None and data.draw(st.booleans())
    saved.save_pretrained(folder)
    for read in (BPETokenizer.from_pretrained, AutoTokenizer.from_pretrained):
        assert_same(read(folder), saved, corpus + "".join(special + added) + corpus)


@checks(write_bpe, BPETokenizer.save_pretrained)
def test_the_files_have_the_form_of_gpt2(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    vocab = json.loads((folder / "vocab.json").read_text("utf-8"))
    assert list(vocab.values()) == list(range(270)) and vocab["<|endoftext|>"] == 0 and vocab["!"] == 2
    lines = (folder / "merges.txt").read_text("utf-8").split("\n")
    assert lines[0] == "#version: 0.2" and lines[1] == "h e" and lines[-1] == "" and len(lines) == 270 - 258 + 2
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    assert (config["tokenizer_class"], config["pretokenizer_pattern"]) == ("PreTrainedTokenizerFast", "gpt2")
    assert config["added_tokens_decoder"]["0"]["content"] == "<|endoftext|>"


@checks(read_bpe, BPETokenizer.from_pretrained)
@pytest.mark.parametrize("kept", [FILES[:2], FILES[2:3], FILES[:3], FILES[:2] + FILES[3:], FILES[2:], FILES[1:]])
def test_tokenizer_json_suffices_and_so_do_the_two_files_of_gpt2(folder, kept):
    for name in set(FILES).difference(kept):
        (folder / name).unlink()
    loaded = AutoTokenizer.from_pretrained(folder)
    assert loaded.special_tokens == tokenizer.special_tokens and loaded.merges == tokenizer.merges
    assert loaded.encode(CORPUS) == tokenizer.encode(CORPUS)


@checks(read_bpe)
def test_a_gpt2_folder_may_keep_added_tokens_apart(folder):
    (folder / "tokenizer.json").unlink()
    entry = {"content": "<|new|>", "special": True}
    (folder / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": {
        "270": entry, "271": {"content": "plain", "special": False}, "272": {"content": "named"}},
        "pad_token": "named"}))
    loaded = BPETokenizer.from_pretrained(folder)
    assert loaded.encode("<|new|>plain", allowed_special="all") == [270, 271]
    assert (loaded.pad_token_id, loaded.added_tokens) == (272, {"plain": 271})


@checks(read_bpe)
def test_whether_tokens_are_put_around_a_text_is_what_tokenizer_json_says(folder):
    (folder / "tokenizer_config.json").write_text('{"bos_token": "<|endoftext|>", "add_bos_token": true}')
    loaded = BPETokenizer.from_pretrained(folder)
    assert loaded.bos_token_id == 0 and not loaded.add_bos_token
    (folder / "tokenizer.json").unlink()
    assert BPETokenizer.from_pretrained(folder).add_bos_token


@checks(read_bpe)
def test_a_token_put_around_a_text_must_have_the_role(folder):
    tokenizer_with_both = BPETokenizer.from_pretrained(folder)
    tokenizer_with_both.bos_token, tokenizer_with_both.add_bos_token = "<|endoftext|>", True
    tokenizer_with_both.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"bos_token": " é\n"}))
    with pytest.raises(TokenizerError, match=r"tokenizer\.json: post_processor must add the bos_token"):
        BPETokenizer.from_pretrained(folder)


@checks(write_bpe, read_bpe)
@pytest.mark.parametrize("ranks", [[0, 1, 2], [2, 1, 0], [5, 9, 5], [10 ** 9, -1, 0], [0, 7, 0]])
def test_ranks_come_back_as_an_order(tmp_path, ranks):
    merges = [("a", "ba"), ("b", "a"), ("ab", "a")]
    vocab = SMALL | {"ba": 258, "ab": 259, "aba": 260}
    saved = BPETokenizer(vocab, merges, ranks=ranks, special_tokens=["th", "the"])
    saved.save_pretrained(tmp_path)
    loaded = BPETokenizer.from_pretrained(tmp_path)
    assert set(loaded.merges) == set(saved.merges)
    for text in ("aba", "abaaba", "ababa baab"):
        assert loaded.encode(text) == saved.encode(text)


@checks(write_bpe)
@pytest.mark.parametrize("ranks", [[0, 0, 1], [0, 0, 0], [1, 2, 2]])
def test_equal_ranks_that_no_file_can_hold_are_refused(tmp_path, ranks):
    saved = BPETokenizer(SMALL | {"ba": 258, "aba": 259}, [("a", "ba"), ("b", "a"), ("t", "h")], ranks=ranks)
    with pytest.raises(TokenizerError, match="merges of equal rank"):
        saved.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


@checks(read_bpe)
@example("\ud800")
@example("(")
@example("gpt3")
@given(pattern=st.text())
def test_a_pattern_that_is_none_is_refused_by_the_name_of_the_file(tmp_path_factory, pattern):
    folder = tmp_path_factory.mktemp("pattern")
    tokenizer.save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"pretokenizer_pattern": pattern}))
    with pytest.raises(TokenizerError, match="tokenizer_config.json: pretokenizer_pattern"):
        BPETokenizer.from_pretrained(folder)


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
    ([("the", "h")], "merge 0: .* got 'theh'"), ([("h", "x"), ("t", "h")], "merge 0: .* got 'hx'"),
    ([("t", "h"), ("t", "")], "merge 1: a merge must be two tokens"),
    ([("t",)], "two tokens"), (["th"], "two tokens"), ([5], "two tokens"), ([(1, 2)], "two tokens"),
])
def test_merges_that_contradict_the_vocabulary_are_refused(merges, message):
    with pytest.raises(TokenizerError, match=f"file, {message}|file, merge .: .*{message}"):
        index_merges(SMALL, merges, "file")


@checks(check_vocab, index_merges, token_table, numbers_of)
def test_a_sound_vocabulary_is_numbered():
    spelled = check_vocab(SMALL)
    assert spelled == list(SMALL)
    assert index_merges(SMALL, [("t", "h"), ("th", "e")]) == {(83, 71): (0, 256), (256, 68): (1, 257)}
    assert index_merges(SMALL, [("t", "h"), ("th", "e")], ranks=[7, 7]) == {(83, 71): (7, 256), (256, 68): (7, 257)}
    assert numbers_of(["the", "th"], SMALL, set(range(256))) == {"th": 256, "the": 257}
    for wrong in ("t", "x"):
        with pytest.raises(TokenizerError, match=f"file: .*'{wrong}'"):
            numbers_of([wrong], SMALL, set(range(256)), "file")
    tokens = token_table([*spelled, "<ü>"], {258})
    assert tokens[220] == b" " and tokens[-2:] == [b"the", "<ü>".encode()]
    with pytest.raises(TokenizerError, match="file: .*surrogate"):
        token_table(["\ud800"], {0}, "file")


@checks(AutoTokenizer.from_pretrained, read_bpe)
@pytest.mark.parametrize("config, message", [
    ("[]", "must be an object"), ('{"tokenizer_class": ["a"]}', "tokenizer_class"),
    ('{"pretokenizer_pattern": "(a+)+$"}', "pretokenizer_pattern"), ('{"pretokenizer_pattern": {}}', "pretokenizer_"),
    ('{"added_tokens_decoder": []}', "added_tokens_decoder"), ('{"added_tokens_decoder": {"x": {}}}', "'x'"),
    ('{"added_tokens_decoder": {"0": {"content": "other", "special": true}}}', "each id"),
    ('{"added_tokens_decoder": {"3": {"content": "<|endoftext|>", "special": true}}}', "must have one id"),
    ('{"added_tokens_decoder": {"270": {"content": "x", "special": true}}}', "must have one id"),
    ('{"added_tokens_decoder": {"89": {"content": "x", "special": true}}}', "no bytes or merges"),
    ('{"added_tokens_decoder": {"270": {"content": "new", "special": 1}}}', "true or false"),
    ("{", "not valid JSON"), ("", "not valid JSON"), ('{"a": 1, "a": 2}', "once"), ("[" * 100_000, "nested"),
])
def test_a_configuration_that_cannot_be_is_refused(folder, config, message):
    (folder / "tokenizer_config.json").write_text(config)
    with pytest.raises(TokenizerError, match=message) as caught:
        AutoTokenizer.from_pretrained(folder)
    assert any(name in str(caught.value) for name in FILES)


@checks(read_bpe, AutoTokenizer.from_pretrained)
@pytest.mark.parametrize("name", FILES[:2])
def test_a_missing_or_huge_file_is_named(folder, name, monkeypatch):
    (folder / "tokenizer.json").unlink()
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content + b" " * 70_000_000)
    with pytest.raises(TokenizerError, match=f"{name}: at most 64000000 bytes"):
        AutoTokenizer.from_pretrained(folder)
    (folder / name).unlink()
    with pytest.raises(TokenizerError, match=name):
        AutoTokenizer.from_pretrained(folder)
