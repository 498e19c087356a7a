"""The matrix product that almost all of a GPT's time goes into.

Before this file: nothing. After it: a linear layer, and the three products of its backward pass.
"""

import numpy as np


def rows(x):
    """View (..., C) as (N, C), N = the product of the leading axes: one large matrix product beats many small ones.

    Source: as `linear`.
    """
    return x.reshape(-1, x.shape[-1])


def linear(x, W, b=None):
    """Map every vector by an affine function.

        y_j = sum_i x_i W_ij + b_j

    x (..., C_in)    W (C_in, C_out)    b (C_out,) or None    returns (..., C_out), dtype of x
    Note the order (in, out); PyTorch stores (out, in).
    Source: Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.5.6.
    """
    y = rows(x) @ W
    if b is not None:
        y += b
    return y.reshape(*x.shape[:-1], W.shape[1])


def linear_backward(dy, x, W):
    """Gradients of `linear`.

        dx_i = sum_j dy_j W_ij      dW_ij = sum_n x_ni dy_nj      db_j = sum_n dy_nj

    dy (..., C_out)    x (..., C_in)    W (C_in, C_out)    returns dx (..., C_in), dW (C_in, C_out), db (C_out,)
    Every x_i reaches every y_j through W_ij alone, so each gradient is the product with one factor left out.
    Source: Goodfellow, Bengio & Courville 2016, section 6.5.6.
    """
    return linear_input_gradient(dy, W), linear_weight_gradient(x, dy), sum_rows(dy)


def linear_input_gradient(dy, W):
    """dx = dy W^T, the part of `linear_backward` that goes on to the layer below.

    dy (..., C_out)    W (C_in, C_out)    returns (..., C_in)
    Source: as `linear_backward`.
    """
    return (rows(dy) @ W.T).reshape(*dy.shape[:-1], W.shape[0])


def linear_weight_gradient(x, dy, out=None):
    """dW = x^T dy, the part of `linear_backward` that a frozen weight does without; written into `out` if given.

    x (..., C_in)    dy (..., C_out)    returns (C_in, C_out)
    Source: as `linear_backward`.
    """
    return np.matmul(rows(x).T, rows(dy), out=out)


def sum_rows(dy, out=None):
    """db_j = sum_n dy_nj, the gradient of a bias that was added to every row; written into `out` if given.

    dy (..., C)    returns (C,)
    Source: as `linear_backward`.
    """
    flat = rows(dy)
    return np.matmul(np.ones_like(flat[:, 0]), flat, out=out)        # on all cores, which a sum is not
