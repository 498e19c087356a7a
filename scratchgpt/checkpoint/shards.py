"""A model's weights as a folder holds them: in one file, or in shards under an index that says which holds what.

Before this file: `safetensors`. After it: the reader knows how a model is stored that is larger than a file system or
a download can take, and why a save that is cut short never mixes two models: one rename, or one removal, is the moment
at which the new weights take the place of the old.

    model.safetensors.index.json: {"metadata": {"total_size": bytes}, "weight_map": {tensor name: file name, ...}}
"""

import math
import os
import re
from pathlib import Path

from ..errors import CheckpointError, ConfigError
from ..files import read_json, write_json
from .safetensors import open_file, save_file

WEIGHTS_FILE, INDEX_FILE = "model.safetensors", "model.safetensors.index.json"
PICKLED = "pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.pth"
STEMS = "model", "model-next"                        # of the shards; the second where the first is still being read
SHARD = re.compile(rf"({'|'.join(STEMS)})-\d{{5}}-of-\d{{5}}\.safetensors")
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def save_shards(tensors, folder, max_shard_size):
    """Write {name: NumPy array or Packed} as `model.safetensors`, or as shards and an index where that is too large.

    max_shard_size  bytes, or a text such as "5GB", in powers of 1,000; a larger tensor gets a shard of its own
    Tensors stay in their order. What an earlier save left is removed once the new weights are in place: killed at any
    moment, the folder holds the old ones or the new.
    Raises ConfigError for another max_shard_size, CheckpointError as `save_file`, OSError if it cannot be written.
    """
    folder, shards = Path(folder), split(tensors, max_shard_size)
    if len(shards) == 1:
        files = [WEIGHTS_FILE]
        save_file(tensors, folder / WEIGHTS_FILE, {"format": "pt"})         # the moment: this file goes before others
        stale = [INDEX_FILE]
    else:
        files = _unused_names(folder, len(shards))
        for file, names in zip(files, shards):
            save_file({name: tensors[name] for name in names}, folder / file, {"format": "pt"})
        index = {"metadata": {"total_parameters": sum(tensor.size for tensor in tensors.values()),
                              "total_size": sum(tensor.nbytes for tensor in tensors.values())},
                 "weight_map": {name: file for file, names in zip(files, shards) for name in names}}
        write_json(folder / INDEX_FILE, index)                              # the moment, if the old ones had an index;
        stale = [WEIGHTS_FILE]                                              # if they were one file, its removal
    old = [path.name for path in folder.iterdir() if SHARD.fullmatch(path.name) and path.name not in files]
    for name in stale + old:
        (folder / name).unlink(missing_ok=True)


def split(tensors, max_shard_size):
    """The names of `tensors` in lists, in order, each of which begins where the one before would pass the size."""
    limit, shards, size = _bytes(max_shard_size), [[]], 0
    for name, tensor in tensors.items():
        if shards[-1] and size + tensor.nbytes > limit:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += tensor.nbytes
    return shards


def open_folder(folder):
    """Map all tensors of a folder: (path of the file that lists them, {name: array or Packed}), as `open_file`.

    Where a folder holds both, `model.safetensors` goes before `model.safetensors.index.json`, as in transformers.
    An index and its files must agree: each tensor is in the one file that the index says, and there are no others.
    Raises CheckpointError naming the file and the field.
    """
    folder = Path(folder)
    path = folder / WEIGHTS_FILE
    if os.path.lexists(path) or not os.path.lexists(folder / INDEX_FILE):
        pickled = [name for name in PICKLED if (folder / name).exists()]
        if pickled and not path.exists():
            raise CheckpointError(f"{folder}: weights must be in {WEIGHTS_FILE}; {pickled[0]} is a pickle, which could "
                                  "run code: convert it with the library that wrote it")
        return path, open_file(path)[0]
    path = folder / INDEX_FILE
    weight_map, tensors = _read_index(path), {}
    for file in dict.fromkeys(weight_map.values()):
        found, _ = open_file(_inside(path, file))
        for name in found:
            if weight_map.get(name) != file:
                says = f"is in {weight_map[name]}" if name in weight_map else "is nowhere"
                raise CheckpointError(f"{path}: weight_map must name the tensors of its files; {name[:80]!r} is in "
                                      f"{file}, and the index says that it {says}")
        tensors |= found
    missing = [name for name in weight_map if name not in tensors]
    if missing:
        raise CheckpointError(f"{path}: weight_map must name files that hold their tensors; {missing[0][:80]!r} is not "
                              f"in {weight_map[missing[0]]}; {len(missing)} such in all")
    return path, tensors


def _read_index(path):
    """The weight_map, {tensor name: file name}, of names that may be opened."""
    index = read_json(path)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(f"{path}: weight_map must map at least one tensor to its file; got {weight_map!r:.80}")
    metadata = index.get("metadata", {})
    total = metadata.get("total_size", 0) if isinstance(metadata, dict) else None
    if not isinstance(total, (int, float)) or isinstance(total, bool) or total < 0:
        raise CheckpointError(f"{path}: metadata.total_size must be a number of bytes; got {metadata!r:.80}")
    for name, file in weight_map.items():
        if not isinstance(file, str) or not _is_bare(file):
            raise CheckpointError(f"{path}: weight_map: {name[:80]!r} must be in a file of this folder, named without "
                                  f"a path and ending in .safetensors; got {file!r:.80}")
    return weight_map


def _is_bare(file):
    """Whether a name can only mean a file beside the index, on any operating system."""
    return (file.endswith(".safetensors") and file.isprintable() and not set(file) & set('/\\:*?"<>|')
            and not file.startswith(".") and len(file) < 256)


def _inside(path, file):
    """The file beside the index, which no link may lead out of the folder."""
    target = path.parent / file
    if os.path.dirname(os.path.realpath(target)) != os.path.realpath(path.parent):
        raise CheckpointError(f"{path}: weight_map: {file} must be a file of this folder, and is a link out of it; "
                              "copy the file here")
    return target


def _bytes(size):
    """A max_shard_size as a number of bytes."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?B)\s*", size.upper()) if isinstance(size, str) else None
    if found:
        size = float(found[1]) * UNITS[found[2]]
    if not isinstance(size, (int, float)) or isinstance(size, bool) or not 1 <= size < math.inf:
        raise ConfigError('max_shard_size must be a number of bytes >= 1, or a text such as "5GB" or "200MB"; '
                          f"got {size!r:.80}")
    return size


def _unused_names(folder, count):
    """Names for the shards, none of which the index that is there now leads to."""
    try:
        used = set(_read_index(folder / INDEX_FILE).values())
    except CheckpointError:
        used = set()                                                             # no index, or one that opens nothing
    for stem in STEMS:
        names = [f"{stem}-{i:05d}-of-{count:05d}.safetensors" for i in range(1, count + 1)]
        if not used & set(names):
            break
    return names
