"""Damaged and hostile tokenizer files: out of them comes a tokenizer that works, or one TokenizerError."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchgpt.errors import TokenizerError
from scratchgpt.tokenizers import AutoTokenizer, BPETokenizer, CharTokenizer
from tests.checks import checks

TEXT = "the theme of the thesis is the theory\n"
SECONDS = 10.0                  # far above what any of these small files takes, far below what a bomb would


def bpe_tokenizer(pattern="llama3"):
    tokenizer = BPETokenizer.train(TEXT, 280, pattern, ["<s>", "</s>", "<pad>"])
    tokenizer.add_tokens(["<tool>"])
    tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token = "<s>", "</s>", "<pad>"
    tokenizer.add_bos_token, tokenizer.chat_template, tokenizer.model_max_length = True, "chatml", 99
    return tokenizer


def char_tokenizer():
    tokenizer = CharTokenizer.train(TEXT)
    tokenizer.add_special_tokens({"bos_token": "<s>", "additional_special_tokens": ["<x>"]})
    return tokenizer


def read_tiktoken(folder):
    return BPETokenizer.from_tiktoken(folder / "ranks.tiktoken", "gpt2", {"<s>": 300})


KINDS = {       # kind of folder -> its files, of which one is damaged; how to write them, and to read them
    "json": (["tokenizer.json", "tokenizer_config.json"], bpe_tokenizer, AutoTokenizer.from_pretrained),
    "gpt2": (["vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"],
             bpe_tokenizer, AutoTokenizer.from_pretrained),
    "char": (["char_vocab.json", "tokenizer_config.json"], char_tokenizer, AutoTokenizer.from_pretrained),
    "tiktoken": (["ranks.tiktoken"], lambda: bpe_tokenizer("gpt2"), read_tiktoken),
}
FILES = [(kind, name) for kind, (names, _, _) in KINDS.items() for name in names]
BOMB = 100_000
WHOLE = [b"", b"null", b"[]", b"{}", b"5", b'"', b"\xff\xfe", b"\x00" * 99, b"[" * BOMB, b'{"a":' * BOMB, b"NaN",
         b"1e999",
         b"9" * 9_999, b'{"a":1,"a":2}', b"\xef\xbb\xbf{}", b'"\\ud800"', b"a b\n" * 999, b"= 1\n" * 999]
VALUES = [None, True, False, 0, -1, 3, 10 ** 30, 1.5, 1e300, "", "a", "<s>", "\ud800", "(", "(a+)+$", "x" * 10_000, [],
          {},
          [[]], {"": None}, [None], {"type": "ByteLevel"}, {"type": "Sequence"}, {"content": "<s>"}, "NaN", ["a", "b"],
          {"<s>": 0}, "gpt2"]


def written(folder, kind):
    """The folder of a sound tokenizer, in which only the files of this kind are left."""
    names, make, read = KINDS[kind]
    tokenizer = make()
    tokenizer.save_pretrained(folder)
    if kind == "tiktoken":
        tokenizer.save_tiktoken(folder / "ranks.tiktoken")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()
    sound = read(folder)                                        # what refused everything would prove nothing
    assert sound.decode(sound.encode("the thesis")) == "the thesis"
    return read


def assert_sound_or_refused(folder, read):
    start = time.monotonic()
    try:
        loaded = read(folder)
        text = "the thesis"
        ids = loaded.encode(text, disallowed_special=())
        assert loaded.decode(ids) == text and all(0 <= i < loaded.vocab_size for i in ids)
        loaded.save_pretrained(folder / "again")
    except TokenizerError as problem:
        assert str(problem).encode("utf-8")                     # can be printed
    assert time.monotonic() - start < SECONDS


@checks(AutoTokenizer.from_pretrained, BPETokenizer.from_tiktoken, CharTokenizer.from_pretrained)
@pytest.mark.parametrize("kind, name", FILES)
def test_bytes_changed_cut_out_or_doubled_load_soundly_or_are_refused(tmp_path_factory, kind, name):
    folder = tmp_path_factory.mktemp("fuzz")
    read = written(folder, kind)
    content = (folder / name).read_bytes()

    @given(st.data())
    def damage(data):
        start, stop = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        if data.draw(st.booleans()):
            stop = min(stop, start + 4)
        middle = data.draw(st.binary(max_size=6) | st.sampled_from(
            [b'"', b"\n", b" ", b"9", b"-1", b"1e99", b"NaN", b"\xff", b"null", b"[", b"}", content[start:stop] * 2]))
        end = data.draw(st.sampled_from([content[stop:], b""]))
        (folder / name).write_bytes(content[:start] + middle + end)
        assert_sound_or_refused(folder, read)
    damage()


@checks(AutoTokenizer.from_pretrained, BPETokenizer.from_tiktoken)
@pytest.mark.parametrize("kind, name", FILES)
def test_a_file_of_something_else_altogether_is_refused(tmp_path, kind, name):
    read = written(tmp_path, kind)
    for content in WHOLE:
        (tmp_path / name).write_bytes(content)
        assert_sound_or_refused(tmp_path, read)


def places(value, path=()):
    """The paths to all values inside a value of JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] + [place for key, part in inner for place in places(part, (*path, key))]


def put(value, path, new):
    """A copy of a value of JSON in which another stands at a path; new is made from the old one."""
    if not path:
        return new(value)
    copy = value.copy()
    copy[path[0]] = put(value[path[0]], path[1:], new)
    return copy


@checks(AutoTokenizer.from_pretrained)
@pytest.mark.parametrize("kind, name", [(kind, name) for kind, name in FILES if name.endswith(".json")])
def test_json_with_another_value_somewhere_loads_soundly_or_is_refused(tmp_path_factory, kind, name):
    folder = tmp_path_factory.mktemp("fuzz")
    read = written(folder, kind)
    document = json.loads((folder / name).read_text("utf-8"))
    every = places(document)
    outer = [place for place in every if len(place) < 3 or "vocab" not in place and "merges" not in place]

    @given(st.data())
    def damage(data):
        path = data.draw(st.sampled_from(outer) | st.sampled_from(every))
        new = data.draw(st.sampled_from(VALUES))
        how = data.draw(st.sampled_from([lambda old: new, lambda old: [old], lambda old: {"a": old},
                                         lambda old: [*old, new] if isinstance(old, list) else new,
                                         lambda old: {**old, "a": new} if isinstance(old, dict) else new,
                                         lambda old: old[1:] if isinstance(old, (str, list)) else new,
                                         lambda old: dict(list(old.items())[1:]) if isinstance(old, dict) else new]))
        other = data.draw(st.sampled_from(['"NaN"', "NaN", "-Infinity", "[" * 5_000 + "]" * 5_000]))
        (folder / name).write_text(json.dumps(put(document, path, how)).replace('"NaN"', other))
        assert_sound_or_refused(folder, read)
    damage()


@checks(BPETokenizer.from_pretrained)
@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json"])
def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path, name):
    read = written(tmp_path, "json" if name.startswith("tokenizer") else "gpt2")
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(TokenizerError, match=name):
        read(tmp_path)
