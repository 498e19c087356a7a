"""A model as a folder: `config.json` says what it is, and the weights beside it what it learned.

Before this file: `config_file`, `shards`, `names`. After it: the reader can move a model between this package and the
field.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from .. import backend
from ..errors import CheckpointError, ConfigError
from ..files import atomic_write, dump_json
from ..formulas.number_formats import ENCODERS, FORMATS, Packed
from ..module import BLANK
from .config_file import CONFIG_FILE
from .names import LM_HEAD, from_foreign, to_foreign
from .shards import open_folder, save_shards, split

MAX_SHARD_SIZE = "50GB"                                  # as transformers 5 has it
REAL = {*FORMATS, "float32", "float64"}


def save_pretrained(model, folder, max_shard_size=MAX_SHARD_SIZE):
    """Write `model` to `folder`, made if need be. Until all is written the old files stand; then come the new weights,
    and at once behind them the config.

    max_shard_size  bytes, or "5GB", "200MB": what is larger is split into `model-00001-of-00003.safetensors`, ... with
                    an index, as `save_shards` says
    Packed weights are written as they are, and `dtype` in config.json says what most of the weights are.
    Raises ConfigError for another max_shard_size, OSError if the folder cannot be written.
    """
    folder, config = Path(folder), model.config
    tensors = {name: _on_host(tensor) for name, tensor in to_foreign(model.state_dict(), config.model_type).items()}
    split(tensors, max_shard_size)                       # that it can be, before anything is written
    counts = Counter()
    for tensor in tensors.values():
        counts[str(tensor.dtype)] += tensor.size
    values = {key: value for key, value in config.to_dict().items() if key != "torch_dtype"}       # version 4's word
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / CONFIG_FILE) as file:                 # on the disk now, and in its place on leaving
        dump_json({**values, "dtype": counts.most_common(1)[0][0]}, file)
        save_shards(tensors, folder, max_shard_size)


def _on_host(tensor):
    return Packed(backend.to_host(tensor.bits), tensor.dtype) if isinstance(tensor, Packed) else backend.to_host(tensor)


def load_pretrained(model_class, folder, dtype="float32"):
    """Make a `model_class` from `folder`. Its weights are mapped from the file, and copied only when they must be.

    dtype  "float32": weights of 32 bits are views of the file; those of 8 or 16 bits become float32 at their first use.
           "bfloat16", "float16": weights are held in 16 bits, frozen, and decoded at every use, as `Parameter.pack`
           says; those that a file has in this format are views of it
    Raises ConfigError for another dtype, CheckpointError (files) or ConfigError (sizes) naming the file and the field.
    """
    if not isinstance(dtype, str) or dtype not in ("float32", *ENCODERS):
        raise ConfigError(f"dtype must be one of float32, {', '.join(ENCODERS)}; got {dtype!r:.80}")
    config = model_class.config_class.from_pretrained(folder)
    if config.other.get("quantization_config") is not None:
        raise ConfigError(f"{Path(folder) / CONFIG_FILE}: quantization_config is not supported: the weights would be "
                          "codes, not numbers; use a folder with the original weights")
    path, tensors = open_folder(folder)
    model = _fill(model_class, config, tensors, path)
    return model if dtype == "float32" else model.pack(dtype)


def _fill(model_class, config, tensors, path):
    """Sizes come from a file: what they promise must be about there before anything of that size is allocated.

    About, so that where a few tensors are missing the error can list them by name.
    """
    there = sum(tensor.size for tensor in tensors.values())
    if config.num_parameters > 2 * there + 1_000_000 or config.num_tensors > 2 * len(tensors) + 100:
        raise CheckpointError(f"{path}: the config promises {config.num_parameters} parameters in {config.num_tensors} "
                              f"tensors; the file holds {there} in {len(tensors)}")
    model = model_class(config, rng=BLANK)
    names = [name for name, _ in model.named_parameters()]
    ours = from_foreign(tensors, names, config.model_type)
    strange = [f"{name} is {ours[name].dtype}" for name in names if name in ours and str(ours[name].dtype) not in REAL]
    try:
        if strange:
            raise CheckpointError(f"weights must be real numbers, {', '.join(sorted(REAL))}; {'; '.join(strange)}")
        model.load_state_dict(ours, copy=False)
        if LM_HEAD in tensors and LM_HEAD not in names:
            _check_tied(tensors[LM_HEAD], ours[names[0]])
    except CheckpointError as problem:
        raise CheckpointError(f"{path}: {problem}") from None
    return model


def _check_tied(head, table):
    """A tied head that a file has nevertheless must be the table. A few rows are compared: a file opens at once."""
    def few(tensor):
        rows = slice(None, None, max(1, tensor.shape[0] // 64))
        return Packed(tensor.bits[rows], tensor.dtype).decode() if isinstance(tensor, Packed) else tensor[rows]
    if tuple(head.shape) != tuple(table.shape) or not np.array_equal(few(head), few(table), equal_nan=True):
        raise CheckpointError(f"{LM_HEAD} must be the table of embeddings, to which the config ties it, and is "
                              "another; if trained apart, set tie_word_embeddings to false, else remove it from the "
                              "file")
