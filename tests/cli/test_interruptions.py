"""Ctrl-C and kills: a run that is stopped at any moment leaves a folder that loads and goes on."""

import os
import signal
import subprocess
import sys
import time

import pytest

import scratchgpt as sg
from scratchgpt import cli
from scratchgpt.cli import run as run_folder
from scratchgpt.cli import train as train_command
from tests.checks import checks
from tests.cli.support import ROOT, SMALL


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
