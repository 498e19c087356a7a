"""How the loss fell. Before this file: `figure`. After it: a run at a glance."""

from ..errors import DataError
from .figure import INK, RED, SOFT, new_figure, written


def loss_curve(history, path=None):
    """Draw training and validation loss over the steps of a run.

        loss_step, nats per token

    history  Trainer.history, at least one evaluation    path  a .png, .svg or .pdf to write
    returns matplotlib.figure.Figure
    Raises DataError if there is nothing to draw.
    Source: as `training.evaluate`.
    """
    if not history:
        raise DataError("a loss curve needs at least one evaluation; the history is empty: train for eval_every steps")
    figure = new_figure(path, 7, 4)
    axes = figure.add_subplot()
    steps = [row["step"] for row in history]
    for key, label, color in (("train_loss", "training, mean since the last point", SOFT),
                              ("validation_loss", "validation", RED)):
        axes.plot(steps, [row[key] for row in history], label=label, color=color, marker="o", markersize=3)
    axes.annotate(f"{history[-1]['validation_loss']:.3f}", (steps[-1], history[-1]["validation_loss"]), (6, 0),
                  textcoords="offset points", va="center", color=RED, annotation_clip=False)
    axes.set_xlabel("step", color=INK)
    axes.set_ylabel("loss, nats per token", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(color=SOFT, labelcolor=INK)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, labelcolor=INK)
    return written(figure, path)
