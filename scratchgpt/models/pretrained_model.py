"""What every model here can do, whatever it models: be counted, be saved, be found again, and refuse wrong ids.

Before this file: `module`, `checkpoint`, `config`. After it: a model is a Module with a config; the two together are a
folder.
"""

from .. import backend
from ..checkpoint.pretrained import load_pretrained, save_pretrained
from ..decoding import GenerationConfig
from ..errors import CheckpointError, DataError, GenerationError
from ..inputs import as_rows
from ..module import Module


class PretrainedModel(Module):
    """A model y = f(x; w), x being ids (B, T): its config says which f, its parameters w what it has learned.

    Subclasses name `config_class` and set `config`; their constructor is (config, *, rng). `generation_config` holds
    the defaults for decoding that came with a folder; they act where they are asked for, as `GenerationConfig` shows.
    Source: Wolf et al. 2019, arXiv:1910.03771, for the folder that holds both.
    """

    config_class = None
    generation_config = GenerationConfig()

    @property
    def num_parameters(self):
        """How many numbers are learned; a tied head counts once."""
        return sum(parameter.size for parameter in self.parameters())

    def save_pretrained(self, folder, max_shard_size="50GB"):
        """Write `config.json` and `model.safetensors`, or its shards, under the field's names, as `checkpoint` says.

        Defaults for decoding, if there are any, go to `generation_config.json`.
        """
        save_pretrained(self, folder, max_shard_size)
        if self.generation_config != GenerationConfig():
            self.generation_config.save_pretrained(folder)

    @classmethod
    def from_pretrained(cls, folder, dtype="float32"):
        """Read what `save_pretrained`, or the field's library, wrote, as `checkpoint` says.

        dtype  "float32"; "bfloat16" or "float16": frozen weights in half the memory, decoded at every use
        Raises CheckpointError or ConfigError naming the file and the field.
        """
        model = load_pretrained(cls, folder, dtype)
        try:
            model.generation_config = GenerationConfig.from_pretrained(folder)
        except GenerationError as problem:
            raise CheckpointError(str(problem)) from None
        return model

    def _like(self):
        """An array of the model's backend."""
        return next(self.named_parameters())[1].like

    def _tokens(self, name, ids, vocab_size, shape=None, ignore_index=None):
        """ids as integers (B, T) in [0, vocab_size) on the model's device, or a DataError that says what is wrong.

        shape  what they must have; None: any (B, T) with at least one token     ignore_index  is allowed besides
        """
        ids = as_rows(name, ids, DataError)
        if shape is None and ids.size == 0:
            raise DataError(f"{name} must hold at least one token; got {ids.shape}")
        if ids.dtype.kind not in "iu" or (ids.ndim != 2 if shape is None else ids.shape != shape):
            wanted = "(B, T)" if shape is None else f"of the shape {shape}"
            raise DataError(f"{name} must be integers {wanted}; got {ids.dtype} {ids.shape}")
        host = backend.to_host(ids)                   # out-of-range ids would wrap: negative ones, on a GPU all of them
        outside = (host < 0) | (host >= vocab_size)
        if ignore_index is not None:
            outside &= host != ignore_index
        if outside.any():
            raise DataError(f"{name} must be in [0, vocab_size={vocab_size}); got {int(host[outside].flat[0])}")
        return backend.asarray(ids, like=self._like())
