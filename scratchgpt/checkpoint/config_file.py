"""config.json: what a folder says it is. Before: `files`. After: what is read first, and trusted least."""

import os
from pathlib import Path

from ..errors import CheckpointError
from ..files import read_json

CONFIG_FILE = "config.json"


def read_config(folder):
    """The path of a folder's config.json, and the object in it.

    Raises CheckpointError naming the folder or the file for one that is not there, not JSON, or no object.
    """
    folder = Path(folder)
    if not os.path.isdir(folder):                        # Path.is_dir would raise where it may not look
        raise CheckpointError(f"{folder}: no such folder; name one that save_pretrained or `scratchgpt train` wrote")
    path = folder / CONFIG_FILE
    values = read_json(path)
    if not isinstance(values, dict):
        raise CheckpointError(f"{path}: must hold an object; got {type(values).__name__}")
    return path, values
