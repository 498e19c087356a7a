"""Where each token looks. Before this file: `figure`, `formulas.attention`. After it: a head can be seen at work."""

import math

import numpy as np

from .. import backend
from ..errors import ConfigError, DataError
from .figure import INK, LARGEST, SMALLEST, SOFT, TOKEN_FONT, labels, new_figure, written

POINT = 1 / 72                                       # inches
CELL, ALONE, WIDEST = 0.17, 11.0, 15.0               # inches: of a token, of a single map, of a row of maps
UPRIGHT = {"rotation": 90, "rotation_mode": "anchor", "ha": "right"}


def attention_maps(maps, tokens=None, layer=None, head=None, path=None, key_tokens=None):
    """Draw where each token looks: a row for every query, a column for every key, dark for much.

        p_ts = how much t looks at s, from 0 to 1        sum_s p_ts = 1

    maps         [(1, H, T, S) or (H, T, S)], one for each layer, as `model.attention_maps` gives them
    tokens       T labels, str or bytes, of the queries, and of the keys where these are the same
    key_tokens   S labels of the keys, where they are others
    layer, head  which to draw, from 0; None: all, layers from top to bottom and heads from left to right
    path         a .png, .svg or .pdf to write
    returns matplotlib.figure.Figure
    Raises DataError for maps or labels of other shapes, ConfigError for a layer, head or path that cannot be.
    Source: Vaswani et al. 2017, arXiv:1706.03762, figures 3 to 5.
    """
    maps = _stacked(maps)                                                           # (L, H, T, S)
    layers, heads = _one_or_all("layer", layer, len(maps)), _one_or_all("head", head, maps.shape[1])
    T, S = maps.shape[2:]
    figure = new_figure(path)
    queries = labels("tokens", tokens, T)
    keys = queries if key_tokens is None and T == S else labels("key_tokens", key_tokens, S)
    cell = _cell(len(heads), max(T, S))
    figure.set_size_inches(len(heads) * cell * S + 1.6, len(layers) * cell * T + 1.3)
    panels = figure.subplots(len(layers), len(heads), squeeze=False)
    for (i, j), axes in np.ndenumerate(panels):
        image = axes.imshow(maps[layers[i], heads[j]], cmap="Blues", norm=_root_scale(), interpolation="nearest")
        axes.tick_params(length=2, color=SOFT)
        axes.spines[:].set(color=SOFT, linewidth=0.5)
        _ticks(axes.set_yticks, queries if j == 0 else [], cell)
        _ticks(axes.set_xticks, keys if i == len(layers) - 1 else [], cell, **UPRIGHT)
    _name_panels(figure, panels, layers, heads)
    bar = figure.colorbar(image, ax=panels, ticks=[0, 0.01, 0.05, 0.1, 0.25, 0.5, 1], fraction=0.05, aspect=22,
                          shrink=min(1.0, 3 / (len(layers) * cell * T)), format="%g")
    bar.set_label("probability", color=INK)
    bar.outline.set(color=SOFT, linewidth=0.5)
    return written(figure, path)


def _stacked(maps):
    """[(1, H, T, S) or (H, T, S)] -> (L, H, T, S) on the host."""
    maps = [backend.to_host(p) for p in maps]
    if not maps:
        raise DataError("there must be at least one layer of attention maps; got none: this model does not attend")
    maps = [p[0] if p.ndim == 4 and len(p) == 1 else p for p in maps]
    shapes = sorted({p.shape for p in maps})
    if len(shapes) > 1 or len(shapes[0]) != 3 or 0 in shapes[0]:
        raise DataError("maps must be (1, H, T, S) or (H, T, S), the same for every layer; got "
                        f"{', '.join(map(str, shapes))}: of a batch, draw one row, [p[0] for p in maps]")
    return np.stack(maps)


def _one_or_all(name, index, n):
    if index is None:
        return range(n)
    if not isinstance(index, (int, np.integer)) or not 0 <= index < n:
        raise ConfigError(f"{name} must be an integer from 0 to {n - 1}, or None for all; got {index!r}")
    return [int(index)]


def _cell(columns, n):
    """Inches for each of n tokens, so that a row of maps fits a page and a single map is neither tiny nor huge."""
    smallest, largest = (3.0, ALONE) if columns == 1 else (1.6, WIDEST)
    return min(max(n * CELL, smallest), largest / columns) / n


def _root_scale():
    """Colours from 0 to 1 by the root of the probability: a long text gives most tokens little of it."""
    from matplotlib.colors import PowerNorm
    return PowerNorm(0.5, 0, 1)


def _ticks(set_ticks, names, cell, **style):
    """Name the positions: all that there is room for at `cell` inches each, or only their numbers where that is few."""
    every = math.ceil(1.15 * SMALLEST * POINT / cell)
    if every > 3:
        every = next(nice for nice in (5, 10, 20, 50, 100, 200, 500, 1000, every) if nice >= every)
        names = list(map(str, range(len(names))))
    size = min(LARGEST, max(SMALLEST, 0.8 * cell / POINT))
    set_ticks(range(0, len(names), every), names[::every], family=TOKEN_FONT, fontsize=size, color=INK,
              va="center_baseline", parse_math=False, **style)


def _name_panels(figure, panels, layers, heads):
    """A title that says what rows and columns are, and on a grid the names of its layers and heads."""
    if panels.size == 1:
        axes = panels[0, 0]
        axes.set_title(f"Where each token looks: layer {layers[0]}, head {heads[0]}", color=INK)
        axes.set_ylabel("query: the token that looks", color=SOFT)
        axes.set_xlabel("key: the token it looks at", color=SOFT)
        return
    figure.suptitle("Where each token looks: from its row (query) to the columns (keys)", color=INK)
    for axes, l in zip(panels[:, 0], layers):
        axes.set_ylabel(f"layer {l}", color=INK)
    for axes, h in zip(panels[0], heads):
        axes.set_title(f"head {h}", color=INK, fontsize=10)
