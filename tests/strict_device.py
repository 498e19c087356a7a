"""A GPU without a GPU: an array type that allows what CuPy allows, and refuses what CuPy refuses.

Before this file: `tests/manifest`, CuPy's names and keywords, dumped from the real wheel. After it: any formula or
layer can be run on `StrictArray`s. A run that passes is "API-checked": it used only functions, methods and keywords
that CuPy has, it never mixed host and device arrays, it never waited for the device by accident, and it leaned on
nothing that CuPy leaves undefined.

A `StrictArray` speaks the protocols through which NumPy finds CuPy (`__array_ufunc__`, `__array_function__`) and
computes on a private NumPy array. Where the two libraries differ silently it does as CuPy: out-of-range ids in an
index array wrap around, a reduction gives a 0-d array and never a scalar, `x[0]` is a view, nothing warns. In two
places it is stricter on purpose, because CuPy is slow there rather than wrong: host arrays and lists as indices (a
copy to the GPU at every use), and iteration (one kernel launch per element).
"""

from functools import partial

import numpy as np

from tests.manifest import CUPY, MANIFEST, function_arguments, function_name, method_arguments, ufunc_arguments
from tests.manifest.refusals import (OnDevice, allow_sync, leaves, refuse_duplicates, refuse_mixture, refuse_strangers,
                                     refuse_sync, wrapped)

DTYPES = {np.dtype(char) for char in "?bBhHiIlLqQefdFD"}
COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
# functions that CuPy answers with a 0-d array on the device, where NumPy gives a Python bool or int
DEVICE_ANSWERS = {"allclose", "array_equal", "array_equiv", "count_nonzero"}
# through these, with like=, host data enters on purpose
DOORS = {"array", "asanyarray", "asarray", "ascontiguousarray", "asfortranarray", "frombuffer", "fromiter", "require"}
WAITING = {"dump", "dumps", "item", "tobytes", "tofile", "tolist"}         # methods that copy to the host unasked
# what code that serves both may ask of an array: CuPy's names that NumPy has too
METHODS = {name for name in MANIFEST["ndarray"]["methods"] if hasattr(np.ndarray, name)}
ATTRIBUTES = set(MANIFEST["ndarray"]["attributes"].split()) - {"cstruct", "data", "device", "flat"}

__all__ = ["StrictArray", "StrictBackend", "allow_sync"]


def to_inside(value):
    """The arguments for NumPy's own function: every device array replaced by the host array inside it."""
    if isinstance(value, StrictArray):
        return value._host
    if isinstance(value, dict):
        return {key: to_inside(part) for key, part in value.items()}
    return type(value)(map(to_inside, value)) if type(value) in (tuple, list) else value


def to_device(result, arguments=()):
    """NumPy's result as CuPy would give it: arrays and scalars on the device, and one of the arguments as itself."""
    if isinstance(result, (np.ndarray, np.generic)):
        same = [x for x in leaves(list(arguments)) if isinstance(x, StrictArray) and x._host is result]
        return same[0] if same else StrictArray(np.asarray(result))
    if isinstance(result, (tuple, list)):
        parts = [to_device(part, arguments) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


def wrap_and_check(name, array, ids, *rest):
    """The arguments of np.put, np.take_along_axis and np.put_along_axis, with the ids wrapped, and checked in a put."""
    axis = None if name == "put" else rest[-1]
    ids = wrapped(np.asarray(to_inside(ids)), array.size if axis is None else array.shape[axis])
    if name == "put":
        refuse_duplicates(array.shape, rest[0], lambda places: places.ravel()[ids])
    if name == "put_along_axis":
        refuse_duplicates(array.shape, rest[0], lambda places: np.take_along_axis(places, ids, axis))
    return array, StrictArray(ids), *rest


class Flags(dict):
    """The three flags that a CuPy array has, by key or by attribute; `writeable` is not among them."""

    def __init__(self, flags):
        super().__init__({key: flags[key] for key in ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA")})

    def __getattr__(self, name):
        if name.upper() not in self:
            raise AttributeError(f"{CUPY}: flags has no attribute {name!r}")
        return self[name.upper()]


class StrictArray(np.lib.mixins.NDArrayOperatorsMixin, OnDevice):
    """An array on the device. Operators come from the mixin, which sends each of them to its ufunc."""

    __slots__ = ("_host",)
    __array_priority__ = 100
    __hash__ = None

    def __init__(self, host):
        if host.dtype not in DTYPES:
            raise TypeError(f"{CUPY} has no arrays of dtype {host.dtype}")
        self._host = host

    # what NumPy's functions call --------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        what = f"np.{ufunc.__name__}"
        if ufunc.__name__ in COMPARISONS:                           # the one place where CuPy takes a 0-d NumPy array
            inputs = [x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in inputs]
        indices, operands = (inputs[1], [inputs[0], *inputs[2:]]) if method == "at" else (None, inputs)
        refuse_strangers(what, [*operands, *kwargs.get("out", ()), kwargs.get("where", True)])
        ufunc_arguments(ufunc, method, inputs, kwargs)
        if method == "at":
            return ufunc.at(operands[0]._host, operands[0]._key(indices), *map(to_inside, operands[1:]))
        with np.errstate(all="ignore"):
            result = getattr(ufunc, method)(*map(to_inside, inputs), **to_inside(kwargs))
        return to_device(result, kwargs.get("out", ()))

    def __array_function__(self, function, types, args, kwargs):
        name, arguments = function_name(function), function_arguments(function, args, kwargs)
        if name not in DOORS:
            refuse_mixture(f"np.{name}", arguments)
        if name == "take":
            kwargs = {**kwargs, "mode": "wrap"}
        if name in ("put", "take_along_axis", "put_along_axis"):
            args, kwargs = wrap_and_check(name, *arguments.values()), {}
        with np.errstate(all="ignore"):
            result = function(*to_inside(args), **to_inside(kwargs))
        return to_device(np.asarray(result) if name in DEVICE_ANSWERS else result, [*args, *kwargs.values()])

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion to a NumPy array; say backend.to_host(x)")

    # attributes and methods -------------------------------------------------------------------------------------------

    def __getattr__(self, name):
        """The attributes and methods not written out here."""
        if name in METHODS:
            return partial(self._method, name)
        if name in ATTRIBUTES:
            return to_device(getattr(self._host, name))
        raise AttributeError(f"{CUPY} and NumPy share no array attribute {name!r}")

    def _method(self, name, *args, **kwargs):
        arguments = method_arguments(name, args, kwargs)
        refuse_mixture(f"ndarray.{name}", arguments)
        if name in WAITING:
            refuse_sync(f"x.{name}()")
            return getattr(self._host, name)(*args, **kwargs)
        if name in ("take", "put"):                                 # whose ids wrap
            return getattr(np, name)(self, *args, **kwargs)
        with np.errstate(all="ignore"):
            result = getattr(self._host, name)(*map(to_inside, args), **to_inside(kwargs))
        return to_device(result, [self, *args, *kwargs.values()])

    @property
    def flags(self):
        return Flags(self._host.flags)

    def get(self):
        """A copy on the host: CuPy's explicit way out, and the one behind `backend.to_host`."""
        return self._host.copy()

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    # indexing ---------------------------------------------------------------------------------------------------------

    def _key(self, key):
        """`key` for the host array inside: its index arrays taken out and wrapped."""
        parts = list(key) if isinstance(key, tuple) else [key]
        masks = [isinstance(part, StrictArray) and part.dtype == bool for part in parts]
        if any(isinstance(part, (np.ndarray, list)) for part in parts):
            raise TypeError("device array meets host array, in an index; keep indices where the array is")
        if sum(masks) > 1:
            raise TypeError(f"{CUPY} takes one boolean array in an index")
        spans = [part.ndim if mask else part is not None and part is not Ellipsis for part, mask in zip(parts, masks)]
        axis = 0
        for n, part in enumerate(parts):
            if isinstance(part, StrictArray):
                parts[n] = part._host if masks[n] else wrapped(part._host, self.shape[axis])
            axis += spans[n] if part is not Ellipsis else self.ndim - sum(spans)
        return tuple(parts)

    def __getitem__(self, key):
        inside = self._key(key)
        if not any(part is Ellipsis or isinstance(part, np.ndarray) for part in inside):
            inside += (Ellipsis,)                                   # then NumPy gives a view even of one element
        return to_device(self._host[inside])

    def __setitem__(self, key, value):
        refuse_strangers("x[...] = value", [value])
        inside = self._key(key)
        if any(isinstance(part, np.ndarray) for part in inside):
            refuse_duplicates(self.shape, value, lambda places: places[inside])
        self._host[inside] = to_inside(value)

    # Python's own questions, each of which waits for the device -------------------------------------------------------

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        refuse_sync("iteration")
        return (self[n] for n in range(len(self)))

    def __bool__(self):
        refuse_sync("bool(x), or `if x:`,")
        return bool(self._host)

    def __int__(self):
        refuse_sync("int(x)")
        return int(self._host)

    def __float__(self):
        refuse_sync("float(x)")
        return float(self._host)

    def __complex__(self):
        refuse_sync("complex(x)")
        return complex(self._host)

    def __format__(self, spec):
        refuse_sync("formatting")
        return format(self._host, spec)

    def __repr__(self):                                             # free of charge, for the messages of failing tests
        return f"StrictArray({self._host!r})"

    def __imatmul__(self, other):
        raise TypeError(f"{CUPY} has no @= in place")


class StrictBackend:
    """The switch's third backend: scratchgpt.backend.register("strict", StrictBackend), then use("strict")."""

    name = "strict"

    def owns(self, x):
        return isinstance(x, StrictArray)

    def asarray(self, x, dtype=None):
        if self.owns(x):
            return x if dtype is None else x.astype(dtype, copy=False)
        return StrictArray(np.array(x, dtype))

    def to_host(self, x):
        return x.get() if self.owns(x) else np.asarray(x)

    def scatter_add(self, out, ids, rows):
        np.add.at(out, ids, rows)
