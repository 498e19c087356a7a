"""`tokenizer.json`: what the tokenizers library wrote gives its ids, and what would give others is refused by name."""

import copy
import json

import pytest

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import BPETokenizer
from scratchgpt.tokenizers.files.around import read_around, read_lengths, write_around
from scratchgpt.tokenizers.files.fields import (blaming, check_few, check_fields, check_kind, read_bytes, read_text,
                                           token_content)
from scratchgpt.tokenizers.pretokenize.patterns import PATTERNS
from scratchgpt.tokenizers.files.tokenizer_json import read_tokenizer_json, make_tokenizer_json
from tests.checks import checks
from tests.goldens.make_tokenizer_goldens import FILE, HERE, KINDS

GOLDENS = {kind: json.loads((HERE / FILE.format(kind)).read_text("utf-8")) for kind in KINDS}
LLAMA3 = GOLDENS["llama3"]["tokenizer"]
SPLIT, BYTE_LEVEL = LLAMA3["pre_tokenizer"]["pretokenizers"]
TEMPLATE = LLAMA3["post_processor"]["processors"][1]
TEXT_A, BOS = {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<s>", "type_id": 0}}
TOKEN = LLAMA3["added_tokens"][0]
PADDING = {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0,
           "pad_token": "</s>"}
TRUNCATION = {"direction": "Left", "max_length": 10, "strategy": "LongestFirst", "stride": 0}


def read(tmp_path, document):
    (tmp_path / "tokenizer.json").write_text(json.dumps(document), "utf-8")
    return BPETokenizer.from_pretrained(tmp_path)


def changed(*path, to, document=LLAMA3):
    """A copy of a document in which the field at a path is another."""
    document = copy.deepcopy(document)
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return document


@checks(read_tokenizer_json, read_around)
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_library_wrote_gives_the_ids_that_it_gave(tmp_path, kind):
    tokenizer = read(tmp_path, GOLDENS[kind]["tokenizer"])
    assert tokenizer.pattern == kind and tokenizer.ignore_merges == (kind == "llama3")
    assert tokenizer.trim_offsets == ("but first" if kind == "llama3" else False)
    assert list(tokenizer.special_tokens) == ["<s>", "</s>", "<|end|>"]
    assert list(tokenizer.added_tokens) == ["<tool>", "</tool>"]
    assert (tokenizer.bos_token, tokenizer.add_bos_token) == (("<s>", True) if kind == "llama3" else (None, False))
    for text, ids, plain in GOLDENS[kind]["texts"]:
        assert tokenizer(text, allowed_special="all").input_ids.tolist() == ids
        assert tokenizer.encode(text, allowed_special="all") == plain
        assert tokenizer.decode(plain) == text


@checks(make_tokenizer_json, write_around)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_written_again_as_it_was(tmp_path, kind):
    document = GOLDENS[kind]["tokenizer"]
    read(tmp_path, document).save_pretrained(tmp_path)
    written = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))
    for part in ("version", "truncation", "padding", "added_tokens", "normalizer"):
        assert written[part] == document[part]
    added = {token["content"]: token["id"] for token in document["added_tokens"]}
    assert written["model"] == document["model"] | {"vocab": document["model"]["vocab"] | added}
    if kind == "llama3":
        assert written["pre_tokenizer"] == document["pre_tokenizer"]
        assert written["post_processor"]["processors"][1] == document["post_processor"]["processors"][1]


@checks(read_tokenizer_json)
def test_older_files_and_other_spellings_of_the_same_are_read(tmp_path):
    expected = read(tmp_path, LLAMA3).get_vocab()
    merges = [" ".join(pair) for pair in LLAMA3["model"]["merges"]]
    old = changed("model", "merges", to=merges)
    for name in ("type", "byte_fallback", "fuse_unk", "unk_token"):
        del old["model"][name]
    for document in (old, changed("model", "unk_token", to="<s>"), changed("model", "continuing_subword_prefix", to=""),
                     changed("decoder", to={"type": "Sequence", "decoders": [LLAMA3["decoder"]]}),
                     changed("post_processor", to=TEMPLATE), changed("post_processor", to=None)):
        assert read(tmp_path, document).get_vocab() == expected


@checks(read_tokenizer_json)
@pytest.mark.parametrize("regex, name", [*((pattern, "llama3" if name == "cl100k" else name)
                                           for name, pattern in PATTERNS.items()), (r"\d+|\D", r"\d+|\D")])
def test_a_known_pattern_gets_its_name_and_another_stays(tmp_path, regex, name):
    document = changed("pre_tokenizer", "pretokenizers", 0, "pattern", to={"Regex": regex})
    assert read(tmp_path, document).pattern == name
    document["model"]["ignore_merges"] = False
    assert read(tmp_path, document).pattern == name.replace("llama3", "cl100k")


@checks(read_lengths, read_around)
def test_lengths_and_sides_and_what_is_put_around_become_settings(tmp_path):
    document = changed("padding", to=PADDING) | {"truncation": TRUNCATION}
    document["post_processor"] = TEMPLATE | {"single": [TEXT_A, BOS]}
    tokenizer = read(tmp_path, document)
    assert (tokenizer.pad_token, tokenizer.padding_side) == ("</s>", "left")
    assert (tokenizer.model_max_length, tokenizer.truncation_side) == (10, "left")
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.add_bos_token, tokenizer.add_eos_token) == (
        None, "<s>", False, True)
    assert read_lengths(None, None, {}, "file") == {}


@checks(write_around)
def test_a_token_to_be_added_that_is_none_cannot_be_written(tmp_path):
    tokenizer = BPETokenizer.train("", 256)
    tokenizer.add_bos_token = True
    with pytest.raises(TokenizerError, match="add_bos_token needs a bos_token"):
        tokenizer.save_pretrained(tmp_path)


@checks(read_tokenizer_json)
def test_the_two_orders_of_searching_are_told_apart_only_where_they_differ(tmp_path):
    def with_token(content):
        token = {**TOKEN, "special": False, "normalized": False, "content": content, "id": 362}
        return LLAMA3 | {"added_tokens": [*LLAMA3["added_tokens"], token]}
    for content in ("tool_", "é!", "|s|"):
        assert content in read(tmp_path, with_token(content)).added_tokens
    for content in ("x<s>", "s>", "s", "x<", ">x", "<s>>", "<|"):
        with pytest.raises(TokenizerError, match="added_tokens: normalized must be false for special"):
            read(tmp_path, with_token(content))


HOSTILE = [     # where, what, and what the message names
    (["version"], "2.0", "version"), (["version"], 1.0, "version"), (["extra"], 1, "'extra'"),
    (["normalizer"], {"type": "NFC"}, "normalizer must be null"), (["truncation"], [], "truncation"),
    (["truncation"], TRUNCATION | {"max_length": 0}, "truncation: max_length"),
    (["truncation"], TRUNCATION | {"max_length": 1.5}, "truncation: max_length"),
    (["truncation"], TRUNCATION | {"direction": "Up"}, "truncation: direction"),
    (["padding"], PADDING | {"pad_id": 2}, "padding: pad_token and pad_id"),
    (["padding"], PADDING | {"pad_token": "x"}, "padding: pad_token"),
    (["padding"], {}, "padding: direction is missing"),
    (["padding"], PADDING | {"pad_to_multiple_of": 8}, "pad_to_multiple_of"),
    (["added_tokens"], {}, "added_tokens"), (["added_tokens", 0], "<s>", "added_tokens: must be an object"),
    (["added_tokens", 0, "lstrip"], True, "lstrip"), (["added_tokens", 0, "rstrip"], True, "rstrip"),
    (["added_tokens", 0, "single_word"], True, "single_word"), (["added_tokens", 0, "special"], 1, "special"),
    (["added_tokens", 0, "id"], 1, "added_tokens: '<s>' must have one id"),
    (["added_tokens", 0, "id"], "0", "id must be an"),
    (["added_tokens", 3, "id"], 10 ** 30, "model.vocab: ids"), (["added_tokens", 3, "id"], 400, "model.vocab: ids"),
    (["added_tokens", 3, "id"], -1, "model.vocab: ids"), (["added_tokens", 3, "content"], "</tool>", "listed once"),
    (["added_tokens", 3, "content"], "\ud800", "surrogate"),
    (["added_tokens", 3, "content"], "", "must not be empty"),
    (["added_tokens", 4], TOKEN | {"content": "e", "id": 71}, "no bytes or merges"),
    (["added_tokens", 3], {**TOKEN, "content": "x" * 201, "id": 360, "special": False}, "at most 200 characters"),
    (["added_tokens"], [TOKEN] * 10_001, "at most 10000"),
    (["pre_tokenizer"], None, "pre_tokenizer"), (["pre_tokenizer"], {"type": "Whitespace"}, "pre_tokenizer: type"),
    (["pre_tokenizer"], {"type": ["ByteLevel"]}, "pre_tokenizer: type"), (["pre_tokenizer"], {}, "type is missing"),
    (["pre_tokenizer"], BYTE_LEVEL | {"add_prefix_space": True, "use_regex": True}, "add_prefix_space must be false"),
    (["pre_tokenizer"], BYTE_LEVEL, "use_regex must be true"),
    (["pre_tokenizer", "pretokenizers"], [SPLIT], "must be Split, then ByteLevel"),
    (["pre_tokenizer", "pretokenizers"], [BYTE_LEVEL, SPLIT], "pretokenizers, the second: type"),
    (["pre_tokenizer", "pretokenizers", 1, "use_regex"], True, "use_regex must be false"),
    (["pre_tokenizer", "pretokenizers", 0, "behavior"], "Removed", "behavior must be 'Isolated'"),
    (["pre_tokenizer", "pretokenizers", 0, "invert"], True, "invert must be false"),
    (["pre_tokenizer", "pretokenizers", 0, "pattern"], {"String": " "}, "Regex is missing"),
    (["pre_tokenizer", "pretokenizers", 0, "pattern"], {"Regex": "("}, "Regex: .*regular expression"),
    (["pre_tokenizer", "pretokenizers", 0, "pattern"], {"Regex": "\ud800"}, "surrogate"),
    (["post_processor"], {"type": "RobertaProcessing"}, "post_processor: type"),
    (["post_processor", "processors"], [TEMPLATE, TEMPLATE], "one of each type"),
    (["post_processor", "processors", 1, "single"], [], "single must be the text A"),
    (["post_processor", "processors", 1, "single"], [TEXT_A, TEXT_A], "single must be the text A"),
    (["post_processor", "processors", 1, "single"], [BOS, BOS, TEXT_A], "at most one token before"),
    (["post_processor", "processors", 1, "single", 0], {**BOS, **TEXT_A}, "one SpecialToken or Sequence"),
    (["post_processor", "processors", 1, "single", 1], {"Sequence": {"id": "B", "type_id": 0}}, "the text A"),
    (["post_processor", "processors", 1, "special_tokens"], {}, "special_tokens: '<s>'"),
    (["post_processor", "processors", 1, "special_tokens", "<s>", "ids"], [1], "tokens and ids"),
    (["post_processor", "processors", 1, "special_tokens", "<s>", "ids"], [0, 0], "hold one each"),
    (["post_processor", "processors", 1, "special_tokens", "<s>", "tokens"], [["<s>"]], "tokens and ids"),
    (["decoder"], None, "decoder"), (["decoder"], {"type": "Metaspace"}, "decoder: type must be 'ByteLevel'"),
    (["decoder"], {"type": "Sequence", "decoders": []}, "decoders must be ByteLevel alone"),
    (["model"], [], "model"), (["model", "type"], "Unigram", "model: type must be 'BPE'"),
    (["model", "dropout"], 0.1, "dropout"), (["model", "continuing_subword_prefix"], "##", "continuing_subword_prefix"),
    (["model", "end_of_word_suffix"], "</w>", "end_of_word_suffix"),
    (["model", "byte_fallback"], True, "byte_fallback"),
    (["model", "fuse_unk"], "no", "fuse_unk"), (["model", "vocab"], [], "vocab"),
    (["model", "vocab", "!"], 4, "each id"),
    (["model", "vocab", "!"], 2.0, "model.vocab: ids"), (["model", "vocab", "!"], True, "model.vocab: ids"),
    (["model", "vocab", "\ud800"], 362, "U\\+D800"),
    (["model", "vocab", " new"], 362, "model.vocab: a byte-level token"),
    (["model", "merges"], {}, "merges must be a list"), (["model", "merges", 0], ["h"], "model.merges, merge 0"),
    (["model", "merges", 0], "h e l", "model.merges, merge 0"),
    (["model", "merges", 0], [1, 2], "model.merges, merge 0"),
    (["model", "merges", 0], ["q", "q"], "model.merges, merge 0: .* 'qq'"),
    (["model", "merges", 1], ["t", "h"], "merge"),
]


@checks(read_tokenizer_json, check_fields, check_kind, read_around, read_lengths)
@pytest.mark.parametrize("path, value, message", HOSTILE)
def test_what_would_give_other_ids_or_none_is_refused_by_file_and_field(tmp_path, path, value, message):
    with pytest.raises(TokenizerError, match=rf"(?s)tokenizer\.json.*({message})"):
        read(tmp_path, changed(*path, to=value))


@checks(read_tokenizer_json)
@pytest.mark.parametrize("part", ["pre_tokenizer", "decoder", "model", ("model", "vocab"), ("model", "merges")])
def test_a_missing_part_is_named(tmp_path, part):
    document = copy.deepcopy(LLAMA3)
    *outer, name = [part] if isinstance(part, str) else part
    del (document[outer[0]] if outer else document)[name]
    with pytest.raises(TokenizerError, match=f"tokenizer.json.*: {name} is missing"):
        read(tmp_path, document)


@checks(check_fields, check_kind, check_few, token_content, blaming)
def test_a_table_allows_types_values_and_absence():
    table = {"a": (int, "b"), "c": (None, ...)}
    for value in ({"a": 1}, {"a": "b"}, {"a": 0, "c": None}):
        assert check_fields(value, table, "file") is value
    for value in ({"a": True}, {"a": 1.0}, {"a": "c"}, {"a": None}, {}, {"a": 1, "c": 0}, {"a": 1, "d": 1}, [], None):
        with pytest.raises(TokenizerError, match="^file: "):
            check_fields(value, table, "file")
    assert check_fields({"a": 1, "d": 1}, table, "file", others=True)
    assert check_kind({"type": "x", "a": 1}, {"x": table, "y": {}}, "file")["a"] == 1
    for value in ({"type": "z"}, {"type": "y", "a": 1}, {"type": 5}, 5):
        with pytest.raises(TokenizerError, match="^file: "):
            check_kind(value, {"x": table, "y": {}}, "file")
    assert token_content("a", "file") == token_content({"content": "a", "lstrip": False}, "file") == "a"
    with pytest.raises(TokenizerError, match="^outer: inner$"), blaming("outer"):
        raise TokenizerError("inner")


@checks(read_bytes, read_text)
def test_a_file_that_is_missing_too_long_or_no_text_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"a\r\nb\n")
    assert read_bytes(tmp_path / "file") == b"a\r\nb\n" and read_text(tmp_path / "file") == "a\nb\n"
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    for path, limit in ((tmp_path / "file", 4), (tmp_path / "none", 9), (tmp_path, 10 ** 9), (tmp_path / "latin", 9)):
        with pytest.raises(TokenizerError, match=str(path)):
            read_text(path, limit)
