"""`scratchgpt train`: from a file to a model that writes, translates or answers.

Before this file: `tasks`, `run`. After it: the road in one function. `run` starts a task or finds it again, trains, and
lets the task say what was learned.
"""

import signal
import sys
from argparse import RawDescriptionHelpFormatter
from contextlib import contextmanager

from ..errors import TrainingError
from ..optim import SCHEDULES
from ..training import Progress
from .arguments import number, whole
from .run import Run, default_out
from .tasks import TASKS

# (group, option, kind, help): a run's settings; their defaults are the task's
OPTIONS = (
    ("model", "tokenizer", str, "char, bpe, or the folder of a saved tokenizer"),
    ("model", "vocab-size", whole(1), "number of tokens that bpe learns, at least 256"),
    ("model", "n-layer", whole(1), "blocks; of a translator, in each of its two stacks"),
    ("model", "n-head", whole(1), "attention heads; must divide --n-embd"),
    ("model", "n-embd", whole(1), "channels"),
    ("model", "context", whole(1), "tokens that the model sees at once"),
    ("model", "dropout", number(0, 1, high_open=True), "probability with which training drops a value"),
    ("training", "steps", whole(1), "steps of the optimizer"),
    ("training", "batch-size", whole(1), "stretches of text, or pairs, in a batch"),
    ("training", "accumulate", whole(1), "batches for one step"),
    ("training", "eval-every", whole(1), "steps between evaluations, each of which saves"),
    ("training", "seed", whole(0), "draws the first weights, the batches, and which pairs are held out"),
    ("training", "label-smoothing", number(0, 1, high_open=True), "what a target gives away to all tokens"),
    ("optimizer (AdamW)", "lr", number(0), "highest learning rate, per step"),
    ("optimizer (AdamW)", "min-lr", number(0), "lowest learning rate after the warmup"),
    ("optimizer (AdamW)", "schedule", str, "how the learning rate falls"),
    ("optimizer (AdamW)", "warmup", whole(0), "steps over which it rises"),
    ("optimizer (AdamW)", "beta1", number(0, 1, high_open=True), "memory of the gradient's mean"),
    ("optimizer (AdamW)", "beta2", number(0, 1, high_open=True), "memory of the gradient's square"),
    ("optimizer (AdamW)", "eps", number(0, low_open=True), "added to the root of that square"),
    ("optimizer (AdamW)", "weight-decay", number(0), "decay of matrices, per unit of learning rate"),
    ("optimizer (AdamW)", "clip", number(0), "largest gradient norm; 0 for no limit"),
)
SETTINGS = (*(option.replace("-", "_") for _, option, _, _ in OPTIONS), "checkpoint_activations")
DESCRIPTION = """\
Train a model on files; without one, on the project's own in data/.

  --task text        a GPT goes on with a text; files are UTF-8 text (data/*.txt: stories)
  --task translate   an encoder-decoder writes one side of a pair from the other; files hold lines `left<tab>right`
                     (data/dates.tsv: "the third of march nineteen eighty-four", "1984-03-03")
  --task answer      a decoder answers questions; files hold lines `question<tab>answer` (data/questions.tsv)

The folder --out receives the model, its tokenizer, a table and a picture of the loss, and all that --resume needs.
Ctrl-C saves and leaves."""


def add_to(commands):
    """Add the command to the subparsers `commands`."""
    parser = commands.add_parser("train", help="learn from text, or from pairs of texts", description=DESCRIPTION,
                                 formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="*", metavar="FILE", help="what to learn from; several are joined")
    parser.add_argument("--task", choices=tuple(TASKS), help="what to learn (default: text)")
    parser.add_argument("--out", metavar="DIR", help="folder for the run (default: a new one in runs/)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, with its own settings")
    parser.add_argument("--checkpoint-activations", action="store_true", default=None,
                        help="compute activations twice instead of keeping them: less memory, more time")
    groups = {title: parser.add_argument_group(title) for title in dict.fromkeys(row[0] for row in OPTIONS)}
    for group, option, kind, text in OPTIONS:
        groups[group].add_argument(f"--{option}", type=kind, help=f"{text} ({_defaults(option)})",
                                   **({"choices": tuple(SCHEDULES)} if option == "schedule" else
                                      {"metavar": option.split("-")[-1].upper()}))
    parser.set_defaults(run=run)


def _defaults(option):
    """Which tasks have an option, and its defaults, in words."""
    key = option.replace("-", "_")
    values = {name: task.DEFAULTS[key] for name, task in TASKS.items() if key in task.DEFAULTS}
    shown = {name: "a tenth of --lr" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
             for name, value in values.items()}
    words = ", ".join(f"{name} {value}" for name, value in shown.items())
    if len(set(shown.values())) == 1:
        words = next(iter(shown.values()))
    return ("" if len(shown) == len(TASKS) else f"only {' and '.join(shown)}; ") + f"default: {words}"


def run(options):
    """Run the command; returns its exit code."""
    given = {key: getattr(options, key) for key in SETTINGS if getattr(options, key) is not None}
    if options.resume:
        job = Run.resume(options.out, options.texts, given | ({"task": options.task} if options.task else {}))
    else:
        task = options.task or "text"
        job = Run.start(options.out or default_out(task, options.texts), task, options.texts, given)
    trainer, say = job.trainer, lambda line: print(line, file=sys.stderr, flush=True)
    say(job.describe())
    progress = Progress(trainer.config.steps, trainer.step_count)

    def on_evaluation(trainer, record):
        job.save()
        progress.say(f"step {record['step']}: training loss {record['train_loss']:.4f}, "
                     f"validation loss {record['validation_loss']:.4f}")
    try:
        with _ctrl_c() as stopped:
            finished = trainer.run(lambda _, loss, tokens: progress.update(loss, tokens), on_evaluation, stopped)
    except TrainingError as problem:
        raise TrainingError(f"{problem}; the checkpoint in {job.out} is from step {job.saved_step}") from None
    finally:
        progress.close()
    if not finished:
        job.save()
        say(f"stopped and saved at step {trainer.step_count}; go on with: "
            f"scratchgpt train --resume --out {job.out}")
        return 130
    print(f"\nsaved to {job.out}")
    job.task.conclude(trainer)


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
