"""Files that are written whole or not at all, and JSON that means one thing.

Before this file: `errors`. After it: the reader knows why a kill at any moment leaves the old file or the new one,
and why a file from outside cannot smuggle in a second value under a name that was already read.
"""

import json
import os
import secrets
import stat
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import CheckpointError, ScratchGPTError


@contextmanager
def atomic_write(path, mode="w"):
    """Open a temporary neighbour of `path`; on leaving, flush it to the disk and rename it over `path`.

    path  file name       mode  "w" (UTF-8 text, "\\n" line ends) or "wb"
    If the body raises, `path` is untouched and the temporary file is gone.
    Raises OSError if the folder cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with open(temporary, mode.replace("w", "x"), **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as problem:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(problem, OSError) and problem.filename == str(temporary):
            problem.filename = str(path)                        # the name that the caller knows
        raise
    _sync_folder(path.parent)


def sweep(folder):
    """Delete the temporary files that a kill in the middle of `atomic_write` left in `folder`."""
    for path in Path(folder).glob(".*." + 8 * "[0-9a-f]" + ".tmp"):
        path.unlink(missing_ok=True)


def parse_json(data, where, error=CheckpointError):
    """Parse JSON strictly: no duplicate keys, no NaN or infinities, no nesting bombs, no other kind of exception.

    data   bytes or str    where  what to call it in the error, such as a file's name
    Raises `error`, and only that, on anything malformed.
    Source: RFC 8259, section 4 (names should be unique) and section 6 (no NaN, no infinities).
    """
    def unique(pairs):
        result = dict(pairs)
        if len(result) < len(pairs):
            key, times = Counter(key for key, _ in pairs).most_common(1)[0]
            raise error(f"{where}: every key must appear once; {key[:80]!r} appears {times} times")
        return result

    def finite(text):
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise error(f"{where}: numbers must be finite; got {text[:40]}")
        return value

    def constant(name):
        raise error(f"{where}: numbers must be finite; got {name}")

    try:
        return json.loads(data, object_pairs_hook=unique, parse_float=finite, parse_constant=constant)
    except ScratchGPTError:
        raise
    except RecursionError:
        raise error(f"{where}: the JSON is nested too deeply; the file is damaged or hostile") from None
    except (ValueError, UnicodeError) as problem:
        raise error(f"{where}: not valid JSON ({str(problem)[:200]}); restore the file from its source") from None


def read_bytes(path, error=CheckpointError, max_bytes=16_000_000):
    """Read a file of at most `max_bytes` bytes; every failure is an `error` naming the file.

    Pipes and devices, whose size nobody knows beforehand, are refused: they could be endless.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise error(f"{path}: cannot be read (not a regular file)")
        if status.st_size > max_bytes:
            raise error(f"{path}: at most {max_bytes} bytes are read; the file has {status.st_size}")
        with open(path, "rb") as file:
            return file.read(status.st_size)
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror})") from None
    except error:
        raise
    except (TypeError, ValueError) as problem:                  # None, or a NUL in the name
        raise error(f"{path!r:.80}: cannot be read ({problem})") from None


def read_json(path, error=CheckpointError, max_bytes=16_000_000):
    """Read a JSON file with `read_bytes` and `parse_json`; every failure is an `error` naming the file."""
    return parse_json(read_bytes(path, error, max_bytes), path, error)


def write_json(path, value):
    """Write `value` as indented UTF-8 JSON, atomically."""
    with atomic_write(path) as file:
        dump_json(value, file)


def dump_json(value, file):
    """Write `value` to an open text file as indented JSON, down to the disk: if that is full, it is this that fails."""
    json.dump(value, file, indent=2, ensure_ascii=False, allow_nan=False)
    file.write("\n")
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder):
    """A rename is durable only once the folder's own entry is on the disk (POSIX)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
