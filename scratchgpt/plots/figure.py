"""What all pictures share: a figure without a window, labels that can be read, and a file that is whole.

Before this file: matplotlib's Figure. It is made without pyplot, so that no window opens and no state is left behind.
After it: the reader knows how a picture comes to a file, and what a token looks like beside an axis.
"""

from pathlib import Path

import numpy as np

from .. import backend
from ..errors import ConfigError, DataError, MissingExtraError
from ..files import atomic_write
from ..tokenizers.explain import readable

FORMATS = {".png": {"Software": None}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}   # and what to leave out
INK, SOFT, BLUE, RED = "#1f2d3d", "#7d93ad", "#3a6ea5", "#c8452d"
TOKEN_FONT = "DejaVu Sans Mono"                      # it comes with matplotlib, and knows ␣
LONGEST_LABEL = 14                                   # characters
SMALLEST, LARGEST = 6.0, 9.0                         # sizes of a token's label, in points


def new_figure(path, width=6, height=4):
    """An empty Figure; what is wrong with `path`, or missing here, is said before anything is drawn.

    path  a name that ends in .png, .svg or .pdf, or None    width, height  inches
    Raises ConfigError for another name, MissingExtraError where matplotlib is not installed.
    Source: matplotlib's documentation, on figures without pyplot.
    """
    if path is not None and Path(path).suffix.lower() not in FORMATS:
        raise ConfigError(f"a picture's name must end in {', '.join(FORMATS)}; got {str(path)!r}")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError('pictures need matplotlib: pip install "scratchgpt[cli]"') from None
    return Figure(figsize=(width, height), layout="compressed")


def written(figure, path):
    """The figure itself, having written it to `path`, whole or not at all, unless that is None.

    Dates and versions are left out: the same figure gives the same picture.
    Source: as `new_figure`.
    """
    if path is not None:
        suffix = Path(path).suffix.lower()
        with atomic_write(path, "wb") as file:
            figure.savefig(file, format=suffix[1:], dpi=150, bbox_inches="tight", metadata=FORMATS[suffix])
    return figure


def one_step(scores):
    """The scores (V,) of one step on the host, of a batch of one too.

    Raises DataError for another shape, for NaN, and where no token is possible.
    Source: as `formulas.softmax`.
    """
    s = np.asarray(backend.to_host(scores))
    s = s[0] if s.ndim == 2 and len(s) == 1 else s
    if s.ndim != 1 or s.size == 0 or s.dtype.kind != "f" or not s.max() > -np.inf or s.max() == np.inf:
        raise DataError(f"scores must be numbers (V,), at least one finite and none NaN; got {s.dtype} {s.shape}")
    return s


def labels(name, tokens, n):
    """n tokens as labels: no white space that could not be seen, nothing that the font cannot draw; [] for None.

    name    what to call them in the error, a DataError for another number of them
    tokens  str or bytes        returns list of str of at most 14 characters
    Source: as `tokenizers.explain.readable`.
    """
    if tokens is None:
        return []
    if len(tokens) != n:
        raise DataError(f"{name} must be {n} labels, one for each position; got {len(tokens)}")
    from matplotlib.font_manager import findfont, get_font
    known = get_font(findfont(TOKEN_FONT)).get_charmap()

    def drawn(character):
        return character if ord(character) in known else character.encode("ascii", "backslashreplace").decode()

    def label(token):
        token = token if isinstance(token, bytes) else str(token).encode("utf-8", "backslashreplace")
        text = "".join(map(drawn, readable(token)))
        return text if len(text) <= LONGEST_LABEL else text[:LONGEST_LABEL - 1] + "…"
    return list(map(label, tokens))
