"""A task: what is learned from which files, by which model, and how one sees that it was learned.

Before this file: `training`. After it: the reader knows what the three tasks share, which is nearly all of a run; a
task's own file holds its defaults, its model and its last words.
"""

from pathlib import Path

from ...errors import DataError
from ...optim import SCHEDULES, AdamW
from ...training import Trainer, TrainingConfig
from ..arguments import generator

HELD_OUT = 0.1           # the share of the data that is not trained on
CHECKOUT = Path(__file__).resolve().parents[3]


class Task:
    """Settings, a tokenizer, and data in two parts, `train` and `validation`; subclasses say of what kind.

    DEFAULTS   {setting: default}; what is not in it is no setting of the task
    OWN        the project's own files for it, a pattern inside data/        NAME  of a run on those

    and define `read` and `open`, `save`, `model`, `data`, `describe` and `conclude`.
    """

    DEFAULTS = {}
    OWN = NAME = None

    def __init__(self, settings, tokenizer, train, validation):
        self.settings, self.tokenizer, self.train, self.validation = settings, tokenizer, train, validation

    @classmethod
    def own_files(cls):
        """The project's own files for the task: in data/ here, or beside the package in a checkout."""
        for folder in (Path("data"), CHECKOUT / "data"):
            files = sorted(folder.glob(cls.OWN))
            if files:
                return files
        raise DataError(f"without a file, `scratchgpt train` looks for data/{cls.OWN}, and found none; name a file")

    def trainer(self):
        """A Trainer before its first step."""
        s = self.settings
        rng = generator(s["seed"])
        model = self.model(rng)
        optimizer = AdamW(model.parameters(), s["lr"], (s["beta1"], s["beta2"]), s["eps"], s["weight_decay"])
        floor = {} if s["schedule"] == "constant" else {"min_lr": s["lr"] / 10 if s["min_lr"] is None else s["min_lr"]}
        schedule = SCHEDULES[s["schedule"]](s["lr"], s["steps"], s["warmup"], **floor)
        config = TrainingConfig(s["steps"], s["accumulate"], s["clip"], s["eval_every"], s["label_smoothing"])
        return Trainer(model, optimizer, schedule, self.data(), config, rng)
