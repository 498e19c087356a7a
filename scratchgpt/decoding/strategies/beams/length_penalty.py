"""What makes scores of short and long texts comparable. Before this file: nothing. After it: `hypotheses` can rank.

Each token adds a negative log-probability, so of two texts the shorter would nearly always win.
"""

import math

from ....errors import GenerationError


def length_penalty(length, alpha=1.0, kind="power"):
    """What a text's log-probability is divided by.

        lp(L) = L^alpha        and of kind "gnmt"        lp(L) = ((5 + L) / 6)^alpha

    length  L, the tokens of an answer with its end, without the prompt        alpha  > 0 favours longer texts
    returns a float > 0, dimensionless. As transformers has it, the prompt never counts; "gnmt" is the paper's form.
    Raises GenerationError where lp(L) is no finite number above 0.
    Source: Wu et al. 2016, arXiv:1609.08144, section 7, for "gnmt".
    """
    try:
        penalty = float(length if kind == "power" else (5 + length) / 6) ** alpha
    except OverflowError:
        penalty = math.inf
    if length < math.inf and not 0 < penalty < math.inf:
        raise GenerationError(f"length_penalty must keep L^alpha a finite number above 0; got length_penalty={alpha} "
                              f"for L={length}")
    return penalty
