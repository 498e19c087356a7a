"""Many texts of many lengths as one array: truncation, padding, masks, and where in the text each token stands.

Before this file: `vocabulary`. After it: the reader can turn a list of texts into what a model takes, and a token back
into the characters that it came from.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import TokenizerError
from .ids import ID_DTYPE

SIDES = {"left": "left", "right": "right"}                      # what a caller may say -> what it means
PADDING = {False: None, None: None, "do_not_pad": None,
           True: "longest", "longest": "longest", "max_length": "max_length"}
LONGEST = 1 << 31               # tokens
TRUNCATION = {False: False, None: False, "do_not_truncate": False, True: True, "longest_first": True}


@dataclass
class Encoding:
    """What a call of a tokenizer returns; also as encoding["input_ids"].

    For one text of T tokens the shapes are (T,), (T,) and (T, 2); for B padded texts (B, T), (B, T) and (B, T, 2); for
    B texts without padding each is a list of B arrays.

    input_ids       int32  ids
    attention_mask  int32  1 for a token, 0 for padding
    offsets         int64  the first character of the token in its text, and the first one after it; 0 and 0 for padding
                           and for an added bos or eos. A token that holds part of a character has that character's.
    Source: `BatchEncoding` of the transformers library.
    """

    input_ids: object
    attention_mask: object
    offsets: object

    def __getitem__(self, name):
        return vars(self)[name]

    def __iter__(self):
        return iter(vars(self))

    def keys(self):
        """The three names, so that {**encoding} is a dict."""
        return vars(self).keys()


def token_spans(text, lengths):
    """Return the characters that each token covers, when the tokens' bytes, joined, are the text's.

        byte of text -> its character;   span_t = (character of t's first byte, 1 + character of t's last byte)

    >>> token_spans("né!", np.array([2, 1, 1])).tolist()            # "n" and half of "é", the other half, "!"
    [[0, 2], [1, 2], [2, 3]]

    text     str
    lengths  (T,)    bytes of each token, at least 1
    returns  (T, 2)  int array
    Source: RFC 3629, section 3: all bytes of a character but its first are 10xxxxxx.
    """
    ends = np.cumsum(lengths, dtype=np.int64)
    if text.isascii():
        return np.stack([ends - lengths, ends], axis=1)
    character = np.cumsum((np.frombuffer(text.encode("utf-8"), dtype=np.uint8) & 0xC0) != 0x80) - 1
    return np.stack([character[ends - lengths], character[ends - 1] + 1], axis=1)


def truncate(row, length, side):
    """Return the first `length` entries of a row, or the last ones: side is where entries are taken away."""
    return row[max(0, len(row) - length):] if side == "left" else row[:length]


def pad(rows, length, side, value):
    """Return rows of any lengths up to `length` as one array, filled up with a value at the given side.

    >>> pad([np.array([1, 2, 3]), np.array([4])], 3, "left", 0).tolist()
    [[1, 2, 3], [0, 0, 4]]

    rows     list of B arrays (T_b, ...), T_b <= length
    returns  (B, length, ...) array
    side     "left" or "right"; generation needs the left, so that all rows end together
    Source: `padding_side` of the transformers library.
    """
    padded = np.full((len(rows), length, *rows[0].shape[1:]), value, dtype=rows[0].dtype)
    for line, row in zip(padded, rows):
        start = length - len(row) if side == "left" else 0
        line[start:start + len(row)] = row
    return padded


def collate(rows, padding, padding_side, pad_id, max_length):
    """Return an Encoding of B rows, padded to the longest one, to max_length, or not at all.

    rows          list of B pairs of arrays: ids (T_b,) and offsets (T_b, 2)
    padding       None, "longest" or "max_length"
    pad_id        int; None is an error if a row needs padding
    Raises TokenizerError where padding lacks a token, or a row is longer than max_length.
    Source: `pad` of the transformers library.
    """
    rows, spans = [ids for ids, _ in rows], [offsets for _, offsets in rows]
    masks = [np.ones(len(row), dtype=ID_DTYPE) for row in rows]
    if padding is None or not rows:
        return Encoding(rows, masks, spans)
    longest = max(map(len, rows))
    length = longest if padding == "longest" else max_length
    if longest > length:
        raise TokenizerError(f"padding to max_length={length} needs rows that fit; got one of {longest} tokens; "
                             "pass truncation=True, or a larger max_length")
    if pad_id is None and min(map(len, rows)) < length:
        raise TokenizerError("padding needs a pad token; assign one, as in tokenizer.pad_token = tokenizer.eos_token, "
                             'or add one with tokenizer.add_special_tokens({"pad_token": "<|pad|>"})')
    return Encoding(pad(rows, length, padding_side, pad_id or 0), pad(masks, length, padding_side, 0),
                    pad(spans, length, padding_side, 0))


def one_of(choices, name, value):
    """Return what a value means, choices[value]; raise TokenizerError with the argument's name for another value."""
    if not isinstance(value, (str, bool, type(None))) or value not in choices:
        raise TokenizerError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r:.40}")
    return choices[value]


def room_for(max_length, n_around):
    """Return how many tokens of a text fit into max_length beside those around it; raise TokenizerError for none."""
    least = max(1, n_around)
    if (isinstance(max_length, bool) or not isinstance(max_length, (int, np.integer))
            or not least <= max_length < LONGEST):
        raise TokenizerError(f"truncation and padding to max_length need an int of at least {least}, below {LONGEST}; "
                             f"got {max_length}; "
                             "pass max_length, or assign model_max_length")
    return max_length - n_around
