"""Files are written whole or not at all, and JSON means one thing or is refused."""

import json
import math
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchgpt.errors import CheckpointError, ConfigError, ScratchGPTError, TokenizerError
from scratchgpt.files import atomic_write, dump_json, parse_json, read_bytes, read_json, sweep, write_json
from tests.checks import checks

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# atomic_write ---------------------------------------------------------------------------------------------------------

@checks(atomic_write)
def test_what_is_written_replaces_the_old_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "weights"
    for content in ("old\n", "new é\n", ""):
        with atomic_write(path) as file:
            file.write(content)
        assert path.read_bytes() == content.encode("utf-8") and names(tmp_path) == ["weights"]
    with atomic_write(str(path), "wb") as file:
        file.write(b"\r\n\xff")
    assert path.read_bytes() == b"\r\n\xff" and names(tmp_path) == ["weights"]


@checks(atomic_write)
def test_until_the_end_readers_see_the_old_file(tmp_path):
    path = tmp_path / "weights"
    path.write_text("old")
    with atomic_write(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@checks(atomic_write)
@pytest.mark.parametrize("problem", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", [b"old", None])
def test_an_exception_leaves_the_old_file_and_no_temporary(tmp_path, problem, before):
    path = tmp_path / "weights"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(problem):
        with atomic_write(path, "wb") as file:
            file.write(b"half of the new")
            raise problem
    assert names(tmp_path) == ([] if before is None else ["weights"])
    assert before is None or path.read_bytes() == before


@checks(atomic_write, sweep)
@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
@pytest.mark.parametrize("before", ["old", None])
def test_a_kill_in_the_middle_of_writing_leaves_the_old_file(tmp_path, before):
    path = tmp_path / "weights"
    if before is not None:
        path.write_text(before)
    script = """
import sys
from scratchgpt.files import atomic_write
with atomic_write(sys.argv[1]) as file:
    file.write("half of the new")
    file.flush()
    print("half way", flush=True)
    sys.stdin.read()
"""
    writer = subprocess.Popen([sys.executable, "-c", script, str(path)], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert writer.stdout.readline() == "half way\n"
    finally:
        writer.kill()
        writer.communicate(timeout=60)
    assert writer.returncode == -9
    assert path.exists() == (before is not None) and (before is None or path.read_text() == before)
    with atomic_write(path) as file:                              # and what the kill left behind is in nobody's way
        file.write("new")
    assert path.read_text() == "new" and len(names(tmp_path)) == 2
    sweep(tmp_path)
    assert path.read_text() == "new" and names(tmp_path) == ["weights"]


@checks(sweep)
def test_sweeping_takes_nothing_but_our_own_temporaries(tmp_path):
    others = [".hidden", ".hidden.tmp", ".notes.txt.tmp", ".notes.12345678", "notes.12345678.tmp", "weights"]
    for name in [*others, ".weights.0123abcd.tmp"]:
        (tmp_path / name).write_text("")
    sweep(str(tmp_path))
    assert names(tmp_path) == sorted(others)
    sweep(tmp_path)
    assert names(tmp_path) == sorted(others)


@checks(atomic_write)
def test_the_new_content_is_on_the_disk_before_it_takes_the_old_name(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace

    def note_sync(handle):
        status = os.fstat(handle)
        events.append("folder" if stat.S_ISDIR(status.st_mode) else f"file of {status.st_size} bytes")
        fsync(handle)

    def note_rename(old, new):
        events.append("rename")
        replace(old, new)
    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    with atomic_write(tmp_path / "weights") as file:
        file.write("12345")
    assert events[:2] == ["file of 5 bytes", "rename"] and events[2:] == ["folder"] * (os.name == "posix")


@checks(atomic_write)
def test_a_folder_that_cannot_be_written_is_an_oserror_that_names_the_file(tmp_path):
    (tmp_path / "file").write_text("no folder")
    for path in (tmp_path / "missing" / "weights", tmp_path / "file" / "weights"):
        with pytest.raises(OSError) as problem:
            with atomic_write(path):
                pass
        assert problem.value.filename == str(path)
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        with atomic_write(tmp_path / "taken") as file:
            file.write("a folder has this name")
    assert names(tmp_path) == ["file", "taken"]


# parse_json -----------------------------------------------------------------------------------------------------------

@checks(parse_json)
@given(values)
def test_what_json_writes_is_read_as_it_was_from_text_and_from_bytes(value):
    text = json.dumps(value, ensure_ascii=False)
    assert parse_json(text, "here") == parse_json(text.encode(), "here") == value


@checks(parse_json)
@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '{"a": 1, "b": 2, "a": 2}', '[{"x": {"a": 1, "\\u0061": 2}}]'])
def test_a_key_that_appears_twice_is_refused_at_any_depth_and_however_it_is_spelled(text):
    with pytest.raises(CheckpointError, match="here: every key must appear once; 'a' appears 2 times"):
        parse_json(text, "here")


@checks(parse_json)
@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[1e400]", '{"a": -1e400}', "[NaN]",
                                  "9" * 400 + ".0"])
def test_numbers_must_be_finite(text):
    with pytest.raises(CheckpointError, match="here: numbers must be finite; got"):
        parse_json(text, "here")


@checks(parse_json)
@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000])
def test_a_nesting_bomb_is_refused(text):
    with pytest.raises(CheckpointError, match="here: (the JSON is nested too deeply|not valid JSON)"):
        parse_json(text, "here")


@checks(parse_json)
def test_large_integers_are_exact_and_huge_ones_are_refused_before_they_cost_anything():
    assert parse_json(str(2**64 + 1), "here") == 2**64 + 1
    with pytest.raises(CheckpointError, match="here: not valid JSON"):
        parse_json("1" * 1_000_000, "here")


@checks(parse_json)
@pytest.mark.parametrize("text", ["", " ", "{", "[1,]", "{'a': 1}", '{"a": 1} x', "01", "+1", ".5", "1.", '"\n"',
                                  '"\\x"', "nul", "\x00", "\ufeff[]", b"\xff", b"\xc3", b'"\xed\xa0"', b"\x00\x00",
                                  "[1] // one"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(CheckpointError, match="here: not valid JSON"):
        parse_json(text, "here")


JSON_LIKE = st.text(alphabet='{}[]",:0123456789.eE+-\\u tfnaNIy', max_size=60)


@checks(parse_json)
@given(st.binary(max_size=60) | JSON_LIKE | JSON_LIKE.map(str.encode)
       | st.binary(max_size=9).map(lambda key: b'{"' + key + b'": 1}'))
@example(b"\xef\xbb\xbf{}")
@example(b'{"\xed\xa0\x80": 1, "\xed\xa0\x80": 2}')
@example('{"\\ud800": 1, "\\ud800": 2}')
def test_any_bytes_are_a_value_or_the_error_that_was_asked_for_and_no_other(data):
    try:
        value = parse_json(data, "here", TokenizerError)
    except TokenizerError as problem:
        assert str(problem).startswith("here: ")
    else:
        assert value is None or isinstance(value, (bool, int, float, str, list, dict))
        assert not isinstance(value, float) or math.isfinite(value)


@checks(parse_json)
@pytest.mark.parametrize("error", [CheckpointError, TokenizerError, ConfigError, ValueError])
@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', "NaN", "[1e999]", "{", "[" * 200_000])
def test_the_error_is_the_callers(error, text):
    with pytest.raises(error, match="here: ") as caught:
        parse_json(text, "here", error)
    assert type(caught.value) is error


@checks(parse_json)
@given(st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cc", "Cs"]), min_size=500, max_size=600))
def test_messages_stay_short_whatever_the_file_holds(key):
    for text in (f'{{"{key}": 1, "{key}": 2}}', "1" * 5_000, "2" * 5_000 + "e999", f"[{key}]"):
        with pytest.raises(ScratchGPTError) as caught:
            parse_json(text, "here")
        assert len(str(caught.value)) < 1_000


# read_json, write_json ------------------------------------------------------------------------------------------------

@checks(read_json, write_json)
@given(values)
def test_what_was_written_comes_back(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("json") / "value.json"
    write_json(path, value)
    assert read_json(path) == value and names(path.parent) == ["value.json"]


@checks(write_json)
def test_the_file_is_indented_utf8_and_ends_its_last_line(tmp_path):
    write_json(tmp_path / "value.json", {"é": [1]})
    assert (tmp_path / "value.json").read_bytes() == '{\n  "é": [\n    1\n  ]\n}\n'.encode()


@checks(dump_json)
def test_json_is_in_the_open_file_at_once_so_that_a_full_disk_is_known_before_anything_is_renamed(tmp_path):
    with atomic_write(tmp_path / "value.json") as file:
        dump_json({"a": 1}, file)
        (temporary,) = tmp_path.iterdir()
        assert json.loads(temporary.read_text()) == {"a": 1}


@checks(write_json)
@pytest.mark.parametrize("value", [math.nan, [math.inf], {"a": {1, 2}}, "\ud800"])
def test_what_json_cannot_say_is_not_written(tmp_path, value):
    path = tmp_path / "value.json"
    path.write_text("old")
    with pytest.raises((ValueError, TypeError)):
        write_json(path, value)
    assert path.read_text() == "old" and names(tmp_path) == ["value.json"]


@checks(read_json)
def test_a_file_that_is_missing_or_a_folder_is_an_error_that_names_it(tmp_path):
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(TokenizerError, match=f"{path.name}: cannot be read"):
            read_json(path, TokenizerError)


@checks(read_bytes, read_json)
def test_what_could_be_endless_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        for read in (read_bytes, read_json):
            with pytest.raises(TokenizerError, match=f"{name}: cannot be read .not a regular file"):
                read(tmp_path / name, TokenizerError)
    for name in (None, "a\0b"):
        with pytest.raises(TokenizerError, match="cannot be read"):
            read_bytes(name, TokenizerError)
    (tmp_path / "bytes").write_bytes(b"\x00\xff")
    assert read_bytes(tmp_path / "bytes") == b"\x00\xff"


@checks(read_json)
def test_a_file_that_is_too_large_is_refused_by_its_size_and_damaged_ones_by_their_name(tmp_path):
    path = tmp_path / "value.json"
    path.write_text("[" + " " * 98 + "]")
    assert read_json(path, max_bytes=100) == []
    with pytest.raises(CheckpointError, match="value.json: at most 99 bytes are read; the file has 100"):
        read_json(path, max_bytes=99)
    path.write_bytes(b'{"a": 1, "a": 2}')
    with pytest.raises(TokenizerError, match="value.json: every key must appear once"):
        read_json(path, TokenizerError)
