"""What callers hand in: lists, arrays of the host or of a device, numbers; checked once, in one way.

Before this file: `backend`, `errors`. After it: every model and every decoder means the same by ids, by a mask and by a
number of things.
"""

import numpy as np

from . import backend


def as_rows(name, rows, error):
    """Lists, and whatever else a caller may hand in, such as tensors of another library, as an array; arrays as they
    are, on their device.

    Raises `error` naming the argument for rows of several lengths.
    """
    try:
        return rows if isinstance(getattr(rows, "dtype", None), np.dtype) else np.asarray(rows)
    except ValueError:
        raise error(f"{name} must be (B, T), all rows of one length; got rows of several: "
                    "pad the shorter ones") from None


def as_mask(name, mask, shape, error):
    """A mask of 0 and 1, (B, S), as integers on the host.

    shape  what it must have    Raises `error` naming the argument for other values, or another shape.
    """
    mask = backend.to_host(as_rows(name, mask, error))
    if mask.shape != shape or mask.dtype.kind not in "biuf" or not ((mask == 0) | (mask == 1)).all():
        values = f": {mask.tolist()!r:.60}" if mask.size < 100 else ""
        raise error(f"{name} must hold 0 and 1 in the shape {shape}; got {mask.dtype} {mask.shape}{values}")
    return mask.astype(np.int64)


def check_whole(name, value, at_least, error):
    """Raise `error` naming the argument unless `value` is an integer >= at_least; True is none."""
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise error(f"{name} must be an integer >= {at_least}; got {value!r:.80}")
