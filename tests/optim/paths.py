"""An optimizer beside its oracle: every weight must go the way that its own scalar goes."""

import numpy as np

from scratchgpt.module import Parameter
from tests.formulas.twins import assert_close


def assert_follows(make, oracle, weight, bias, dW, db):
    """Step make([W, b]) along the gradients dW, db (steps, ...): each weight must be where its scalar is, at each step.

    oracle(start, gradients, decays) -> the scalar after each step; only the matrix W decays
    """
    W, b = Parameter(weight.copy()), Parameter(bias.copy())
    optimizer = make([W, b])
    paths = {(p, i): oracle(start[i], list(grads[(slice(None), *i)]), p is W)
             for p, start, grads in ((W, weight, dW), (b, bias, db)) for i in np.ndindex(start.shape)}
    for t in range(len(dW)):
        W.grad, b.grad = dW[t], db[t]
        optimizer.step()
        for p in (W, b):
            assert_close(p.data, np.array([paths[p, i][t] for i in np.ndindex(p.shape)]).reshape(p.shape))
