"""The command line: `scratchgpt train | generate | translate | answer | evaluate | inspect | tokenizer`, also as
`python -m scratchgpt`.

Before this folder: `training`, `decoding`. After it: one file for each command, and here what they share. Exit codes:
0 done, 2 a mistake of the caller's (one sentence, no traceback), 130 stopped by Ctrl-C. Read in this order: arguments,
tasks, run, train, decoding_options, compare, explain, generate, evaluate, ask, tensor_list, inspect_model,
train_tokenizer, inspect_tokenizer, tokenizer.
"""

import argparse
import os
import sys

from ..errors import ScratchGPTError
from . import ask, evaluate, generate, inspect_model, tokenizer, train

DESCRIPTION = """\
A GPT from raw text to generated text, in pure NumPy.

  scratchgpt train                          learn from the stories that come with the project, in minutes
  scratchgpt train book.txt --out my-model  learn from your own text
  scratchgpt generate --model my-model --prompt "Once"
  scratchgpt generate --model my-model --prompt "Once" --compare greedy,beam,top_p
  scratchgpt evaluate --model my-model other.txt
  scratchgpt train --task translate         learn dates, from words to digits; scratchgpt translate uses the model
  scratchgpt train --task answer            learn to answer questions; scratchgpt answer uses the model
  scratchgpt inspect --model my-model
  scratchgpt tokenizer train book.txt --out my-tokenizer
  scratchgpt tokenizer inspect --tokenizer my-tokenizer " understanding"

`scratchgpt COMMAND --help` explains each command."""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser():
    """The parser of all commands; each command adds its own options and the function that runs it."""
    from .. import __version__
    parser = _Parser("scratchgpt", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"scratchgpt {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (train, generate, ask, evaluate, inspect_model, tokenizer):
        command.add_to(commands)
    return parser


def main(argv=None):
    """Run one command line (without the program's name); returns its exit code.

    What a terminal cannot write comes out as "?".
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        options = build_parser().parse_args(argv)
        return options.run(options) or 0
    except ScratchGPTError as problem:
        return _fail(problem)
    except OSError as problem:
        if isinstance(problem, BrokenPipeError):                 # the reader, such as `head`, has left
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        return _fail(f"{problem.filename or 'a file'}: {problem.strerror or problem}")
    except MemoryError as problem:
        return _fail(f"not enough memory ({problem}); take a smaller model, batch or context")
    except KeyboardInterrupt:
        print("\nscratchgpt: stopped", file=sys.stderr)
        return 130


def _fail(problem):
    print(f"scratchgpt: {problem}", file=sys.stderr)
    return 2
