"""The record of a run: a table always, a picture where matplotlib is installed."""

import csv

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
    """Draw training and validation loss over the steps; returns False, and draws nothing, without matplotlib.

    history  Trainer.history, at least one evaluation    Source: matplotlib's documentation.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    steps = [row["step"] for row in history]
    axes.plot(steps, [row["train_loss"] for row in history], label="training, mean since the last point", color="#8888cc", marker=".")
    axes.plot(steps, [row["validation_loss"] for row in history], label="validation", color="#cc4422", marker=".")
    axes.set(xlabel="step", ylabel="loss, nats per token")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    with atomic_write(path, "wb") as file:
        figure.savefig(file, format="png", dpi=150)
    return True
