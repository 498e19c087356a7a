"""Parameter: an array that is learned, its gradient, and the fewer bits that it may be kept in.

Before this file: `backend`, `formulas.number_formats`. After it: the reader knows where gradients add up, why a large
file opens at once, and what holding weights in 16 bits saves and costs.
"""

import numpy as np

from . import backend, formulas
from .errors import ConfigError
from .formulas.number_formats import ENCODERS, Packed


class Parameter:
    """An array that is learned, and its gradient.

    data       array, on the backend that is current when the parameter is made
    grad       array of the same shape and memory layout, or None when nothing has been added since `zero_grad`
    trainable  False freezes it: its gradient is not even computed
    held       what `data` is made of: the array itself, or a `Packed`, such as a view of a file
    packed_as  None: the first use of `data` decodes a Packed, for good. "bfloat16" or "float16", after `pack`: it stays
               packed, and every use decodes it anew
    """

    def __init__(self, data, trainable=True):
        self.held = data.moved() if isinstance(data, Packed) else backend.asarray(data)
        self.packed_as = None
        self.trainable = trainable
        self.grad = None
        self._spare = None                     # the buffer of the last gradient, to be written again

    @property
    def data(self):
        """The array to compute with; that of a parameter that stays packed is made for one use, and read-only.

        What it is set to is taken as it is, or packed if the parameter stays packed.
        """
        return self._decoded() if type(self.held) is Packed else self.held

    @data.setter
    def data(self, array):
        self.held = array if self.packed_as is None else Packed.encode(array, self.packed_as)

    def _decoded(self):
        array = self.held.decode()
        if self.packed_as is None:
            self.held = array
        elif isinstance(array, np.ndarray):
            array.flags.writeable = False      # what is written there would be lost
        return array

    def rows(self, ids):
        """data[ids], of which only these rows are decoded.    ids (...), data (V, C) -> (..., C)"""
        if type(self.held) is Packed:
            return Packed(formulas.embedding(ids, self.held.bits), self.held.dtype).decode()
        return formulas.embedding(ids, self.held)

    def pack(self, dtype):
        """Hold the data in 16 bits from here on, as "bfloat16" or "float16": half the memory, decoded at every use.

        Data that is in this format already, such as a file's, is not copied; other data is rounded to the nearest. A
        packed parameter is frozen, because most steps are smaller than its last bit: train others beside it, or
        convert it with `astype` and set `trainable`. Raises ConfigError for another dtype.
        """
        if not isinstance(dtype, str) or dtype not in ENCODERS:      # a dtype of NumPy equals its name
            raise ConfigError(f"weights can be packed as {' or '.join(ENCODERS)}; got {dtype!r:.80}")
        if str(self.held.dtype) != dtype:
            self.held = Packed.encode(self.data, dtype)
        elif type(self.held) is not Packed:
            self.held = Packed(self.held, dtype)
        self.packed_as, self.trainable = dtype, False
        self.forget_grad()

    def astype(self, dtype):
        """Hold the data as an array of `dtype` from here on, and forget the gradient."""
        self.held, self.packed_as = self.data.astype(dtype), None
        self.forget_grad()

    def take(self, tensor):
        """Take over an array or a Packed as new data, on the device and in the dtype of the old; forget the gradient.

        Where 8 or 16 bits are to become float32, that waits for the first use.
        """
        if str(tensor.dtype) == "float16" and not isinstance(tensor, Packed):
            tensor = Packed(tensor, "float16")
        dtype = np.dtype(np.float32) if type(self.held) is Packed else self.held.dtype
        if isinstance(tensor, Packed) and (self.packed_as or tensor.dtype) == tensor.dtype and dtype == np.float32:
            self.held = tensor.moved(self.like)
        else:
            array = tensor.decode() if isinstance(tensor, Packed) else tensor
            self.data = backend.asarray(array, dtype, like=self.like)
        self.forget_grad()

    def add_grad(self, gradient):
        """grad += gradient, unless frozen."""
        if self.trainable:
            self.grad = gradient.copy() if self.grad is None else self.grad + gradient

    def add_grad_of(self, formula, *args):
        """grad += formula(*args, out=...), unless frozen: then the formula is not even called.

        It writes into an array that lies in memory as the weights do, row by row or column by column; the first sum
        after `zero_grad` into that of the last gradient.
        """
        if not self.trainable:
            return
        if self.grad is None:
            self.grad = formula(*args, out=self._buffer())
        else:
            self.grad += formula(*args, out=np.empty_like(self.grad))

    def open_grad(self):
        """The gradient as an array to add to in place: what is there so far, or zeros."""
        if self.grad is None:
            self.grad = self._buffer()
            self.grad[...] = 0
        return self.grad

    def _buffer(self):
        return np.empty_like(self.data) if self._spare is None else self._spare

    def zero_grad(self):
        """Forget the gradient; its memory is kept for the next one."""
        if self.grad is not None:
            self._spare, self.grad = self.grad, None

    def forget_grad(self):
        """Forget the gradient and its memory: the data has become another."""
        self.grad = self._spare = None

    @property
    def like(self):
        """An array on the parameter's device, for `like=`; nothing is decoded."""
        return self.held.bits if type(self.held) is Packed else self.held

    @property
    def shape(self):
        """That of `data`."""
        return self.held.shape

    @property
    def ndim(self):
        """The number of axes of `data`."""
        return self.held.ndim

    @property
    def size(self):
        """The number of elements of `data`."""
        return self.held.size

    def __repr__(self):
        kind = f" {self.packed_as}" if self.packed_as else ""
        return f"Parameter{self.shape}{kind}" + ("" if self.trainable else " frozen")
