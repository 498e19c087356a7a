"""A model as a folder: `config.json` says what it is, `model.safetensors` holds what it learned.

Before this file: `safetensors`, `names`. After it: the reader can move a model between this package and the field.
"""

from pathlib import Path

from .. import backend
from ..errors import CheckpointError, ConfigError
from ..files import read_json, write_json
from ..module import BLANK
from .names import foreign_name, rename
from .safetensors import load_file, save_file

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"


def save_pretrained(model, folder):
    """Write `model` to `folder`, made if need be. The weights come last: until then the old ones stand.

    Raises OSError if the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / CONFIG_FILE, model.config.to_dict())
    model_type = model.config.model_type
    arrays = {foreign_name(name, model_type): backend.to_host(array) for name, array in model.state_dict().items()}
    save_file(arrays, folder / WEIGHTS_FILE, {"format": "pt"})


def load_pretrained(model_class, folder):
    """Make a `model_class` from `folder`; its weights are mapped from the file, and copied only when written to.

    Raises CheckpointError (files) or ConfigError (sizes) naming the file and the field.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder; name one that save_pretrained or `scratchgpt train` wrote")
    values = read_json(folder / CONFIG_FILE)
    expected = model_class.config_class.model_type
    if not isinstance(values, dict) or values.get("model_type") != expected:
        found = values.get("model_type") if isinstance(values, dict) else type(values).__name__
        raise CheckpointError(f"{folder / CONFIG_FILE}: model_type must be {expected!r}; got {found!r}")
    try:
        config = model_class.config_class.from_dict(values)
    except (TypeError, KeyError, ConfigError) as problem:
        raise ConfigError(f"{folder / CONFIG_FILE}: {problem}") from None
    arrays, _ = load_file(folder / WEIGHTS_FILE)
    return _fill(model_class, config, arrays, folder / WEIGHTS_FILE)


def _fill(model_class, config, arrays, path):
    """Sizes come from a file: what they promise must be about there before anything of that size is allocated.

    About, so that where a few tensors are missing the error can list them by name.
    """
    there = sum(array.size for array in arrays.values())
    if config.num_parameters > 2 * there + 1_000_000 or config.num_tensors > 2 * len(arrays) + 100:
        raise CheckpointError(f"{path}: the config promises {config.num_parameters} parameters in {config.num_tensors} "
                              f"tensors; the file holds {there} in {len(arrays)}")
    model = model_class(config, rng=BLANK)
    try:
        model.load_state_dict(rename(arrays, model.state_dict(), config.model_type))
    except CheckpointError as problem:
        raise CheckpointError(f"{path}: {problem}") from None
    return model
