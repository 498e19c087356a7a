"""The texts that a beam search followed, as a tree. Before this file: `figure`, `decoding.strategies.beams`. After
it: the reader has seen a text win that did not begin best, and how soon all others are forgotten.
"""

import numpy as np

from ..errors import ConfigError, DataError
from ..inputs import check_whole
from .figure import BLUE, INK, LARGEST, RED, SMALLEST, SOFT, TOKEN_FONT, labels, new_figure, written

COLUMN, ROW = 1.0, 0.5                                                   # inches
ASIDE = 0.25                                                             # columns between a token and its lines


def beam_tree(tree, tokens=None, prompt=0, steps=20, path=None):
    """Draw a search from left to right, a column for each step: what runs on top, what ended below it, in red.

        edge (t, i) -> (t + 1, j)    if text j of step t + 1 continues text i of step t

    tree    BeamTree, as `GenerationOutput.beams` has it        tokens  a label, str or bytes, for each id; None: ids
    prompt  which of the prompts                                steps   how many to draw, at most
    path    a .png, .svg or .pdf to write                       returns matplotlib.figure.Figure
    Under a token that runs stands log p of the text up to it, in nats; under one that ended its score, log p divided
    by the length penalty. The way to the best of those that ended is blue.
    Raises DataError for a tree without steps, ConfigError for numbers or a path that cannot be.
    Source: Lowerre 1976, The HARPY speech recognition system.
    """
    check_whole("steps", steps, 1, ConfigError)
    check_whole("prompt", prompt, 0, ConfigError)
    if not tree.steps:
        raise DataError("a beam tree needs at least one step; the search took none")
    if prompt >= tree.count:
        raise ConfigError(f"prompt must be one of the {tree.count}, from 0; got {prompt}")
    nodes, edges = _nodes(tree, prompt, min(steps, len(tree.steps)))
    columns, rows = (1 + max(node[i] for node in nodes) for i in (0, 1))
    figure = new_figure(path, COLUMN * (columns + 0.5), ROW * rows + 1)
    axes = figure.add_subplot()
    best = _best_path(tree, prompt)
    for start, end in edges:
        on_path = end in best
        (x, above), (x_end, below) = start, end
        axes.plot([x + ASIDE, x_end - ASIDE], [above, below], zorder=1,
                  color=BLUE if on_path else SOFT, linewidth=1.8 if on_path else 0.7)
    axes.annotate("prompt", (0, 0), ha="center", va="center", color=INK, fontsize=LARGEST, bbox=_box())
    names = labels("tokens", [str(node[2]) if tokens is None else tokens[node[2]] for node in nodes], len(nodes))
    for name, (x, y, token, score, ended) in zip(names, nodes):
        color = RED if ended else BLUE if (x, y) in best else INK
        axes.annotate(name or f"#{token}", (x, y), ha="center", va="bottom", color=color, fontsize=LARGEST, bbox=_box(),
                      family=TOKEN_FONT, parse_math=False)
        axes.annotate(f"{score:.2f}", (x, y), (0, -2), textcoords="offset points", ha="center", va="top", color=color,
                      fontsize=SMALLEST, bbox=_box())
    _style(axes, columns, rows, len(tree.steps))
    return written(figure, path)


def _nodes(tree, prompt, steps):
    """[(x, y, token, score, whether it ended)], [((x, y), (x, y)) from parent to child]; the prompt is at (0, 0)."""
    nodes, edges = [], []
    for t, step in enumerate(tree.steps[:steps]):
        tokens = step.tokens[prompt]
        for slot in np.flatnonzero(tokens >= 0).tolist():
            nodes.append((t + 1, slot, int(tokens[slot]), step.scores[prompt, slot], False))
            edges.append(((t, int(step.parents[prompt, slot])), (t + 1, slot)))
        for leaf, y in _leaves(tree, prompt, t):
            nodes.append((t + 1, y, leaf.token, leaf.score, True))
            edges.append(((t, leaf.parent), (t + 1, y)))
    return nodes, edges


def _leaves(tree, prompt, t):
    """(leaf, its place below all texts that run) of what ended at step t."""
    first = 1 + max(np.flatnonzero(tree.steps[t].tokens[prompt] >= 0), default=-1)
    ended = [leaf for leaf in tree.finished if leaf.prompt == prompt and leaf.step == t]
    return [(leaf, int(first) + i) for i, leaf in enumerate(ended)]


def _best_path(tree, prompt):
    """The places (x, y) on the way to the text of the highest score; none while nothing has ended."""
    ended = [leaf for leaf in tree.finished if leaf.prompt == prompt]
    if not ended:
        return set()
    best = max(ended, key=lambda leaf: leaf.score)
    end = next(y for leaf, y in _leaves(tree, prompt, best.step) if leaf is best)
    places, slot = {(best.step + 1, end)}, best.parent
    for t in range(best.step - 1, -1, -1):
        places.add((t + 1, int(slot)))
        slot = tree.steps[t].parents[prompt, slot]
    return places


def _box():
    return {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}


def _style(axes, columns, rows, steps):
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.4, -0.6)                                                # the best on top
    axes.set_xticks(range(1, columns), range(1, columns), color=SOFT, fontsize=LARGEST)
    axes.set_yticks([])
    axes.set_xlabel("step" + (f", the first {columns - 1} of {steps}" if columns - 1 < steps else ""), color=SOFT)
    axes.set_title("Beam search: log-probabilities in nats; red: ended, with its score; blue: the way to the best",
                   color=INK, fontsize=LARGEST)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
