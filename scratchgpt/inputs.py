"""What callers hand in: lists, arrays of the host or of a device; checked once, in one way.

Before this file: `backend`, `errors`. After it: every model and every decoder means the same by ids and by a mask.
"""

import numpy as np

from . import backend


def as_rows(name, rows, error):
    """Lists and what else a caller may hand in, as an array; arrays as they are, on their device.

    Raises `error` naming the argument for rows of several lengths.
    """
    try:
        return rows if hasattr(rows, "dtype") else np.asarray(rows)
    except ValueError:
        raise error(f"{name} must be (B, T), all rows of one length; got rows of several: pad the shorter ones") from None


def as_mask(name, mask, shape, error):
    """A mask of 0 and 1, (B, S), as integers on the host.

    shape  what it must have    Raises `error` naming the argument for other values, or another shape.
    """
    mask = backend.to_host(as_rows(name, mask, error))
    if mask.shape != shape or mask.dtype.kind not in "biuf" or not ((mask == 0) | (mask == 1)).all():
        values = f": {mask.tolist()!r:.60}" if mask.size < 100 else ""
        raise error(f"{name} must hold 0 and 1 in the shape {shape}; got {mask.dtype} {mask.shape}{values}")
    return mask.astype(np.int64)
