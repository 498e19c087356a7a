"""Text and ids at the door: what every tokenizer checks before it works.

Before this file: `errors`. After it: the reader knows that text is a `str` of characters that UTF-8 can write, that
ids are whole numbers from 0 to V - 1 in one dimension, and that everything else is one `TokenizerError`.
"""

import numpy as np

from ..errors import TokenizerError

ID_DTYPE = np.int32      # what `encode_array` returns: ids below two thousand million, in half the memory of int64


def check_ids(ids, vocab_size):
    """Return ids as an integer array, having checked 0 <= id < V for each.

    ids         (T,)  a list of ints or an array of any integer dtype
    vocab_size  int   V, in tokens
    returns     (T,)  integer array

    Raises TokenizerError naming the first id out of range and its position, or what else is wrong.
    Source: the invariant of a lookup table; NumPy would read a negative id from the end of the table.
    """
    try:
        array = np.asarray(ids)
    except (TypeError, ValueError, OverflowError):
        raise TokenizerError("ids must be a list of ints or an integer array on the host; "
                             f"got {type(ids).__name__}, which NumPy cannot read") from None
    if array.ndim != 1:
        raise TokenizerError(f"ids must have one dimension; got shape {array.shape}; decode one sequence at a time")
    if array.size == 0:
        return array.astype(ID_DTYPE)
    if array.dtype.kind not in "iu":       # also where NumPy finds an int too wide for 64 bits, or an int among floats
        for position, value in enumerate(ids):
            if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
                raise TokenizerError(f"ids must be integers; got {str(value)[:40]!r} at position {position}")
        array = np.array([int(value) for value in ids], dtype=object)
    wrong = (array < 0) | (array >= vocab_size)
    if wrong.any():
        position = int(wrong.argmax())
        raise TokenizerError(f"ids must be at least 0 and below vocab_size={vocab_size}; "
                             f"got {str(array[position])[:40]} at position {position}; "
                             "decode with the tokenizer that encoded them")
    return array.astype(np.int64) if array.dtype == object else array


def check_text(text):
    """Return text if it is a `str` that UTF-8 can write.

    text     str, counted in characters
    returns  the same str

    Raises TokenizerError for another type, or naming the first lone surrogate (half of a UTF-16 pair, which is no
    character) and its position.
    Source: RFC 3629, section 3 (D800 to DFFF are prohibited).
    """
    if not isinstance(text, str):
        raise TokenizerError(f"text must be a str; got {type(text).__name__}; decode bytes first")
    try:
        if not text.isascii():
            text.encode("utf-8")
        return text
    except UnicodeEncodeError as problem:
        raise TokenizerError(f"text must not contain lone surrogates, which UTF-8 cannot write; "
                             f"got U+{ord(text[problem.start]):04X} at position {problem.start}; "
                             "decode the source with errors='replace'") from None


def listed(values, name="texts"):
    """Return values if they are several, to iterate over; raise TokenizerError for a str and for one thing.

    values  such as a list of str, or of rows of ids     name  str, what the error calls them
    """
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise TokenizerError(f"{name} must be a list; got {type(values).__name__}; write a single one in a list")
    return values
