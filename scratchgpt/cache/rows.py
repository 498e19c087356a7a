"""The rows of a batch as decoding names them: which are kept, where each ends. Before: `errors`. After: `growing`."""

import numpy as np

from ..errors import GenerationError


def check_rows(rows, B):
    """rows (B',) as integers on the host, each of them one of B rows, in any order, repeated or left out.

    Raises GenerationError for anything else.
    """
    found = np.asarray(rows)
    if found.size == 0:
        found = found.astype(np.int64)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not ((0 <= found) & (found < B)).all():
        raise GenerationError(f"rows must be integers (B',), each one of the {B} rows there are; got {rows!r:.80}")
    return found


def check_ends(ends, length, B, S):
    """ends (B,) as integers on the host: where in S columns each row's text ends, to be moved to column `length`.

    B   0: not known yet, any number of rows
    Raises GenerationError unless 0 <= ends_b <= S and 0 <= length <= S.
    """
    found = np.asarray(ends)
    if not 0 <= length <= S:
        raise GenerationError(f"a cache of {S} tokens cannot be cut to {length}")
    if found.shape != (B or found.size,) or found.size and (
            found.dtype.kind not in "iu" or found.min() < 0 or found.max() > S):
        raise GenerationError(f"ends must be {B} integers, one for each row, from 0 to the {S} tokens there are; "
                              f"got {ends!r:.80}")
    return found
