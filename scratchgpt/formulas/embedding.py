"""A table of vectors, read by number.

Before this file: `linear`. After it: the reader knows that an embedding is a linear layer on one-hot rows, done
without the ones and zeros, and why its backward pass is an addition at repeated places.
"""

import numpy as np

from .. import backend


def embedding(ids, W):
    """Take row W[id] for every id: the product of a one-hot row with W.

        y_nc = sum_v [id_n = v] W_vc = W_{id_n, c}

    ids (...) integers in [0, V)    W (V, C)    returns (..., C), dtype of W
    Out-of-range ids are the caller's to refuse: NumPy would wrap the negative ones, a GPU all of them.
    Source: Bengio et al. 2003, A neural probabilistic language model, section 2.
    """
    return W[ids]


def embedding_backward(dy, ids, V):
    """Gradient of `embedding` by its table.

        dW_vc = sum_n [id_n = v] dy_nc

    dy (..., C)    ids (...)    V rows of the table    returns (V, C)
    A row that was read k times receives the sum of k gradients; one that was not read receives zeros.
    Source: Bengio et al. 2003, section 3.
    """
    dW = np.zeros((V, dy.shape[-1]), dy.dtype, like=dy)
    add_rows(dW, ids, dy)
    return dW


def add_rows(dW, ids, dy):
    """dW[ids] += dy with repeated ids, in place: `embedding_backward` into a gradient that is there already.

    dW (V, C)    ids (...)    dy (..., C)
    Source: as `embedding_backward`.
    """
    backend.scatter_add(dW, ids.reshape(-1), dy.reshape(-1, dy.shape[-1]))
