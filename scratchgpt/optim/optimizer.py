"""What all optimisers share. Before: `module`, `pieces`. After: an optimiser is its update rule, and nothing else."""

import numpy as np

from .. import backend
from ..errors import ConfigError
from ..module import check_fit
from ..pieces import for_pieces


def decays_matrices(parameter):
    """The usual rule for weight decay: matrices decay; biases and gains, which have one axis, do not.

        decays = [axes >= 2]

    parameter (...)    returns bool    Source: Karpathy 2022, nanoGPT, `configure_optimizers`.
    """
    return parameter.ndim >= 2


class Optimizer:
    """Holds the parameters, their running averages and the count of steps. Subclasses name `averages` and define

        w, averages <- _update(w, g, *averages, weight_decay)     in place, element by element: it may run in pieces

    parameters    those that are trainable are moved          lr  learning rate per step, >= 0; a plain attribute,
    weight_decay  per unit of lr, on the parameters for which     which a schedule sets anew before each step
    decays        says so: by default matrices only
    Source: as its subclasses.
    """

    averages = ()

    def __init__(self, parameters, lr, weight_decay=0.0, decays=decays_matrices):
        self.parameters = [p for p in parameters if p.trainable]
        if not self.parameters:
            raise ConfigError("an optimizer needs at least one trainable parameter; got none: set `trainable`, and "
                              "convert packed weights with `astype` first")
        if any(p.packed_as for p in self.parameters):
            raise ConfigError("packed weights do not learn, as most steps are smaller than their last bit; got one "
                              "with trainable=True: convert it with `astype` first")
        if not lr >= 0 or not weight_decay >= 0:
            raise ConfigError(f"lr and weight_decay must be >= 0; got lr={lr}, weight_decay={weight_decay}")
        self.lr, self.steps = lr, 0
        self.weight_decays = [weight_decay if decays(p) else 0.0 for p in self.parameters]
        self.state = [{name: np.zeros_like(p.data) for name in self.averages} for p in self.parameters]

    def step(self):
        """Move every parameter that has a gradient, in place.

        Raises ConfigError, before anything moves, if a parameter has another shape than when the optimizer was made.
        """
        for p, averages in zip(self.parameters, self.state):
            if any(average.shape != p.shape for average in averages.values()):
                raise ConfigError("running averages must have the shape of their parameter; got "
                                  f"{p.shape} for one that had another; make a new optimizer after resize_embedding")
        self.steps += 1
        for p, averages, weight_decay in zip(self.parameters, self.state, self.weight_decays):
            if p.grad is not None:
                def update(*pieces):
                    self._update(*pieces, weight_decay=weight_decay)
                for_pieces(update, p.data, p.grad, *averages.values())

    def state_dict(self):
        """{"steps": (), "<index>.<average>": array}: all that `load_state_dict` needs to go on as if never stopped."""
        arrays = {f"{i}.{name}": array for i, averages in enumerate(self.state) for name, array in averages.items()}
        return {"steps": np.array(self.steps), **arrays}

    def load_state_dict(self, arrays):
        """Take up the state of another optimizer of the same kind over the same parameters.

        Raises CheckpointError naming what is missing, unexpected or misshapen; then nothing is changed.
        """
        check_fit(arrays, self.state_dict(), "the optimizer's state must fit its parameters")
        self.steps = int(arrays["steps"])
        for i, averages in enumerate(self.state):
            for name in averages:
                averages[name][...] = backend.asarray(arrays[f"{i}.{name}"], like=averages[name])
