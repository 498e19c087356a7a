"""Batches from a long row of tokens.

Before this file: nothing. After it: a context of T tokens trains T predictions at once, one for every prefix, because
the targets are the inputs moved by one.
"""

import numpy as np

from ..errors import DataError
from ..files import atomic_write


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


def windows(tokens, batch_size, context):
    """Cut a text into stretches side by side, so that every token but the first is predicted exactly once.

        x = tokens[i : i + T]      y = tokens[i + 1 : i + T + 1]      i = 0, T, 2T, ...

    tokens (N,)    yields x, y (B, T) with B <= batch_size, and last a shorter (1, N - 1 mod T) if there is a rest
    Source: Dai et al. 2019, arXiv:1901.02860, section 4.1, on evaluating by segments.
    """
    whole = (len(tokens) - 1) // context
    for first in range(0, whole, batch_size):
        last = min(whole, first + batch_size)
        stretch = np.asarray(tokens[first * context:last * context + 1], np.int64)
        yield stretch[:-1].reshape(-1, context), stretch[1:].reshape(-1, context)
    rest = np.asarray(tokens[whole * context:], np.int64)
    if len(rest) > 1:
        yield rest[None, :-1], rest[None, 1:]


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
