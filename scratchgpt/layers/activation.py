"""The activations as modules. Before: `formulas.activations`. After: they can be handed to an MLP by name."""

from .. import formulas
from ..module import Module


class ReLU(Module):
    """y = max(x, 0), x (...). Keeps x. Source: as `formulas.relu`."""

    def forward(self, x):
        """x (...) -> (...)."""
        return formulas.relu(x), lambda dy: formulas.relu_backward(dy, x)


class GELU(Module):
    """y = x Phi(x), by the error function, x (...). Keeps x. Source: as `formulas.gelu`."""

    def forward(self, x):
        """x (...) -> (...)."""
        return formulas.gelu(x), lambda dy: formulas.gelu_backward(dy, x)


class GELUTanh(Module):
    """y = x (1 + tanh(...)) / 2, GELU as GPT-2 has it, x (...). Keeps x. Source: as `formulas.gelu_tanh`."""

    def forward(self, x):
        """x (...) -> (...)."""
        return formulas.gelu_tanh(x), lambda dy: formulas.gelu_tanh_backward(dy, x)


class SiLU(Module):
    """y = x sigma(x), x (...). Keeps x. Source: as `formulas.silu`."""

    def forward(self, x):
        """x (...) -> (...)."""
        return formulas.silu(x), lambda dy: formulas.silu_backward(dy, x)


# by the names that config.json files use
ACTIVATIONS = {"relu": ReLU, "gelu": GELU, "gelu_new": GELUTanh, "gelu_pytorch_tanh": GELUTanh, "silu": SiLU,
               "swish": SiLU}
