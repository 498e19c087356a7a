"""The matrix product that almost all of a GPT's time goes into.

Before this file: `pieces`. After it: a linear layer, the three products of its backward pass, and why a few rows, such
as those of a batch that is decoded, need a product of their own: their time is not the arithmetic's but the weights'
way from memory.
"""

import numpy as np

from ..pieces import run_pieces

FEW = 16                 # rows for which the way of the weights from memory costs more than the arithmetic
LARGE = 1 << 19          # weights that are worth waking a thread for
BLOCK = 1 << 18          # multiplications in a product so small that BLAS takes the weights as they lie
SHARE = 1 << 18          # weights that a thread takes at a time: 1 MB of float32
HEIGHT = 8               # rows of weights read side by side: as many streams as a core reads ahead


def _blas_takes_blocks():
    """Whether BLAS multiplies small blocks as they lie: of its kernels OpenBLAS's for AVX-512 are known to do so."""
    config = np.show_config(mode="dicts")
    blas, processor = config["Build Dependencies"]["blas"], config.get("SIMD Extensions", {})
    names = [*processor.get("baseline", []), *processor.get("found", [])]
    return "openblas" in blas.get("name", "") and any(name.startswith(("AVX512", "X86_V4")) for name in names)


BLOCKS = _blas_takes_blocks()


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
    # y = x @ W + b, with a product that reads W once where there are few rows:
    y = _product(rows(x), W)
    if b is not None:
        y += b
    return y.reshape(*x.shape[:-1], W.shape[1])


def _product(x, W):
    """x @ W, and where a few rows meet many weights the same by blocks of W, on all threads.

    Before a product BLAS copies all of W into another order, which many rows repay. Few rows would wait while W is
    read, written and read again; products of small blocks do without the copy, where `BLOCKS` says so.
    x (M, K)    W (K, N), lying row by row or, as a transposed view does, column by column    returns (M, N)
    Blocks depend on shapes only: one thread or eight give the same bits.
    """
    M, N = len(x), W.shape[1]
    few = BLOCKS and 1 < M <= FEW and W.size >= LARGE
    if few and isinstance(W, np.ndarray) and x.dtype == W.dtype and x.dtype.kind == "f":
        if W.T.flags.c_contiguous:
            return _by_columns(x, W)
        if W.flags.c_contiguous and M <= HEIGHT and M * HEIGHT * N <= BLOCK:
            return _by_rows(x, W)
    return x @ W


def _by_columns(x, W):
    """y_j = x W_j for blocks j of columns: `_product` where W lies column by column."""
    x, W, y = np.ascontiguousarray(x.T), W.T, np.empty((W.shape[1], len(x)), x.dtype)       # y^T = W^T x^T
    W_blocks, y_blocks = (_blocks(a, max(1, BLOCK // x.size)) for a in (W, y))
    shares = _shares(W_blocks)
    run_pieces(lambda i: np.matmul(W_blocks[shares[i]], x, out=y_blocks[shares[i]]), len(shares))
    rest = W_blocks.shape[0] * W_blocks.shape[1]
    np.matmul(W[rest:], x, out=y[rest:])
    return np.ascontiguousarray(y.T)


def _by_rows(x, W):
    """y = sum_i x_i W_i for blocks i of HEIGHT channels: `_product` where W lies row by row."""
    x_blocks, W_blocks = _blocks(x.T, HEIGHT).swapaxes(1, 2), _blocks(W, HEIGHT)        # (n, M, HEIGHT), (n, HEIGHT, N)
    shares = _shares(W_blocks)
    sums = np.empty((len(shares), len(x), W.shape[1]), x.dtype)
    run_pieces(lambda i: np.sum(x_blocks[shares[i]] @ W_blocks[shares[i]], axis=0, out=sums[i]), len(shares))
    rest = len(W_blocks) * HEIGHT
    return sums.sum(axis=0) + x[:, rest:] @ W[rest:]


def _blocks(a, height):
    """(N, C) -> (N // height, height, C), a view of rows that follow each other; those left over are not in it."""
    n = len(a) // height
    return a[:n * height].reshape(n, height, a.shape[1])


def _shares(blocks):
    """Slices of the blocks for one thread at a time, of equal length, with up to SHARE weights or one block."""
    step = max(1, len(blocks) // max(1, -(-blocks.size // SHARE)))
    return [slice(start, start + step) for start in range(0, len(blocks), step)]


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
