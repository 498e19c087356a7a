"""What the command line's tests share: a small text, small sizes, and what a refusal looks like."""

from pathlib import Path

from scratchgpt import cli

ROOT = Path(__file__).resolve().parents[2]
TEXT = "the cat sat on the mat. the dog sat on the log. a rat ran to the cat and the dog ran to the rat.\n" * 20
SMALL = ["--tokenizer", "char", "--n-layer", "1", "--n-head", "2", "--n-embd", "8", "--context", "8", "--batch-size", "2",
         "--steps", "6", "--eval-every", "3", "--warmup", "2"]


def refused(capsys, *argv, prints=None):
    """The one sentence with which the command line refuses `argv`, having printed nothing but what `prints` says."""
    try:
        code = cli.main([str(argument) for argument in argv])
    except SystemExit as leaving:
        code = leaving.code
    out, err = capsys.readouterr()
    assert code == 2 and (prints is None or out == prints), (code, out, err)
    assert err.startswith("scratchgpt") and len(err.strip().splitlines()) == 1 and "Traceback" not in err
    return err
