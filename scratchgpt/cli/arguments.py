"""What the commands' options accept, and what a text file is. Before: `errors`. After: a mistake is one sentence."""

import argparse
from pathlib import Path

import numpy as np

from ..errors import DataError


def whole(at_least):
    """An argparse type: an integer >= at_least."""
    def parse(text):
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or value < at_least:
            raise argparse.ArgumentTypeError(f"must be an integer >= {at_least}; got {text!r}")
        return value
    return parse


def number(low, high=float("inf"), low_open=False, high_open=False):
    """An argparse type: a finite number between low and high, an end being left out if it is open."""
    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        inside = (value > low if low_open else value >= low) and (value < high if high_open else value <= high)
        if not inside or value in (float("inf"), float("-inf")):
            bounds = f"{'>' if low_open else '>='} {low}" + \
                ("" if high == float("inf") else f" and {'<' if high_open else '<='} {high}")
            raise argparse.ArgumentTypeError(f"must be a finite number {bounds}; got {text!r}")
        return value
    return parse


def decode(data, where):
    """The text of bytes in UTF-8, line ends as they are; raises DataError naming where they come from, if it is not."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise DataError(f"{where}: must be UTF-8 text; byte {problem.start} is not: convert it, for instance with "
                        "iconv -t UTF-8") from None


def read_text(path):
    """The text of a UTF-8 file, its line ends as they are.

    Raises DataError naming the file for one that is missing, empty, unreadable or not UTF-8.
    """
    path = Path(path)
    try:
        text = decode(path.read_bytes(), path)
    except OSError as problem:
        raise DataError(f"{path}: cannot be read ({problem.strerror}); name a text file") from None
    if not text:
        raise DataError(f"{path}: is empty; name a file with text in it")
    return text


def generator(seed):
    """The Generator of a seed."""
    return np.random.default_rng(seed)
