"""Scene 5: LayerNorm beside BatchNorm. The same formula, along the channels or along the batch.

Before this file: `formulas.norms`. After it: the reader can tell the two by which sums are zero, and knows why a GPT
takes the one whose rows do not know of each other: a text must not change when another is put beside it.
"""

import numpy as np

from ... import formulas

EPS = 1e-5


def along_channels(x):
    """LayerNorm without gain and bias: every row by its own mean and variance.

        y_nc = (x_nc - mean_c x_nc) / sqrt(var_c(x_nc) + eps)        sum_c y_nc = 0

    x (N, C)    returns (N, C)
    Source: Ba, Kiros & Hinton 2016, arXiv:1607.06450.
    """
    one = np.ones_like(x[0])
    return formulas.layer_norm(x, one, 0 * one, EPS)


def along_batch(x):
    """BatchNorm without gain and bias: every channel by its mean and variance over the rows.

        y_nc = (x_nc - mean_n x_nc) / sqrt(var_n(x_nc) + eps)        sum_n y_nc = 0

    x (N, C)    returns (N, C)
    It is `along_channels` of the transposed table.
    Source: Ioffe & Szegedy 2015, arXiv:1502.03167, algorithm 1.
    """
    one = np.ones_like(x[0])
    return formulas.batch_norm(x, one, 0 * one, EPS)[0]


def moved_by_neighbours(norm, x, neighbours):
    """How far the first row's result moves when all other rows are replaced.

        max_c |norm(x)_0c - norm(x')_0c|        x'_0 = x_0, x'_n = neighbours_n for the rest

    norm: (N, C) -> (N, C)    x (N, C)    neighbours (N - 1, C)    returns float, in units of the result
    Source: Ba, Kiros & Hinton 2016, section 3, on what batch statistics couple.
    """
    replaced = np.concatenate([x[:1], neighbours])
    return float(np.abs(norm(x)[0] - norm(replaced)[0]).max())


def tell(say):
    """Tell the scene through `say`, which takes a line of text.    Source: as `moved_by_neighbours`."""
    x = np.array([[1.0, 2, 9], [3, 5, 7], [2, 2, 8], [6, 3, 0]])
    say("Four tokens (rows) of three channels (columns), and the two norms of them, with their sums:")
    tables = [x, along_channels(x), along_batch(x)]
    say("\n    x                         LayerNorm            sum          BatchNorm            sum")
    for row, layer, batch in zip(*tables):
        say("    " + _cells(row, "4.0f") + 10 * " " + _cells(layer) + _cells([layer.sum()])
            + 8 * " " + _cells(batch) + _cells([batch.sum()]))
    say(f"    {'sum':22}" + _cells(tables[1].sum(axis=0)) + 15 * " " + _cells(tables[2].sum(axis=0)))
    say("")
    say("LayerNorm makes the rows sum to zero, BatchNorm the columns. Now let the neighbours of the first row change:")
    for name, norm in (("LayerNorm", along_channels), ("BatchNorm", along_batch)):
        say(f"    {name}: the first row moves by {moved_by_neighbours(norm, x, 2 * x[1:]):.3f}")
    say("A sentence that LayerNorm has seen alone, one token at a time, it treats the same in any company.")


def _cells(numbers, form="7.2f"):
    return "".join(f"{n + 0.0 if abs(n) > 1e-9 else 0.0:{form}}" for n in numbers)
