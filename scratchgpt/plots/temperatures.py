"""What temperature does to one step's probabilities. Before this file: `bars`, `decoding.processors.temperature`.
After it: the reader has seen a distribution go from one token to all of them.
"""

import numpy as np

from .. import formulas
from ..decoding.processors import temperature
from ..errors import ConfigError, DataError
from ..inputs import check_whole
from .figure import BLUE, INK, LARGEST, SMALLEST, SOFT, TOKEN_FONT, labels, new_figure, one_step, written

TEMPERATURES = (0.01, 0.1, 1, 10, 100, 1000, 10000)


def softmax_temperatures(scores, tokens=None, temperatures=TEMPERATURES, k=12, path=None):
    """Draw the softmax of one step's scores at several temperatures, side by side: a bar for each of the best tokens.

        p_v = exp(s_v / T) / sum_u exp(s_u / T)        H = -sum_v p_v ln p_v

    scores        (V,) in nats, at least one of them finite        tokens  V labels, str or bytes; None: ids
    temperatures  dimensionless, from 1e-6 to 1e6, a panel for each; H stands above it, in nats
    k             how many tokens have a bar of their own; the others share the last one
    path          a .png, .svg or .pdf to write                    returns matplotlib.figure.Figure
    Raises DataError for scores or labels of other shapes, ConfigError for k or a path, GenerationError for
    a temperature.
    Source: Ackley, Hinton & Sejnowski 1985.
    """
    check_whole("k", k, 1, ConfigError)
    s = one_step(scores)
    best = np.argsort(-s, kind="stable")[:k]
    bent = [temperature(T)(None, s[None])[0] for T in temperatures]
    figure = new_figure(path, 1.6 + 1.25 * len(bent), 1.2 + 0.23 * (len(best) + 1))
    if tokens is not None and len(tokens) != len(s):
        raise DataError(f"tokens must be {len(s)} labels, one for each score; got {len(tokens)}")
    names = labels("tokens", [str(v) if tokens is None else tokens[v] for v in best], len(best))
    names = [name or f"#{v}" for name, v in zip(names, best)]
    names += [f"{len(s) - len(best):,} others"] if len(s) > len(best) else []
    panels = figure.subplots(1, len(bent), sharey=True, squeeze=False)[0]
    for axes, T, l in zip(panels, temperatures, map(formulas.log_softmax, bent)):
        p = np.exp(l)
        entropy = -float((p * np.where(p > 0, l, 0)).sum())
        _bars(axes, [*p[best], max(0.0, 1 - p[best].sum())][:len(names)])
        axes.set_title(f"T = {T:,g}\n{entropy:.2f} nats", color=INK, fontsize=LARGEST)
    panels[0].set_yticks(range(len(names)), names, family=TOKEN_FONT, fontsize=LARGEST, color=INK, parse_math=False)
    panels[0].invert_yaxis()
    figure.suptitle("The same scores at each temperature T, with the entropy of what is drawn", color=INK)
    figure.supxlabel("probability", color=INK, fontsize=LARGEST)
    return written(figure, path)


def _bars(axes, p):
    axes.barh(range(len(p)), p, color=BLUE, height=0.72)
    for y, width in enumerate(p):
        axes.annotate(_percent(width), (width, y), (2, 0), textcoords="offset points", va="center", color=INK,
                      fontsize=SMALLEST)
    axes.set_xlim(0, 1.5)                                                        # 1, and room for its label
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set(color=SOFT, visible=False)
    axes.spines["left"].set_visible(True)


def _percent(p):
    return f"{100 * p:.1f}%" if p >= 0.0005 else f"{100 * p:.1g}%" if p >= 1e-6 else "0%"
