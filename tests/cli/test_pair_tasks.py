"""The tasks on pairs as a person meets them: train on lines, then translate or answer."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import scratchgpt as sg
from scratchgpt import cli
from scratchgpt.cli import ask, tasks
from scratchgpt.cli import run as run_folder
from scratchgpt.cli import train as train_command
from tests.checks import checks
from tests.cli.support import ROOT, refused

LINES = "".join(f"say {a}{b} twice\t{a}{b}{a}{b}\n" for a in "abcdef" for b in "xyz")
TINY = ["--n-layer", "1", "--n-head", "2", "--n-embd", "8", "--batch-size", "4", "--steps", "6", "--eval-every", "3",
        "--warmup", "2"]
PAIRS = ["translate", "answer"]


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "twice.tsv"
    path.write_text(LINES)
    return path


@pytest.fixture(scope="module", params=PAIRS)
def learned(request, lines, tmp_path_factory):
    """(task, folder) of a tiny run."""
    out = tmp_path_factory.mktemp("runs") / request.param
    assert cli.main(["train", str(lines), "--task", request.param, "--out", str(out), *TINY]) == 0
    return request.param, out


@checks(train_command.run, tasks.task.Task, tasks.pairs.PairTask, tasks.TranslateTask, tasks.AnswerTask)
def test_a_run_on_pairs_leaves_model_tokenizer_and_both_parts_of_the_data(learned):
    task, out = learned
    for name in ("config.json", "model.safetensors", "char_vocab.json", "training.safetensors", "loss.csv",
                 "settings.json"):
        assert (out / name).stat().st_size > 0
    train, held_out = ((out / name).read_text().splitlines() for name in ("train.tsv", "validation.tsv"))
    assert sorted(train + held_out) == sorted(LINES.splitlines()) and len(held_out) == 2
    tokenizer = sg.AutoTokenizer.from_pretrained(out)
    assert list(tokenizer.special_tokens)[:2] == ["<pad>", "<unk>"] and tokenizer.unk_token_id == 1
    assert tokenizer.characters == sorted({letter for line in train for letter in line} - {"\t"})
    assert json.loads((out / "settings.json").read_text())["task"] == task


@checks(tasks.pairs.PairTask.conclude, tasks.pairs.PairTask.describe)
@pytest.mark.parametrize("task", PAIRS)
def test_the_last_lines_count_exact_matches_and_show_some(lines, tmp_path, capsys, task):
    assert cli.main(["train", str(lines), "--task", task, "--out", str(tmp_path / "r"), *TINY]) == 0
    out, err = capsys.readouterr()
    assert "validation loss" in out and "exact matches   0.00%, 0 of 2 held-out lines" in out
    assert out.count("wrong  say ") == 2
    assert "learns from 16 pairs" in err and "step 3: training loss" in err


@checks(ask.add_to, ask.translate, ask.answer)
def test_what_was_learned_is_used_for_arguments_and_for_lines(learned, capsys, monkeypatch):
    task, out = learned
    texts = ["say ax twice", "say by twice", "say QQ twice"]              # Q was never seen
    assert cli.main([task, "--model", str(out), *texts]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 3
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(texts).encode())))
    assert cli.main([task, "--model", str(out)]) == 0
    assert capsys.readouterr().out == said


@checks(tasks.TranslateTask, tasks.AnswerTask, run_folder.default_out)
@pytest.mark.parametrize("task, name", [("translate", "dates"), ("answer", "questions")])
def test_without_a_file_a_task_has_its_own(tmp_path, monkeypatch, task, name):
    monkeypatch.chdir(tmp_path)
    assert tasks.TASKS[task].own_files() == [ROOT / "data" / f"{name}.tsv"]
    assert run_folder.default_out(task, []) == Path("runs") / name
    assert run_folder.default_out(task, ["mine/french.tsv"]) == Path("runs") / "french"


@checks(run_folder.Run.resume, train_command.run)
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("task", PAIRS)
def test_a_run_on_pairs_that_ctrl_c_stopped_ends_as_if_nothing_had_happened(lines, tmp_path, task):
    whole, halves, steady = tmp_path / "whole", tmp_path / "halves", ["--schedule", "constant", "--eval-every", "99999"]
    process = subprocess.Popen([sys.executable, "-m", "scratchgpt", "train", lines, "--task", task, "--out", halves,
                                *TINY, *steady, "--steps", "100000"], stderr=subprocess.PIPE, text=True,
                               env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})
    end = time.monotonic() + 60
    while not (halves / "settings.json").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(0.5)                                                     # the folder is complete; now it trains
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped and saved at step" in err and "Traceback" not in err
    stopped = int(err.split("stopped and saved at step ")[1].split(";")[0])
    steps = str(stopped + 3)
    assert cli.main(["train", "--resume", "--out", str(halves), "--steps", steps]) == 0
    assert cli.main(["train", str(lines), "--task", task, "--out", str(whole), *TINY, *steady, "--steps", steps]) == 0
    assert (whole / "model.safetensors").read_bytes() == (halves / "model.safetensors").read_bytes()


@checks(train_command.add_to)
def test_help_tells_the_defaults_of_each_task(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    for name, task in tasks.TASKS.items():
        assert f"{name} {task.DEFAULTS['steps']}" in out
    assert "(only text; default: bpe)" in out and "(default: 0)" in out and "a tenth of --lr" in out


@checks(run_folder.Run.start, run_folder.Run.resume, ask.translate, ask.answer)
@pytest.mark.parametrize("argv, says", [
    (["train", "no-tab.tsv", "--task", "answer"], "no-tab.tsv, line 2: must be a text, one tab"),
    (["train", "two-tabs.tsv", "--task", "translate"], "two-tabs.tsv, line 1: must be a text, one tab"),
    (["train", "half.tsv", "--task", "translate"], "half.tsv, line 1: must be a text, one tab"),
    (["train", "one.tsv", "--task", "answer"], "two different left sides"),
    (["train", "long.tsv", "--task", "answer"], "must fit 299 characters; got 399"),
    (["train", "missing.tsv", "--task", "answer"], "missing.tsv"),
    (["train", "twice.tsv", "--task", "sing"], "sing"),
    (["train", "twice.tsv", "--task", "answer", "--context", "8"], "--task answer has no --context"),
    (["train", "twice.tsv", "--task", "translate", "--tokenizer", "bpe", "--vocab-size", "300"],
     "--task translate has no --tokenizer, --vocab-size"),
    (["train", "twice.tsv", "--task", "translate", "--n-embd", "9", "--n-head", "3"], "d_model=9"),
    (["train", "twice.tsv", "--task", "translate", "--label-smoothing", "1"], "--label-smoothing"),
    (["train", "--resume", "--out", "RUN", "--task", "text"], "--task would differ"),
    (["train", "--resume", "--out", "RUN", "--context", "8"], "--context would differ"),
    (["train", "twice.tsv", "--out", "RUN"], "holds a run already"),
    (["translate", "hello"], "--model"),
    (["translate", "--model", "nowhere", "hello"], "nowhere"),
    (["answer", "--model", "nowhere", "hello"], "nowhere"),
    (["OTHER", "--model", "RUN", "hello"], "model_type"),
    (["SAME", "--model", "RUN", ""], "text 1 of 1 is empty"),
    (["SAME", "--model", "RUN", "hello", " "], "text 2 of 2 is empty"),
])
def test_a_mistake_with_pairs_gets_one_sentence(learned, tmp_path, monkeypatch, capsys, argv, says):
    task, out = learned
    monkeypatch.chdir(tmp_path)
    for name, text in (("twice.tsv", LINES), ("no-tab.tsv", "a\tb\nc d\n"), ("two-tabs.tsv", "a\tb\tc\n"),
                       ("half.tsv", "a\t\n"), ("one.tsv", "a\tb\na\tc\n"), ("long.tsv", LINES + "x" * 398 + "\ty\n")):
        (tmp_path / name).write_text(text)
    names = {"RUN": str(out), "SAME": task, "OTHER": PAIRS[task == PAIRS[0]]}
    assert says in refused(capsys, *(names.get(word, word) for word in argv))
    assert not (tmp_path / "runs").exists()


@checks(ask.answer)
def test_a_question_without_room_for_an_answer_gets_one_sentence(learned, capsys):
    task, out = learned
    if task == "answer":
        assert "must leave room" in refused(capsys, "answer", "--model", out, "x" * 400)
    else:
        assert cli.main(["translate", "--model", str(out), "x" * 400]) == 0
