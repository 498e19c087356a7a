"""The record of a run: a table always, a picture where matplotlib is installed.

Before this file: `trainer`, `plots`. After it: the reader can see how a run went without running it again.
"""

import csv

from .. import plots
from ..errors import MissingExtraError
from ..files import atomic_write

COLUMNS = ("step", "lr", "train_loss", "validation_loss", "grad_norm", "tokens_per_second")


def write_csv(history, path):
    """Write one row for every evaluation: step, lr, losses in nats per token, gradient norm, tokens per second.

    history  Trainer.history    Source: RFC 4180.
    """
    with atomic_write(path) as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(history)


def draw_png(history, path):
    """Draw `plots.loss_curve` to a .png; returns False, and draws nothing, without matplotlib.

    history  Trainer.history, at least one evaluation    Source: as `plots.loss_curve`.
    """
    try:
        plots.loss_curve(history, path)
    except MissingExtraError:
        return False
    return True
