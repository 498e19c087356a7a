"""What can go wrong, by name.

Before this file: nothing. After it: every error that this package raises on purpose is a `ScratchGPTError`, and
also a `ValueError`, so that code which knows neither this package nor its classes still catches it.
A message states the invariant, the values and the repair:
`n_embd must be divisible by n_head; got n_embd=100, n_head=12`.
"""


class ScratchGPTError(Exception):
    """The base of all errors that a caller can cause and repair."""


class ConfigError(ScratchGPTError, ValueError):
    """A model, layer, optimiser or schedule that cannot exist as described."""


class CheckpointError(ScratchGPTError, ValueError):
    """A file of weights, or of a run's state, that cannot be trusted or does not fit."""


class TokenizerError(ScratchGPTError, ValueError):
    """Text, ids or tokenizer files that the tokenizer cannot take."""


class GenerationError(ScratchGPTError, ValueError):
    """A request for text that cannot be met."""


class DataError(ScratchGPTError, ValueError):
    """Training or evaluation data that cannot be used."""


class TrainingError(ScratchGPTError, ValueError):
    """A run that must stop, such as one whose loss is no longer finite."""


class MissingExtraError(ScratchGPTError, ImportError):
    """An optional dependency is absent; the message carries the install command."""
