"""A text file, and the folder of a run on it."""

import pytest

from scratchgpt import cli
from tests.cli.support import SMALL, TEXT


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
