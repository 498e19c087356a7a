"""`scratchgpt tokenizer` as a person meets it: learning, a round trip, a look inside, one sentence for a mistake."""

import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgpt as sg
from scratchgpt import cli
from scratchgpt.cli import inspect_tokenizer, train_tokenizer
from scratchgpt.cli import tokenizer as tokenizer_command
from tests.checks import checks
from tests.cli.support import ROOT, SMALL, TEXT, refused

STORY = TEXT + "A café in Zürich: 1234 cups, it's “open”.\n\n\tThe end 🐈<|end|>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("tokenizers") / "cat"
    path = out.parent / "story.txt"
    path.write_bytes(STORY.encode())
    assert cli.main(["tokenizer", "train", str(path), "--out", str(out), "--vocab-size", "300",
                     "--special-token", "<|end|>"]) == 0
    return out


class Terminal(io.StringIO):
    """A stream that says that a person is looking."""

    def isatty(self):
        return True


def stdin(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))


def said(capsys, *argv):
    assert cli.main(["tokenizer", *map(str, argv)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@checks(tokenizer_command.add_to, train_tokenizer.add_to, train_tokenizer.run)
def test_training_writes_the_tokenizer_of_the_library_and_says_what_it_learned(tmp_path, capsys):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text(TEXT), second.write_text(STORY, encoding="utf-8")
    out = said(capsys, "train", first, second, "--out", tmp_path / "t", "--vocab-size", 280,
               "--pattern", "llama3", "--special-token", "<|a|>", "--special-token", "<|b|>", "--min-frequency", 2)
    expected = sg.BPETokenizer.train([TEXT, STORY], 280, "llama3", ["<|a|>", "<|b|>"], 2)
    found = sg.BPETokenizer.from_pretrained(tmp_path / "t")
    assert found.get_vocab() == expected.get_vocab() and found.merges == expected.merges
    assert (found.pattern, found.special_tokens) == ("llama3", expected.special_tokens)
    tokens = len(expected.encode(TEXT))
    assert "280 tokens: 256 bytes, 22 merges, 2 special" in out and str(tmp_path / "t") in out
    assert f"{len(TEXT) / tokens:.2f} characters ({len(TEXT) / tokens:.2f} bytes) per token" in out
    assert "longest tokens   ␣the" in out and "fewer" not in out


@checks(train_tokenizer.run)
@pytest.mark.parametrize("frequency, why", [([], "every piece of the text is one token"),
                                            (["--min-frequency", "50"], "no pair of tokens occurs 50 times")])
def test_training_that_ends_early_says_so(tmp_path, capsys, frequency, why):
    (tmp_path / "a.txt").write_text(TEXT)
    out = said(capsys, "train", tmp_path / "a.txt", "--out", tmp_path / "t", "--vocab-size", 9_999, *frequency)
    made = sg.BPETokenizer.from_pretrained(tmp_path / "t").vocab_size
    assert f"learned          {made:,} tokens" in out and "fewer than the 9,999 asked for" in out and why in out


@checks(train_tokenizer.run)
def test_progress_is_shown_to_a_person_only_and_leaves_its_line_blank(tmp_path, capsys, monkeypatch):
    (tmp_path / "a.txt").write_text(TEXT)
    times = iter(range(10_000))
    monkeypatch.setattr(train_tokenizer.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    argv = ["tokenizer", "train", tmp_path / "a.txt", "--out", tmp_path / "t", "--vocab-size", 270]
    assert cli.main(list(map(str, argv))) == 0
    lines = [line.strip() for line in terminal.getvalue().split("\r")]
    assert lines[1] == train_tokenizer.READING and "merge 14 of 14" in lines and lines[-2:] == ["", ""]
    assert "\n" not in terminal.getvalue()


@checks(train_tokenizer.run)
def test_a_model_can_be_trained_with_the_tokenizer(folder, tmp_path):
    (tmp_path / "cat.txt").write_text(TEXT)
    assert cli.main(["train", str(tmp_path / "cat.txt"), "--out", str(tmp_path / "r"), *SMALL,
                     "--tokenizer", str(folder)]) == 0
    assert sg.GPT2.from_pretrained(tmp_path / "r").config.vocab_size == 300


@checks(tokenizer_command.encode, tokenizer_command.decode, tokenizer_command.read)
@pytest.mark.parametrize("data", [STORY.encode(), b"", b"\n", b"no line end", b"\r\n \r\n\n",
                                  "é\u2028\ufffd\0".encode()])
def test_a_file_encoded_and_decoded_is_the_same_byte_for_byte(folder, tmp_path, monkeypatch, capsysbinary, data):
    (tmp_path / "text").write_bytes(data)
    for source in ([], ["--file", str(tmp_path / "text")]):
        stdin(monkeypatch, data)
        assert cli.main(["tokenizer", "encode", "--tokenizer", str(folder), "--allow-special", *source]) == 0
        ids = capsysbinary.readouterr().out
        assert ids.endswith(b"\n") and ids.count(b"\n") == 1
        stdin(monkeypatch, ids)
        assert cli.main(["tokenizer", "decode", "--tokenizer", str(folder)]) == 0
        assert capsysbinary.readouterr().out == data


@checks(tokenizer_command.encode, tokenizer_command.decode)
def test_two_processes_with_a_pipe_between_them_give_the_text_back(folder, tmp_path):
    data = (STORY * 50).replace("<|end|>", "").encode()
    run = dict(stdout=subprocess.PIPE, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    command = [sys.executable, "-m", "scratchgpt", "tokenizer"]
    ids = subprocess.run([*command, "encode", "--tokenizer", folder], input=data, **run).stdout
    assert subprocess.run([*command, "decode", "--tokenizer", folder], input=ids, **run).stdout == data


@checks(tokenizer_command.encode)
def test_encoding_prints_the_ids_and_with_tokens_also_where_each_one_stands(folder, capsys):
    tokenizer = sg.BPETokenizer.from_pretrained(folder)
    ids = tokenizer.encode("the café")
    assert said(capsys, "encode", "--tokenizer", folder, "the café") == " ".join(map(str, ids)) + "\n"
    rows = [line.split() for line in said(capsys, "encode", "--tokenizer", folder, "--tokens", "the café").splitlines()]
    assert [int(row[0]) for row in rows] == ids and [row[1] for row in rows] == tokenizer.tokenize("the café")
    assert [row[2] for row in rows] == [f"{a}-{b}" for a, b in tokenizer("the café").offsets]
    assert said(capsys, "encode", "--tokenizer", folder, "--tokens", "") == ""


@checks(tokenizer_command.encode, inspect_tokenizer.summary)
def test_a_tokenizer_of_characters_is_taken_too_and_no_token_breaks_its_line(tmp_path, capsys):
    sg.CharTokenizer("ab \n").save_pretrained(tmp_path)
    lines = said(capsys, "encode", "--tokenizer", tmp_path, "--tokens", "a \nb").splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines] == ["a     0-1", "' '   1-2", "'\\n'  2-3", "b     3-4"]
    out = said(capsys, "inspect", "--tokenizer", tmp_path)
    assert "CharTokenizer" in out and "4 tokens" in out and "merges" not in out


@checks(tokenizer_command.decode)
def test_decoding_takes_ids_as_arguments_and_ends_the_line_for_a_person_only(folder, capsys, monkeypatch):
    ids = list(map(str, sg.BPETokenizer.from_pretrained(folder).encode("the cat")))
    assert said(capsys, "decode", "--tokenizer", folder, *ids) == "the cat"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert said(capsys, "decode", "--tokenizer", folder, *ids) == "the cat\n"


@checks(inspect_tokenizer.run, inspect_tokenizer.explanation, inspect_tokenizer.add_to)
def test_inspect_shows_every_merge_of_a_word_and_what_it_ends_as(folder, capsys):
    tokenizer = sg.BPETokenizer.from_pretrained(folder)
    blocks = said(capsys, "inspect", "--tokenizer", folder, " the caté<|end|>", "a").strip().split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == ["␣the", "␣caté", "<|end|>", "a"]
    lines = blocks[0].splitlines()
    assert lines[1].endswith("  ␣ | t | h | e") and lines[-2].endswith("  ␣the")
    assert lines[-1] == f"  id {tokenizer.encode(' the')[0]}"
    assert all(line.startswith("  rank ") and " + " in line for line in lines[2:-1])
    assert r"\xc3 | \xa9" in blocks[1] and "  special token   <|end|>\n  id 0" in blocks[2]


@checks(inspect_tokenizer.explanation)
def test_inspect_says_when_a_piece_is_taken_whole(folder):
    trained = sg.BPETokenizer.from_pretrained(folder)
    merges = [tuple(trained.convert_ids_to_tokens([trained.encode(part.decode())[0]])[0] for part in pair)
              for pair in trained.merges[:2]]
    tokenizer = sg.BPETokenizer(trained.get_vocab(), merges, special_tokens=["<|end|>"], ignore_merges=True)
    assert any("taken whole" in line for line in inspect_tokenizer.explanation(tokenizer, [" the"]))
    assert not any("taken whole" in line for line in inspect_tokenizer.explanation(tokenizer, [" thecat"]))


@checks(inspect_tokenizer.summary, inspect_tokenizer.run)
def test_inspect_without_a_text_sums_the_tokenizer_up(folder, capsys):
    out = said(capsys, "inspect", "--tokenizer", folder)
    for part in ("BPETokenizer", "300 tokens, 43 of them merged, 1 special", "gpt2", "0 <|end|>", "first merges",
                 "last merges"):
        assert part in out
    tokenizer = sg.BPETokenizer.from_pretrained(folder)
    tokenizer.pad_token = "<|end|>"
    tokenizer.add_tokens(["whole phrase"])
    lines = list(inspect_tokenizer.summary(tokenizer))
    assert "special token    0 <|end|> (pad_token)" in lines and "added token      300 whole␣phrase" in lines


TABLE = """\
merge       count   e   s   t   _  f  i  es  t_  est_  fi
(none)             16  13  13  16  9  9
e + s          13   3   0  13  16  9  9  13
t + _          13   3   0   0   3  9  9  13  13
es + t_        13   3   0   0   3  9  9   0   0    13
f + i           9   3   0   0   3  0  0   0   0    13   9
not touched: o 7, l 7, d 3, r 3, n 9, w 4
"""


@checks(inspect_tokenizer.count_lines, inspect_tokenizer.counted_word)
def test_inspect_prints_the_table_of_the_worked_example(capsys):
    table = said(capsys, "inspect", "--example", "--merges", 4)
    assert [line.split() for line in table.splitlines()] == [line.split() for line in TABLE.splitlines()]
    words = ["older_=3", "finest_=9", "lowest_=4"]
    assert said(capsys, "inspect", "--counts", *words, "--merges", 4) == table
    assert said(capsys, "inspect", "--example") == said(capsys, "inspect", "--counts", *words)
    assert said(capsys, "inspect", "--counts", "aa=b=2").splitlines()[-1].startswith("after 3 merges every word")


@checks(inspect_tokenizer.count_lines)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=6).filter(str.isprintable), st.integers(1, 99)), min_size=1,
                max_size=4), st.integers(0, 9))
def test_the_columns_of_any_table_stand_below_their_names(words, n_merges):
    header, *rows = list(inspect_tokenizer.count_lines(words, n_merges))
    rows = [row for row in rows if not row.startswith(("not touched: ", "after "))]
    assert all(len(row) <= len(header) for row in rows)
    n_columns = len(header.split()) - 2
    assert len(rows[-1].replace(" + ", "+").split()) == n_columns + (2 if len(rows) > 1 else 1)


@checks(inspect_tokenizer.print_lines)
def test_a_terminal_that_lacks_a_character_gets_its_escape(folder, monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    for argv in (["inspect", " the"], ["encode", "--tokens", " é"]):
        assert cli.main(["tokenizer", argv[0], "--tokenizer", str(folder), *argv[1:]]) == 0
    out = narrow.buffer.getvalue()
    assert out.startswith(b"\\u2423the\n") and b"\\xc3" in out


@checks(train_tokenizer.run)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes as POSIX has them")
def test_a_pipe_can_be_learned_from(tmp_path):
    command = [sys.executable, "-m", "scratchgpt", "tokenizer", "train", "/dev/stdin", "--out", tmp_path / "t"]
    done = subprocess.run([*command, "--vocab-size", "260"], input=TEXT.encode(), capture_output=True, check=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert b"learned          260 tokens" in done.stdout and b"compression" not in done.stdout
    assert sg.BPETokenizer.from_pretrained(tmp_path / "t").merges == sg.BPETokenizer.train(TEXT, 260).merges


@checks(inspect_tokenizer.shortened)
def test_a_long_token_is_shortened():
    assert inspect_tokenizer.shortened(b" the") == "␣the"
    assert inspect_tokenizer.shortened(b"-" * 99) == "-" * 40 + "… (99 bytes)"


MISTAKES = [
    (["train", "missing.txt", "--out", "t"], "missing.txt: must be a text file; there is none"),
    (["train", "cat.txt", "missing.txt", "--out", "t"], "missing.txt"),
    (["train", "empty.txt", "--out", "t"], "empty.txt: is empty"),
    (["train", "latin1.txt", "--out", "t"], "latin1.txt: must be UTF-8"),
    (["train", ".", "--out", "t"], "it is a folder"),
    (["train", "--out", "t"], "FILE"),
    (["train", "cat.txt"], "--out"),
    (["train", "cat.txt", "--out", "cat.txt"], "cat.txt: must be a folder"),
    (["train", "cat.txt", "--out", "cat.txt/inside"], "cat.txt: must be a folder"),
    (["train", "cat.txt", "--out", "t", "--vocab-size", "255"], "at least 256 + 0 special tokens = 256; got 255"),
    (["train", "cat.txt", "--out", "t", "--vocab-size", "256", "--special-token", "<a>"], "= 257; got 256"),
    (["train", "cat.txt", "--out", "t", "--vocab-size", "many"], "--vocab-size"),
    (["train", "cat.txt", "--out", "t", "--pattern", "gpt3"], "pattern must be one of gpt2, cl100k, cl100k_base, llama3"),
    (["train", "cat.txt", "--out", "t", "--pattern", "(a"], "pattern must be a regular expression"),
    (["train", "cat.txt", "--out", "t", "--special-token", ""], "non-empty"),
    (["train", "cat.txt", "--out", "t", "--special-token", "Ġthe"], "'Ġthe'"),
    (["train", "cat.txt", "--out", "t", "--special-token", "\udcff"], "surrogates"),
    (["train", "cat.txt", "--out", "t", "--min-frequency", "0"], "--min-frequency"),
    (["train", "cat.txt", "--out", "DIR"], "give --overwrite"),
    (["encode", "hello"], "--tokenizer"),
    (["encode", "--tokenizer", "nowhere", "hello"], "nowhere"),
    (["encode", "--tokenizer", ".", "hello"], "none of them"),
    (["encode", "--tokenizer", "DIR", "--file", "missing.txt"], "missing.txt"),
    (["encode", "--tokenizer", "DIR", "--file", "latin1.txt"], "latin1.txt: must be UTF-8 text; byte 0"),
    (["encode", "--tokenizer", "DIR", "--file", "cat.txt", "hello"], "not allowed with"),
    (["encode", "--tokenizer", "DIR", "a<|end|>b"], "'<|end|>' at character 1; give --allow-special"),
    (["encode", "--tokenizer", "DIR", "a\udcff"], "surrogates"),
    (["encode", "--tokenizer", "DIR"], "standard input: must be UTF-8"),
    (["decode", "--tokenizer", "nowhere", "1"], "nowhere"),
    (["decode", "--tokenizer", "DIR", "1", "two"], "whole numbers with spaces between; got 'two'"),
    (["decode", "--tokenizer", "DIR", "1.0"], "got '1.0'"),
    (["decode", "--tokenizer", "DIR", "300"], "below vocab_size=300; got 300"),
    (["decode", "--tokenizer", "DIR", "-1"], "got -1"),
    (["decode", "--tokenizer", "DIR", "9" * 5_000], "got '999"),
    (["decode", "--tokenizer", "DIR"], "standard input: must be UTF-8"),
    (["inspect"], "--tokenizer --example --counts is required"),
    (["inspect", "--tokenizer", "nowhere"], "nowhere"),
    (["inspect", "--tokenizer", "chars", "a"], "got a CharTokenizer"),
    (["inspect", "--tokenizer", "DIR", "the", "\udcff"], "surrogates"),
    (["inspect", "--tokenizer", "DIR", "--merges", "3"], "--merges"),
    (["inspect", "--example", "--counts", "a=1"], "not allowed with"),
    (["inspect", "--counts", "a"], "must be WORD=NUMBER"),
    (["inspect", "--counts", "=3"], "must be WORD=NUMBER"),
    (["inspect", "--counts", "a=0"], "must be WORD=NUMBER"),
    (["inspect", "--counts", "a=-1"], "must be WORD=NUMBER"),
    (["inspect", "--counts", "a=" + "9" * 5_000], "must be WORD=NUMBER"),
    (["inspect", "--counts", "a=1", "b=x"], "must be WORD=NUMBER"),
    (["inspect", "--counts", "\udcff=1"], "must be WORD=NUMBER"),
    (["inspect", "--example", "--merges", "-1"], "--merges"),
    (["inspect", "--merges", "3", "--example", "word"], "without --tokenizer"),
    (["fly"], "fly"),
    ([], "COMMAND"),
]


@checks(cli.main, train_tokenizer.run, tokenizer_command.encode, tokenizer_command.decode, inspect_tokenizer.run)
@pytest.mark.parametrize("argv, says", MISTAKES)
def test_a_mistake_gets_one_sentence_and_writes_nothing(folder, tmp_path, monkeypatch, capsys, argv, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.txt").write_text(TEXT)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "latin1.txt").write_bytes("é".encode("latin-1") * 100)
    sg.CharTokenizer("abc").save_pretrained(tmp_path / "chars")
    stdin(monkeypatch, b"\xff\xfe")
    before = {path: path.read_bytes() for path in [*tmp_path.rglob("*.*"), *folder.iterdir()]}
    assert says in refused(capsys, "tokenizer", *(str(folder) if argument == "DIR" else argument for argument in argv))
    assert before == {path: path.read_bytes() for path in [*tmp_path.rglob("*.*"), *folder.iterdir()]}


@checks(train_tokenizer.run, tokenizer_command.encode)
@pytest.mark.parametrize("pattern", ["cl100k", r"\w+|\W"])
def test_the_pattern_is_saved_and_cuts_what_is_encoded(tmp_path, capsys, pattern):
    (tmp_path / "a.txt").write_text(TEXT)
    said(capsys, "train", tmp_path / "a.txt", "--out", tmp_path / "t", "--vocab-size", 280, "--pattern", pattern)
    ids = sg.BPETokenizer.train(TEXT, 280, pattern).encode("the cat!sat")
    assert said(capsys, "encode", "--tokenizer", tmp_path / "t", "the cat!sat") == " ".join(map(str, ids)) + "\n"


@checks(train_tokenizer.run)
def test_overwriting_replaces_the_tokenizer(tmp_path, capsys):
    (tmp_path / "a.txt").write_text(TEXT)
    for size, more in ((270, []), (280, ["--overwrite"])):
        said(capsys, "train", tmp_path / "a.txt", "--out", tmp_path / "t", "--vocab-size", size, *more)
        assert sg.BPETokenizer.from_pretrained(tmp_path / "t").vocab_size == size


@checks(tokenizer_command.add_to)
def test_each_command_explains_itself(capsys):
    for argv in (["--help"], ["tokenizer", "--help"], *(["tokenizer", name, "--help"] for name in
                                                         ("train", "encode", "decode", "inspect"))):
        with pytest.raises(SystemExit) as leaving:
            cli.main(argv)
        out = capsys.readouterr().out
        assert leaving.value.code == 0 and "tokenizer" in out
