"""`scratchgpt translate` and `scratchgpt answer`: use a model that learned from pairs.

Before this file: `tasks.pairs`, `training.predict`. After it: texts go in, one a line, and what the model makes of each
comes out, one a line.
"""

import sys

from ..errors import DataError
from ..models import QuestionAnsweringGPT, Transformer
from ..tokenizers import AutoTokenizer
from ..training import answers, translations
from .arguments import decode


def add_to(commands):
    """Add both commands to the subparsers `commands`."""
    for name, run, what, example in (
            ("translate", translate, "write what a trained translator makes of each text", "a text to translate"),
            ("answer", answer, "answer questions with a trained model", "a question")):
        parser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}, one line for each.")
        parser.add_argument("--model", required=True, metavar="DIR",
                            help=f"folder that `scratchgpt train --task {name}` wrote")
        parser.add_argument("texts", nargs="*", metavar="TEXT",
                            help=f"{example}; several are taken one by one (default: the lines of standard input)")
        parser.set_defaults(run=run)


def translate(options):
    """Run `translate`."""
    model, tokenizer = Transformer.from_pretrained(options.model), AutoTokenizer.from_pretrained(options.model)
    _print(translations(model, tokenizer, _texts(options)))


def answer(options):
    """Run `answer`."""
    _print(answers(QuestionAnsweringGPT.from_pretrained(options.model), _texts(options)))


def _texts(options):
    """The texts of the command line, or the lines of standard input; none of them is empty."""
    texts = options.texts or decode(sys.stdin.buffer.read(), "standard input").splitlines()
    for number, text in enumerate(texts, 1):
        if not text.strip():
            raise DataError(f"every text must hold something to read; text {number} of {len(texts)} is empty: "
                            "leave it out")
    return texts


def _print(lines):
    for line in lines:
        print(line, flush=True)
