"""What comes next, as bars. Before this file: `figure`, `views`. After it: how sure a model is, at a glance."""

from .figure import BLUE, INK, LARGEST, SOFT, TOKEN_FONT, labels, new_figure, written


def next_tokens(table, path=None):
    """Draw the best next tokens as bars, the likeliest on top, and all others together at the bottom.

        bar_v = p_v        rest = 1 - sum_v p_v

    table  NextTokens, as `views.next_tokens` gives them    path  a .png, .svg or .pdf to write
    returns matplotlib.figure.Figure
    Source: as `views.next_tokens`.
    """
    figure = new_figure(path, 6.5, 1.0 + 0.27 * (len(table) + 1))
    axes = figure.add_subplot()
    p = [row.probability for row in table] + [table.rest]
    axes.barh(range(len(p)), p, color=[BLUE] * len(table) + [SOFT], height=0.72)
    names = labels("tokens", [row.text or f"#{row.id}" for row in table], len(table)) + ["all others"]
    axes.set_yticks(range(len(p)), names, family=TOKEN_FONT, fontsize=LARGEST, color=INK, parse_math=False)
    for y, width in enumerate(p):
        axes.annotate(f"{100 * width:.1f}%", (width, y), (4, 0), textcoords="offset points", va="center", color=INK,
                      fontsize=LARGEST)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.15 * max(p))
    axes.margins(y=0.02)
    axes.set_xticks([])
    axes.set_xlabel("probability", color=INK)
    axes.set_title("What comes next", color=INK)
    axes.tick_params(length=0)
    axes.spines[:].set(color=SOFT, visible=False)
    axes.spines["left"].set_visible(True)
    return written(figure, path)
