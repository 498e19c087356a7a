"""Batches from a long row of tokens.

Before this file: nothing. After it: a context of T tokens trains T predictions at once, one for every prefix, because
the targets are the inputs moved by one.
"""

import numpy as np

from ..errors import DataError
from ..files import atomic_write

IGNORED = -100           # a target that does not count; the default of `cross_entropy`


def get_batch(tokens, batch_size, context, rng):
    """Draw stretches of text at random places.

        x_b = tokens[i_b : i_b + T]      y_b = tokens[i_b + 1 : i_b + T + 1]      i_b uniform on [0, N - T)

    tokens  (N,) integers, N > T = context, in memory or mapped    rng  numpy.random.Generator
    returns x, y (batch_size, context), int64
    Raises DataError if the text is not longer than the context.
    Source: Karpathy 2022, nanoGPT, `get_batch`, for the form.
    """
    if len(tokens) <= context:
        raise DataError(f"a text must be longer than the context; got {len(tokens)} tokens for context={context}: "
                        "take a longer text or a smaller --context")
    starts = rng.integers(0, len(tokens) - context, batch_size)
    stretches = np.stack([tokens[i:i + context + 1] for i in starts]).astype(np.int64)
    return stretches[:, :-1], stretches[:, 1:]


def windows(tokens, batch_size, context, stride=None):
    """Cut a text into windows, so that every token but the first is predicted exactly once.

        x = tokens[i : i + T]      y = tokens[i + 1 : i + T + 1]      i = 0, stride, 2 stride, ...

    stride  in [1, T]; T, the default, lays the windows side by side. With less they overlap, what an earlier window
            has predicted is IGNORED in y, and all tokens after the first window see at least T - stride others.
    tokens (N,)    yields x, y (B, T) with B <= batch_size, and last a shorter (1, ...) if there is a rest
    Source: Dai et al. 2019, arXiv:1901.02860, section 4.1, on evaluating by segments.
    """
    stride = context if stride is None else stride
    if not 1 <= stride <= context:
        raise DataError(f"windows must not leave gaps: stride must be from 1 to context={context}; got {stride}")
    last = len(tokens) - 1                                            # the last token is only ever a target
    whole = max(0, (last - context) // stride + 1)

    def cut(starts, length):
        at = starts[:, None] + np.arange(length)
        x, y = (np.asarray(tokens[places], np.int64) for places in (at, at + 1))
        y[(at < starts[:, None] + context - stride) & (starts[:, None] > 0)] = IGNORED
        return x, y
    for first in range(0, whole, batch_size):
        yield cut(np.arange(first, min(whole, first + batch_size)) * stride, context)
    predicted = (whole - 1) * stride + context if whole else 0
    if predicted < last:
        yield cut(np.array([whole * stride]), last - whole * stride)


def save_tokens(tokens, path):
    """Write token ids to a .npy file, atomically, in 2 bytes each where that is enough, else 4.

    tokens (N,) integers >= 0    Source: the .npy format, NumPy Enhancement Proposal 1.
    """
    small = np.uint16 if len(tokens) == 0 or int(np.max(tokens)) < 1 << 16 else np.uint32
    with atomic_write(path, "wb") as file:
        np.save(file, np.asarray(tokens, small), allow_pickle=False)


def load_tokens(path):
    """Map a .npy file of token ids into memory: pages are read when they are used.

    returns (N,) integers    Raises DataError if the file is not a row of integers.
    Source: as `save_tokens`.
    """
    try:
        tokens = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise DataError(f"{path}: not a readable .npy file of token ids ({problem})") from None
    if not isinstance(tokens, np.ndarray) or tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise DataError(f"{path}: must hold one row of integers; got "
                        f"{getattr(tokens, 'dtype', type(tokens).__name__)} {getattr(tokens, 'shape', '')}")
    return tokens
