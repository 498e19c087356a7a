"""What every model's config shares: sizes that are checked, and config.json in and out without losing a key.

Before this file: `errors`. After it: a config file is a frozen dataclass whose fields carry the field's own names, and
the reader knows which keys of a foreign config.json are used, which are refused, and which are only kept.
"""

import sys
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import ClassVar

from ..checkpoint.config_file import read_config
from ..errors import CheckpointError, ConfigError

LARGEST = sys.float_info.max          # JSON may hold integers that no float can


@dataclass(frozen=True)
class ModelConfig:
    """Subclasses are frozen dataclasses with their sizes as fields, and name

        model_type     by which a folder's config.json chooses the class
        architecture   the class of the field's library, for `architectures`; None where it has none
        FIXED          {key: the values it may have}: keys that change the mathematics, each with what is supported

    and the properties num_parameters and num_tensors. `other` holds the keys of a foreign config.json that change
    nothing here; they are written back. Two configs are equal whatever they keep for others.
    """

    other: dict = field(default_factory=dict, kw_only=True, repr=False, compare=False)
    model_type: ClassVar[str]
    architecture: ClassVar[str | None] = None
    FIXED: ClassVar[dict] = {}

    def to_dict(self):
        """As config.json has it: what is kept for others, and what is ours."""
        own = {key: value for key, value in asdict(self).items() if key != "other"}
        names = {"architectures": [self.architecture]} if self.architecture else {}
        fixed = {key: allowed[0] for key, allowed in self.FIXED.items()}
        return {**self.other, **names, "model_type": self.model_type, **fixed, **own}

    @classmethod
    def from_dict(cls, values):
        """From config.json. Raises ConfigError naming a key that changes the mathematics and is not supported, or is
        missing.
        """
        values = cls._modern(dict(values))
        for key, allowed in cls.FIXED.items():
            if key in values and not any(type(values[key]) is type(one) and values[key] == one for one in allowed):
                raise ConfigError(f"{key} must be {' or '.join(map(repr, allowed))} here; got {values[key]!r:.80}")
        known = {one.name for one in fields(cls)} - {"other"}
        needed = {one.name for one in fields(cls) if one.default is one.default_factory is MISSING}
        if needed - values.keys():
            raise ConfigError(f"{' and '.join(sorted(needed - values.keys()))} must be given; there is no default")
        taken = {*known, *cls.FIXED, "model_type", "architectures"}
        return cls(**{key: values[key] for key in known & values.keys()},
                   other={key: value for key, value in values.items() if key not in taken})

    @classmethod
    def from_pretrained(cls, folder):
        """The config in a folder. Raises CheckpointError or ConfigError naming the file and the key."""
        path, values = read_config(folder)
        if values.get("model_type") != cls.model_type:
            raise CheckpointError(f"{path}: model_type must be {cls.model_type!r}; "
                                  f"got {values.get('model_type')!r:.80}")
        try:
            return cls.from_dict(values)
        except (TypeError, KeyError, ConfigError) as problem:
            raise ConfigError(f"{path}: {problem}") from None

    @classmethod
    def _modern(cls, values):
        """The values with old spellings of keys translated; subclasses that have such keys say how."""
        return values

    def _check_whole(self, *names, at_least=1):
        """Sizes are integers that fit 31 bits; True is none."""
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not at_least <= value < 1 << 31:
                raise ConfigError(f"{name} must be an integer from {at_least} to 2^31 - 1; got {value!r:.80}")

    def _check_whole_or_none(self, *names):
        self._check_whole(*(name for name in names if getattr(self, name) is not None))

    def _check_tokens(self, vocab_size, *names):
        """Ids of tokens, in a vocabulary of this size."""
        self._check_whole(*names, at_least=0)
        for name in names:
            if getattr(self, name) >= vocab_size:
                raise ConfigError(f"{name} must be a token, below a vocabulary of {vocab_size}; "
                                  f"got {getattr(self, name)}")

    def _check_pad_is_not(self, *names):
        if self.pad_token_id in [getattr(self, name) for name in names]:
            raise ConfigError(f"pad_token_id must not be {' or '.join(names)}, since pads are never looked at; "
                              f"got {self.pad_token_id} for both")

    def _check_flags(self, *names):
        for name in names:
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} must be true or false; got {getattr(self, name)!r:.80}")

    def _check_numbers(self, rule, fits, *names):
        """Numbers for which `fits` holds; `rule` says so in words."""
        for name in names:
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not fits(value):
                raise ConfigError(f"{name} must be {rule}; got {value!r:.80}")

    def _check_positive(self, *names):
        self._check_numbers("a finite number > 0", lambda value: 0 < value <= LARGEST, *names)

    def _check_at_least_zero(self, *names):
        self._check_numbers("a finite number >= 0", lambda value: 0 <= value <= LARGEST, *names)

    def _check_dropout(self, *names):
        self._check_numbers("a probability below 1", lambda value: 0 <= value < 1, *names)

    def _check_choice(self, name, choices):
        if not isinstance(getattr(self, name), str) or getattr(self, name) not in choices:
            raise ConfigError(f"{name} must be one of {', '.join(choices)}; got {getattr(self, name)!r:.80}")

    def _check_divides(self, divisor, total):
        if getattr(self, total) % getattr(self, divisor):
            raise ConfigError(f"{total} must be divisible by {divisor}; "
                              f"got {total}={getattr(self, total)}, {divisor}={getattr(self, divisor)}")
