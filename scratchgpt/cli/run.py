"""A run as a folder: what `scratchgpt train` writes, and how it finds its way back in.

    settings.json            the task, the settings of the command line, and the files that were read
    vocab files              the tokenizer, as its `save_pretrained` writes it
    train.* validation.*     the data: tokens (.npy) or pairs (.tsv)
    config.json model.safetensors     the model, for the other commands and the field's libraries
    training.safetensors     all that --resume needs
    loss.csv loss.png        the record

Before this file: `tasks`. After it: the reader knows why a run can be stopped at any moment.
"""

from pathlib import Path

from ..errors import CheckpointError, ConfigError
from ..files import read_json, sweep, write_json
from ..training import draw_png, load_state, save_state, write_csv
from .tasks import TASKS

SETTINGS_FILE = "settings.json"
CHANGEABLE = ("steps", "eval_every")            # settings that a resumed run may be given anew


def default_out(task, files):
    """A folder in runs/ that does not exist yet, named after the first file, or the task's own."""
    name = Path(files[0]).stem if files else TASKS[task].NAME
    folder, n = Path("runs") / name, 1
    while folder.exists():
        n += 1
        folder = Path("runs") / f"{name}-{n}"
    return folder


class Run:
    """A task, its trainer, and the folder `out` that both live in."""

    def __init__(self, out, task):
        self.out, self.task, self.trainer = Path(out), task, task.trainer()
        self.saved_step = 0

    @classmethod
    def start(cls, out, task, files, given):
        """Read the files, and write a folder that can be resumed from its first moment on.

        task   a name in TASKS     given  the settings that are not the task's defaults
        Raises DataError, ConfigError or TokenizerError before anything is written, for what cannot be trained on or is
        no setting of the task; CheckpointError if `out` holds a run already.
        """
        out, kind = Path(out), TASKS[task]
        if (out / SETTINGS_FILE).exists():
            raise CheckpointError(f"{out} holds a run already; go on with --resume, or name another folder with --out")
        unused = [key for key in given if key not in kind.DEFAULTS]
        if unused:
            raise ConfigError(f"--task {task} has no {_options(unused)}; leave it out")
        settings = {"task": task, **kind.DEFAULTS, **given, "texts": [str(path) for path in files or kind.own_files()]}
        run = cls(out, kind.read(settings["texts"], settings))
        out.mkdir(parents=True, exist_ok=True)
        run.task.save(out)
        run.task = kind.open(out, settings)                     # as it will be found again: tokens are mapped, not held
        run.trainer.data = run.task.data()
        run.save()
        write_json(out / SETTINGS_FILE, settings)               # last: its presence says that the folder is complete
        return run

    @classmethod
    def resume(cls, out, files, given):
        """Open the folder of an earlier run; `given` may change only what is CHANGEABLE."""
        if out is None or not (Path(out) / SETTINGS_FILE).exists():
            raise CheckpointError(f"--resume needs the folder of an earlier run in --out; got {out}")
        out = Path(out)
        settings = read_json(out / SETTINGS_FILE)
        if not isinstance(settings, dict) or settings.get("task") not in tuple(TASKS):
            raise CheckpointError(f"{out / SETTINGS_FILE}: must hold an object of settings, with a task that is one of "
                                  f"{', '.join(TASKS)}")
        changed = [key for key, value in given.items() if key not in CHANGEABLE and settings.get(key) != value]
        if changed or files and [str(path) for path in files] != settings.get("texts"):
            what = _options(changed) or "the text files"
            raise ConfigError(f"a resumed run keeps its settings, but for --steps and --eval-every; {what} would "
                              "differ: leave it out, or start anew in another --out")
        settings.update(given)
        sweep(out)
        try:
            run = cls(out, TASKS[settings["task"]].open(out, settings))
        except (KeyError, TypeError) as problem:
            raise CheckpointError(f"{out / SETTINGS_FILE}: a setting is missing or of the wrong kind: {problem}"
                                  ) from None
        load_state(run.trainer, out)
        run.saved_step = run.trainer.step_count
        if run.saved_step >= run.trainer.config.steps:
            raise ConfigError(f"the run in {out} is complete with {run.saved_step} steps; "
                              "for more, give a larger --steps")
        write_json(out / SETTINGS_FILE, settings)
        return run

    def save(self):
        """Write the state, then the model and the record; each file is whole at every moment."""
        save_state(self.trainer, self.out)
        self.trainer.model.save_pretrained(self.out)
        self.saved_step = self.trainer.step_count
        if self.trainer.history:
            write_csv(self.trainer.history, self.out / "loss.csv")
            draw_png(self.trainer.history, self.out / "loss.png")

    def describe(self):
        """One line about the run, for the person who started it."""
        return f"{self.task.describe(self.trainer.model)}; run in {self.out}"


def _options(settings):
    return ", ".join(f"--{key.replace('_', '-')}" for key in settings)
