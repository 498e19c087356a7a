"""`scratchgpt train`: from a text file to a model that writes.

The road in one function: `run` reads the text, learns or loads the tokenizer, makes the model, trains it, and prints
what it has learned. A run is a folder; `run.py` beside this file knows what is in it.
"""

import signal
import sys
from contextlib import contextmanager

from ..errors import TrainingError
from ..optim import SCHEDULES
from ..training import Evaluation, Progress, evaluate
from .arguments import number, whole
from .generate import write_sample
from .run import Run, default_out

SAMPLE_TOKENS = 300

# (group, option, kind, default, help): a run's settings; what the command line leaves out has the default
OPTIONS = (
    ("model", "tokenizer", str, "bpe", "char, bpe, or the folder of a saved tokenizer"),
    ("model", "vocab-size", whole(1), 512, "number of tokens that bpe learns, at least 256"),
    ("model", "n-layer", whole(1), 4, "blocks"),
    ("model", "n-head", whole(1), 4, "attention heads; must divide --n-embd"),
    ("model", "n-embd", whole(1), 128, "channels"),
    ("model", "context", whole(1), 64, "tokens that the model sees at once"),
    ("model", "dropout", number(0, 1, high_open=True), 0.0, "probability with which training drops a value"),
    ("training", "steps", whole(1), 1800, "steps of the optimizer"),
    ("training", "batch-size", whole(1), 12, "stretches of text in a batch"),
    ("training", "accumulate", whole(1), 1, "batches for one step"),
    ("training", "eval-every", whole(1), 200, "steps between evaluations, each of which saves"),
    ("training", "seed", whole(0), 0, "draws the first weights and the batches"),
    ("optimizer (AdamW)", "lr", number(0), 2e-3, "highest learning rate, per step"),
    ("optimizer (AdamW)", "min-lr", number(0), None, "learning rate at the end (default: a tenth of --lr)"),
    ("optimizer (AdamW)", "schedule", str, "cosine", "how the learning rate falls"),
    ("optimizer (AdamW)", "warmup", whole(0), 100, "steps over which it rises"),
    ("optimizer (AdamW)", "beta1", number(0, 1, high_open=True), 0.9, "memory of the gradient's mean"),
    ("optimizer (AdamW)", "beta2", number(0, 1, high_open=True), 0.99, "memory of the gradient's square"),
    ("optimizer (AdamW)", "weight-decay", number(0), 0.1, "decay of matrices, per unit of learning rate"),
    ("optimizer (AdamW)", "clip", number(0), 1.0, "largest gradient norm; 0 for no limit"),
)
DEFAULTS = {option.replace("-", "_"): default for _, option, _, default, _ in OPTIONS} | {"checkpoint_activations": False}


def add_to(commands):
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser("train", help="learn from text",
                                 description="Train a GPT on text files; without one, on the stories in data/. The "
                                             "folder --out receives the model, its tokenizer, a table and a picture of "
                                             "the loss, and all that --resume needs. Ctrl-C saves and leaves.")
    parser.add_argument("texts", nargs="*", metavar="TEXT_FILE", help="UTF-8 text; several are joined")
    parser.add_argument("--out", metavar="DIR", help="folder for the run (default: a new one in runs/)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, with its own settings")
    parser.add_argument("--checkpoint-activations", action="store_true", default=None,
                        help="compute activations twice instead of keeping them: less memory, more time")
    groups = {title: parser.add_argument_group(title) for title in dict.fromkeys(row[0] for row in OPTIONS)}
    for group, option, kind, default, text in OPTIONS:
        shown = "" if default is None else f" (default: {default})"
        groups[group].add_argument(f"--{option}", type=kind, help=text + shown,
                                   **({"choices": tuple(SCHEDULES)} if option == "schedule" else
                                      {"metavar": option.split("-")[-1].upper()}))
    parser.set_defaults(run=run)


def run(options):
    """Run the command; returns its exit code."""
    given = {key: getattr(options, key) for key in DEFAULTS if getattr(options, key) is not None}
    if options.resume:
        job = Run.resume(options.out, options.texts, given)
    else:
        job = Run.start(options.out or default_out(options.texts), options.texts, {**DEFAULTS, **given})
    trainer, say = job.trainer, lambda line: print(line, file=sys.stderr, flush=True)
    say(job.describe())
    progress = Progress(trainer.config.steps, trainer.step_count)

    def on_step(trainer, loss):
        progress.update(loss, trainer.config.tokens_per_step)

    def on_evaluation(trainer, record):
        job.save()
        progress.say(f"step {record['step']}: training loss {record['train_loss']:.4f}, "
                     f"validation loss {record['validation_loss']:.4f}")
    try:
        with _ctrl_c() as stopped:
            finished = trainer.run(on_step, on_evaluation, stopped)
    except TrainingError as problem:
        raise TrainingError(f"{problem}; the checkpoint in {job.out} is from step {job.saved_step}") from None
    finally:
        progress.close()
    if not finished:
        job.save()
        say(f"stopped and saved at step {trainer.step_count}; go on with: "
            f"scratchgpt train --resume --out {job.out}")
        return 130
    _conclude(job)


def _conclude(job):
    """The last lines: where the model is, how good it is, and what it writes."""
    model, held_out, context = job.trainer.model, job.trainer.validation, job.trainer.config.context
    overlapping = evaluate(model, held_out, context, stride=max(1, context // 2))
    result = Evaluation(job.trainer.history[-1]["validation_loss"], len(held_out) - 1)        # the run's last one
    print(f"\nsaved to {job.out}\n{overlapping.loss:.4f} with windows that overlap by half, each token being predicted "
          f"from at least half a context\nvalidation loss {result.loss:.4f} nats per token, perplexity "
          f"{result.perplexity:.2f}, over all {result.tokens:,} held-out tokens, windows side by side\n\na sample:\n")
    first = job.trainer.train[:1]
    print(job.tokenizer.decode(first), end="")
    write_sample(model, job.tokenizer, first, SAMPLE_TOKENS, sys.stdout, rng=job.sample_rng(), temperature=0.8)


@contextmanager
def _ctrl_c():
    """Inside, Ctrl-C (and a polite kill) asks the run to stop after its step; a second Ctrl-C interrupts at once."""
    asked = []

    def ask(signum, frame):
        if asked:
            raise KeyboardInterrupt
        asked.append(signum)
    before = {kind: signal.signal(kind, ask) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
