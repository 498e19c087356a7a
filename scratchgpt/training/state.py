"""A run on disk: everything that it needs to go on, in one file, so that no kill can leave half of it.

Before this file: `trainer`, `checkpoint.safetensors`. After it: why a run that was stopped at any step and resumed is
bit-identical to one that was never stopped.
"""

import json
from pathlib import Path

from .. import backend
from ..checkpoint.safetensors import load_file, save_file
from ..errors import CheckpointError
from ..files import parse_json

STATE_FILE = "training.safetensors"


def save_state(trainer, folder):
    """Write weights, optimizer, step, generator and history to `folder`/training.safetensors, atomically.

    The data's position is the generator's state: it draws where batches start.
    Source: the safetensors format; see `checkpoint.safetensors`.
    """
    arrays, values = trainer.state_dict()
    save_file({name: backend.to_host(array) for name, array in arrays.items()}, Path(folder) / STATE_FILE,
              {"training": json.dumps(values)})


def load_state(trainer, folder):
    """Bring `trainer` to where `save_state` left its run.

    Raises CheckpointError naming the file for one that is missing, damaged, or of another model or optimizer.
    Source: as `save_state`.
    """
    path = Path(folder) / STATE_FILE
    arrays, metadata = load_file(path)
    values = parse_json(metadata.get("training", "null"), path)
    try:
        trainer.load_state_dict(arrays, values)
    except (CheckpointError, TypeError, KeyError, ValueError) as problem:
        raise CheckpointError(f"{path}: not the state of this run ({problem})") from None
