"""One sentence for every mistake, and nothing lost."""

import shutil

import numpy as np
import pytest

import scratchgpt as sg
from scratchgpt import cli
from scratchgpt.cli import arguments
from scratchgpt.cli import evaluate as evaluate_command
from scratchgpt.cli import generate as generate_command
from scratchgpt.cli import run as run_folder
from scratchgpt.cli.tasks import text as text_task
from scratchgpt.cli import train as train_command
from tests.checks import checks
from tests.cli.support import SMALL, TEXT, refused


@checks(cli.main, arguments.decode, arguments.read_text, arguments.whole, arguments.number)
@pytest.mark.parametrize("argv, says", [
    (["train", "missing.txt"], "missing.txt"),
    (["train", "empty.txt"], "is empty"),
    (["train", "latin1.txt"], "must be UTF-8"),
    (["train", "."], "cannot be read"),
    (["train", "short.txt"], "longer than the context"),
    (["train", "cat.txt", "--context", "100000"], "longer than the context"),
    (["train", "cat.txt", "--vocab-size", "100"], "256"),
    (["train", "cat.txt", "--tokenizer", "nowhere"], "nowhere"),
    (["train", "cat.txt", *SMALL, "--n-embd", "10", "--n-head", "3"], "n_embd=10, n_head=3"),
    (["train", "cat.txt", *SMALL, "--out", "cat.txt/inside"], "cat.txt"),
    (["train", "cat.txt", "--steps", "0"], "--steps"),
    (["train", "cat.txt", "--lr", "nan"], "--lr"),
    (["train", "cat.txt", "--lr", "-1"], "--lr"),
    (["train", "cat.txt", *SMALL, "--min-lr", "1"], "min_lr"),
    (["train", "cat.txt", "--dropout", "1"], "--dropout"),
    (["train", "cat.txt", "--schedule", "steep"], "steep"),
    (["train", "cat.txt", "--frobnicate"], "--frobnicate"),
    (["train", "--resume"], "--resume needs"),
    (["train", "--resume", "--out", "nowhere"], "nowhere"),
    (["generate", "--model", "nowhere"], "nowhere"),
    (["generate"], "--model"),
    (["evaluate", "--model", "nowhere", "cat.txt"], "nowhere"),
    (["fly"], "fly"),
    ([], "COMMAND"),
])
def test_a_mistake_gets_one_sentence_that_names_it(tmp_path, monkeypatch, capsys, argv, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.txt").write_text(TEXT)
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "short.txt").write_text("hi")
    (tmp_path / "latin1.txt").write_bytes("é".encode("latin-1") * 100)
    assert says in refused(capsys, *argv)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").rglob("*.safetensors"))


@checks(cli.main)
def test_a_model_that_the_machine_cannot_hold_gets_one_sentence(text, tmp_path, monkeypatch, capsys):
    def too_large(config, **options):
        raise MemoryError("Unable to allocate 800. TiB")
    monkeypatch.setattr(text_task, "GPT2", too_large)
    assert "not enough memory (Unable to allocate 800. TiB); take" in refused(capsys, "train", text, "--out",
                                                                              tmp_path / "r", *SMALL)
    assert not (tmp_path / "r").exists()


@checks(generate_command.run, evaluate_command.run)
@pytest.mark.parametrize("argv, says", [
    (["generate", "--prompt", "QQ"], "'Q'"),
    (["generate", "--prompt", ""], "at least one token"),
    (["generate", "--greedy", "--top-k", "3"], "--greedy"),
    (["generate", "--temperature", "0"], "--temperature"),
    (["generate", "--top-p", "1.5"], "--top-p"),
    (["evaluate", "other.txt"], "'Z'"),
])
def test_a_request_that_the_model_cannot_meet_gets_one_sentence(trained, tmp_path, monkeypatch, capsys, argv, says):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.txt").write_text("ZZZ")
    assert says in refused(capsys, argv[0], "--model", trained, *argv[1:])


@checks(run_folder.Run.resume)
@pytest.mark.parametrize("change, says", [(["--lr", "0.5"], "--lr"), (["--n-embd", "16"], "--n-embd"),
                                          (["elsewhere.txt"], "text files")])
def test_a_resumed_run_keeps_its_settings(trained, capsys, change, says):
    assert says in refused(capsys, "train", *change, "--resume", "--out", trained)


@checks(run_folder.Run.start)
def test_a_folder_that_holds_a_run_is_never_overwritten(trained, text, capsys):
    before = (trained / "training.safetensors").read_bytes()
    assert "--resume" in refused(capsys, "train", text, "--out", trained, *SMALL)
    assert (trained / "training.safetensors").read_bytes() == before


@checks(run_folder.Run.resume, generate_command.run)
@pytest.mark.parametrize("name", ["training.safetensors", "model.safetensors", "config.json", "settings.json",
                                  "char_vocab.json", "train.npy"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"\x00" * 64])
def test_a_damaged_folder_gets_one_sentence(trained, tmp_path, capsys, name, damage):
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    (folder / name).write_bytes(damage)
    if name in ("training.safetensors", "settings.json", "train.npy"):
        refused(capsys, "train", "--resume", "--out", folder, "--steps", 9)
    else:
        refused(capsys, "generate", "--model", folder, "--prompt", "the")


@checks(train_command.run)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_explodes_stops_with_a_sentence_and_keeps_the_last_good_checkpoint(text, tmp_path, capsys):
    said = refused_lines(capsys, "train", text, "--out", tmp_path / "r", *SMALL, "--steps", "50", "--lr", "1e30",
                         "--clip", "0", "--warmup", "0")
    assert "must stay finite" in said and "from step 0" in said
    model = sg.GPT2.from_pretrained(tmp_path / "r")
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


def refused_lines(capsys, *argv):
    """As `refused`, for a command that says other things first."""
    assert cli.main([str(argument) for argument in argv]) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return err.strip().splitlines()[-1]
