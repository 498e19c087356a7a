"""Module: everything that a layer is made of, without magic.

Before this file: `parameter`. After it: the reader knows the second rule of this package. Calling a module returns
`(y, backward)`; `backward(dy)` returns the gradients of the inputs and adds the gradients of the parameters to
`Parameter.grad`. Nothing is stored on the module between the two, so two calls can be alive at once.
"""

import numpy as np

from .errors import CheckpointError, ConfigError
from .formulas.number_formats import Packed
from .parameter import Parameter


class Module:
    """A function with parameters. Subclasses define `forward(...)`, which returns `(y, backward)`."""

    def __call__(self, *args, **options):
        return self.forward(*args, **options)

    def forward(self, *args, **options):
        """(y, backward) for the given inputs; each subclass has its own."""
        raise TypeError(f"{type(self).__name__} must define forward(...), returning (y, backward)")

    def named_modules(self, name=""):
        """(name, module) for this module and all inside it, in the order of their definition."""
        yield name, self
        for key, value in vars(self).items():
            children = enumerate(value) if isinstance(value, (list, tuple)) else [(None, value)]
            for index, child in children:
                if isinstance(child, Module):
                    inner = key if index is None else f"{key}.{index}"
                    yield from child.named_modules(f"{name}.{inner}" if name else inner)

    def named_parameters(self):
        """(name, Parameter) in the order of definition; a parameter that is used twice appears once."""
        seen = set()
        for prefix, module in self.named_modules():
            for key, value in vars(module).items():
                if isinstance(value, Parameter) and id(value) not in seen:
                    seen.add(id(value))
                    yield (f"{prefix}.{key}" if prefix else key), value

    def parameters(self):
        """The list of all parameters, each once."""
        return [parameter for _, parameter in self.named_parameters()]

    def zero_grad(self):
        """Forget all gradients."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def astype(self, dtype):
        """Convert every parameter to `dtype` in place, gradients forgotten; returns the module."""
        for parameter in self.parameters():
            parameter.astype(dtype)
        return self

    def pack(self, dtype):
        """Hold every parameter in 16 bits, frozen, as `Parameter.pack` says; returns the module."""
        for parameter in self.parameters():
            parameter.pack(dtype)
        return self

    def state_dict(self):
        """{name: array}: the arrays themselves, not copies; of a parameter that stays packed, the Packed."""
        return {name: parameter.held if parameter.packed_as else parameter.data
                for name, parameter in self.named_parameters()}

    def load_state_dict(self, arrays, copy=True):
        """Take over `arrays` {name: array or Packed}, each in its parameter's dtype and on its device.

        copy   False: an array that is as it must be becomes the parameter's own, and training writes into it
        Raises CheckpointError listing every missing, unexpected and misshapen name; then nothing is changed.
        """
        parameters = dict(self.named_parameters())
        check_fit(arrays, parameters, "the tensors must be those of the model")
        for name, parameter in parameters.items():
            array = arrays[name]
            parameter.take(array.copy(order="K") if copy and not isinstance(array, Packed) else array)


def check_fit(arrays, expected, rule):
    """Raise CheckpointError, opening with `rule`, unless `arrays` has just the names and shapes of `expected`.

    All that is missing, unexpected or misshapen is listed in the one error, up to a thousand names.
    """
    problems = [f"missing {name}" for name in expected if name not in arrays]
    problems += [f"unexpected {name[:200]}" for name in arrays if name not in expected]
    problems += [f"{name} must be {mine.shape}, got {tuple(arrays[name].shape)}" for name, mine in expected.items()
                 if name in arrays and tuple(arrays[name].shape) != mine.shape]
    if len(problems) > 1000:
        problems[1000:] = [f"and {len(problems) - 1000} more"]
    if problems:
        raise CheckpointError(f"{rule}; {'; '.join(problems)}")


BLANK = object()       # in place of a Generator: weights that are allocated but not drawn, for a model to be loaded


def normal(shape, std, rng):
    """Initial weights: std times the standard normal distribution, float32, drawn on the host.

    shape   of the array        std     >= 0, in units of the weight
    rng     numpy.random.Generator, or BLANK
    Raises ConfigError without a generator: what is random is random on purpose.
    """
    if rng is BLANK:
        return np.empty(shape, np.float32)
    if not isinstance(rng, np.random.Generator):
        raise ConfigError(f"initial weights are drawn from a numpy.random.Generator; got rng={rng!r}, "
                          "pass rng=np.random.default_rng(seed)")
    weights = rng.standard_normal(shape, dtype=np.float32)
    weights *= std
    return weights
