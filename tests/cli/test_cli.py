"""The command line as a person meets it: the road from text to text, and one sentence for every mistake."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import scratchgpt as sg
from scratchgpt import cli
from scratchgpt.cli import arguments
from scratchgpt.cli import evaluate as evaluate_command
from scratchgpt.cli import generate as generate_command
from scratchgpt.cli import run as run_folder
from scratchgpt.cli import train as train_command
from tests.checks import checks

ROOT = Path(__file__).resolve().parents[2]
TEXT = "the cat sat on the mat. the dog sat on the log. a rat ran to the cat and the dog ran to the rat.\n" * 20
SMALL = ["--tokenizer", "char", "--n-layer", "1", "--n-head", "2", "--n-embd", "8", "--context", "8", "--batch-size", "2",
         "--steps", "6", "--eval-every", "3", "--warmup", "2"]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "cat.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def trained(text, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "cat"
    assert cli.main(["train", str(text), "--out", str(out), *SMALL]) == 0
    return out


def refused(capsys, *argv):
    """The one sentence with which the command line refuses `argv`."""
    try:
        code = cli.main([str(argument) for argument in argv])
    except SystemExit as leaving:
        code = leaving.code
    out, err = capsys.readouterr()
    assert code == 2, (code, out, err)
    assert err.startswith("scratchgpt") and len(err.strip().splitlines()) == 1 and "Traceback" not in err
    return err


@checks(cli.main, cli.build_parser, train_command.add_to, train_command.run, run_folder.Run)
def test_training_leaves_a_model_its_tokenizer_and_its_record(trained):
    for name in ("config.json", "model.safetensors", "char_vocab.json", "tokenizer_config.json", "training.safetensors",
                 "train.npy", "validation.npy", "settings.json", "loss.csv"):
        assert (trained / name).stat().st_size > 0
    assert not list(trained.glob(".*")), "a temporary file is left"
    tokens = [sg.load_tokens(trained / name) for name in ("train.npy", "validation.npy")]
    assert len(tokens[0]) + len(tokens[1]) == len(TEXT) and len(tokens[1]) == round(len(TEXT) / 10)


@checks(cli.main, train_command.run, generate_command.write_sample)
def test_the_last_lines_name_the_validation_loss_and_print_a_sample(text, tmp_path, capsys):
    assert cli.main(["train", str(text), "--out", str(tmp_path / "r"), *SMALL]) == 0
    out, err = capsys.readouterr()
    assert "validation loss" in out and "nats per token" in out and out.index("a sample:") > out.index("validation loss")
    assert len(out.split("a sample:")[1].strip()) > 100
    assert "step 3: training loss" in err and "step 6: training loss" in err


@checks(generate_command.add_to, generate_command.run)
def test_generation_continues_the_prompt_and_repeats_itself_for_a_seed(trained, capsys):
    def write(*options):
        assert cli.main(["generate", "--model", str(trained), "--prompt", "the ", "--max-new-tokens", "30", *options]) == 0
        return capsys.readouterr().out
    first = write("--seed", "3", "--temperature", "0.9", "--top-k", "5", "--top-p", "0.9")
    assert first.startswith("the ") and len(first) == 4 + 30 + 1
    assert first == write("--seed", "3", "--temperature", "0.9", "--top-k", "5", "--top-p", "0.9")
    assert write("--greedy") == write("--greedy", "--seed", "9")


@checks(evaluate_command.add_to, evaluate_command.run)
def test_evaluation_prints_nats_perplexity_and_bits_per_byte(trained, text, capsys):
    assert cli.main(["evaluate", "--model", str(trained), str(text)]) == 0
    out = capsys.readouterr().out
    model, tokenizer = sg.GPT2.from_pretrained(trained), sg.load_tokenizer(trained)
    result = sg.evaluate(model, tokenizer.encode_array(TEXT), 8)
    assert f"{result.loss:.4f} nats per token" in out and f"{result.perplexity:.3f}" in out
    assert f"{result.loss / np.log(2):.4f}" in out                            # one byte a letter here


@checks(train_command.run, run_folder.Run.resume, run_folder.Run.save)
def test_a_resumed_run_ends_where_a_longer_one_does(text, tmp_path, capsys):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    constant = [*SMALL, "--schedule", "constant", "--dropout", "0.1"]
    assert cli.main(["train", str(text), "--out", str(whole), *constant]) == 0
    assert cli.main(["train", str(text), "--out", str(halves), *constant, "--steps", "3"]) == 0
    assert cli.main(["train", "--resume", "--out", str(halves), "--steps", "6"]) == 0
    assert (whole / "model.safetensors").read_bytes() == (halves / "model.safetensors").read_bytes()
    capsys.readouterr()
    assert "complete with 6 steps" in refused(capsys, "train", "--resume", "--out", halves)


@checks(train_command.add_to, run_folder.Run.start)
@pytest.mark.parametrize("options", [["--tokenizer", "bpe", "--vocab-size", "270"], ["--checkpoint-activations"],
                                     ["--accumulate", "2", "--clip", "0"], ["--schedule", "wsd", "--min-lr", "0"],
                                     ["--schedule", "inverse-sqrt"], ["--schedule", "linear", "--dropout", "0.2"]])
def test_every_option_trains(text, tmp_path, options):
    assert cli.main(["train", str(text), "--out", str(tmp_path / "r"), *SMALL, *options]) == 0
    assert cli.main(["generate", "--model", str(tmp_path / "r"), "--prompt", "the", "--max-new-tokens", "3"]) == 0


@checks(run_folder.Run.start)
def test_the_tokenizer_of_an_earlier_run_can_be_used_again(trained, text, tmp_path):
    assert cli.main(["train", str(text), "--out", str(tmp_path / "r"), *SMALL, "--tokenizer", str(trained)]) == 0
    assert (tmp_path / "r" / "char_vocab.json").read_bytes() == (trained / "char_vocab.json").read_bytes()


@checks(run_folder.default_texts, run_folder.default_out, train_command.run)
def test_without_a_text_it_trains_on_the_projects_own_and_finds_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [path.name for path in run_folder.default_texts()] == ["stories.txt"]
    for name in ("stories", "stories-2"):
        assert run_folder.default_out([]) == Path("runs") / name
        (tmp_path / "runs" / name).mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.txt").write_text(TEXT)
    assert run_folder.default_texts() == [Path("data/mine.txt")]
    assert cli.main(["train", *SMALL]) == 0 and (tmp_path / "runs" / "stories-3" / "model.safetensors").exists()


@checks(cli.main)
def test_help_and_version(capsys):
    for argv in (["--help"], ["train", "--help"], ["generate", "--help"], ["evaluate", "--help"], ["--version"]):
        with pytest.raises(SystemExit) as leaving:
            cli.main(argv)
        assert leaving.value.code == 0
    out = capsys.readouterr().out
    assert "--checkpoint-activations" in out and out.strip().endswith(sg.__version__)


@checks(cli.main, arguments.read_text, arguments.whole, arguments.number, arguments.add_seed)
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
    monkeypatch.setattr(run_folder, "GPT2", too_large)
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


def start(text, out, *options):
    """A training process of its own."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-m", "scratchgpt", "train", str(text), "--out", str(out), *SMALL,
                             "--steps", "100000", *options], env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(path, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} does not appear"
        time.sleep(0.01)


@checks(train_command.run)
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_ctrl_c_saves_and_leaves(text, tmp_path):
    process = start(text, tmp_path / "r", "--eval-every", "99999")
    wait_for(tmp_path / "r" / "settings.json")
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped and saved at step" in err and "Traceback" not in err
    _, metadata = sg.load_file(tmp_path / "r" / "training.safetensors")
    assert '"step": 0,' not in metadata["training"]
    assert cli.main(["generate", "--model", str(tmp_path / "r"), "--prompt", "the", "--max-new-tokens", "2"]) == 0


@checks(run_folder.Run.save)
@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("delay", [0.0, 0.05, 0.13, 0.31])
def test_a_kill_at_any_moment_leaves_a_checkpoint_that_loads_and_resumes(text, tmp_path, delay):
    process = start(text, tmp_path / "r", "--eval-every", "1")
    wait_for(tmp_path / "r" / "settings.json")
    time.sleep(delay)
    process.kill()
    process.communicate(timeout=60)
    sg.GPT2.from_pretrained(tmp_path / "r")
    job = run_folder.Run.resume(tmp_path / "r", [], {})
    assert job.trainer.step_count == job.saved_step and not list((tmp_path / "r").glob(".*.tmp"))


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


@checks(arguments.generator, run_folder.Run.describe, run_folder.Run.sample_rng)
def test_a_seed_is_a_generator_and_the_sample_has_its_own(trained):
    assert arguments.generator(3).random() == np.random.default_rng(3).random()
    folder = run_folder.Run.resume(trained, [], {"steps": 7})
    assert folder.sample_rng().random() == np.random.default_rng([0, 1]).random()
    assert f"{folder.trainer.model.num_parameters:,} parameters" in folder.describe()


@checks(cli.main)
def test_importing_takes_little_time_and_no_extra():
    code = ("import sys, time; t = time.perf_counter(); import scratchgpt; "
            "print(sorted({'torch', 'matplotlib', 'tqdm', 'cupy', 'hypothesis'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout.strip() == "[]"
