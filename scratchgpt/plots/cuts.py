"""Where top-k and top-p cut. Before this file: `figure`, `decoding.processors.cuts`. After it: the reader has seen why
the one keeps as many tokens wherever the text stands, and the other as many as it needs.
"""

import numpy as np

from .. import formulas
from ..decoding.processors import top_k, top_p
from .figure import BLUE, INK, LARGEST, RED, SOFT, new_figure, one_step, written

GREEN = "#3f8f5f"


def probability_cuts(scores, k=10, p=0.9, path=None):
    """Draw one step's probabilities, the likeliest first, and their running sum, with the cuts of top-k and top-p.

        P_n = p_(1) + ... + p_(n),   p_(1) >= p_(2) >= ... being softmax(scores), sorted

    scores  (V,) in nats, at least one of them finite    k, p  as `top_k` and `top_p` take them; None: not drawn
    path    a .png, .svg or .pdf to write                returns matplotlib.figure.Figure
    How many tokens stay is what the processors themselves say.
    Raises DataError for scores of another shape, GenerationError for k or p, ConfigError for a path.
    Source: Fan, Lewis & Dauphin 2018, arXiv:1805.04833; Holtzman et al. 2019, arXiv:1904.09751, figure 5.
    """
    s = one_step(scores)
    cuts = [] if k is None else [(f"top-k, k = {k}", top_k(k), RED)]
    cuts += [] if p is None else [(f"top-p, p = {p:g}", top_p(p), GREEN)]
    cuts = [(name, np.count_nonzero(cut(None, s[None]) > -np.inf), color) for name, cut, color in cuts]
    probability = np.sort(formulas.softmax(s))[::-1].astype(np.float64)
    figure = new_figure(path, 9, 4)
    density, sums = figure.subplots(1, 2)
    edges = np.arange(len(s) + 1) + 0.5                         # a token of rank n stands from n - 1/2 to n + 1/2
    density.stairs(probability, edges, fill=True, color=BLUE, alpha=0.15)
    density.stairs(probability, edges, color=BLUE, linewidth=1.3)
    sums.stairs(np.cumsum(probability), edges, color=BLUE, linewidth=1.3, baseline=None)
    if p is not None:
        sums.axhline(p, color=GREEN, linewidth=1, linestyle=":")
    for axes, title in ((density, "each token, the likeliest first"), (sums, "all tokens up to a rank, together")):
        for name, kept, color in cuts:
            axes.axvline(kept + 0.5, color=color, linewidth=1.2, linestyle="--", label=_legend(name, kept, probability))
        _style(axes, title, len(s))
    sums.set_ylim(0, 1.03)
    density.set_ylabel("probability", color=INK)
    if cuts:
        figure.legend(*sums.get_legend_handles_labels(), loc="outside lower center", ncol=2, frameon=False,
                      labelcolor=INK, fontsize=LARGEST)
    return written(figure, path)


def _legend(name, kept, probability):
    return f"{name}: {kept:,} token{'s' if kept != 1 else ''}, {100 * probability[:kept].sum():.1f}% of the probability"


def _style(axes, title, V):
    if V > 100:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,.0f}")
    else:
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlim(0.5, V + 0.5)
    axes.set_title(title, color=INK, fontsize=11)
    axes.set_xlabel(f"rank, of {V:,} tokens", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(color=SOFT, labelcolor=INK, which="both")
    axes.grid(alpha=0.2)
