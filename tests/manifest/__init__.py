"""What CuPy takes, and what it does not: the rule book of the strict device, read from `cupy_manifest.json`.

Before this file: `make_cupy_manifest.py`, which writes the JSON from the real wheel. After it:
`tests/strict_device.py`, which asks here before it computes anything. Each `*_arguments` function binds a call to
CuPy's own signature, as Python would bind it, and raises the TypeError that CuPy would raise.
"""

import json
from functools import lru_cache
from inspect import Parameter, Signature
from pathlib import Path

import numpy as np

MANIFEST = json.loads(Path(__file__).with_name("cupy_manifest.json").read_text())
CUPY = f"CuPy {MANIFEST['cupy']}"


@lru_cache(maxsize=None)
def parse(text):
    """The Python signature behind "a axis= * keepdims=": `name=` may be left out, `/` and `*` are Python's markers."""
    kind, parameters = Parameter.POSITIONAL_OR_KEYWORD, []
    for word in text.split():
        name = word.strip("*=")
        if word == "/":
            parameters = [p.replace(kind=Parameter.POSITIONAL_ONLY) for p in parameters]
        elif word.startswith("**"):
            parameters.append(Parameter(name, Parameter.VAR_KEYWORD))
        elif word.startswith("*"):
            kind = Parameter.KEYWORD_ONLY
            parameters += [Parameter(name, Parameter.VAR_POSITIONAL)] if name else []
        else:
            parameters.append(Parameter(name, kind, default=None if word.endswith("=") else Parameter.empty))
    return Signature(parameters)


def bind(what, text, args, kwargs):
    """The arguments by CuPy's parameter names, in its order; TypeError where it has no place for one of them."""
    try:
        return parse(text).bind(*args, **kwargs).arguments
    except TypeError as error:
        raise TypeError(f"{CUPY}, {what}: {error}") from None


def function_name(function):
    """Where CuPy looks a NumPy function up: "sum" for np.sum, "linalg.norm" for np.linalg.norm."""
    return f"{function.__module__}.{function.__name__}".removeprefix("numpy.")


def function_arguments(function, args, kwargs):
    name = function_name(function)
    if name not in MANIFEST["functions"]:
        raise TypeError(f"{CUPY} has no np.{name}")
    return bind(f"np.{name}", MANIFEST["functions"][name], args, kwargs)


def method_arguments(name, args, kwargs):
    return bind(f"ndarray.{name}", MANIFEST["ndarray"]["methods"][name], args, kwargs)


def ufunc_arguments(ufunc, method, inputs, kwargs):
    """As the others. `dtype` of an operand, where it has one, must fit a loop that CuPy compiled."""
    what = f"np.{ufunc.__name__}" + f".{method}" * (method != "__call__")
    entry = MANIFEST["ufuncs"].get(ufunc.__name__, {})
    if method.replace("__call__", "call") not in entry:
        raise TypeError(f"{CUPY} has no {what}")
    dtypes = [getattr(x, "dtype", None) for x in inputs]
    if method == "at" and dtypes[0].char not in entry["at"]:
        raise TypeError(f"{CUPY}: {what} takes the dtypes {entry['at']}; got {dtypes[0].char}")
    if method in ("__call__", "outer") and entry["types"] and not has_loop(entry["types"].split(), dtypes):
        raise TypeError(f"{CUPY}: {what} has no loop for {dtypes}")
    text = entry["call"] if method == "__call__" else MANIFEST["ufunc_methods"][method]
    return bind(what, text, inputs, kwargs)


def has_loop(loops, dtypes):
    """Whether some loop, such as "ff->f", takes operands of these dtypes by safe casting; None is a Python scalar."""
    return any(all(dtype is None or np.can_cast(dtype, char) for dtype, char in zip(dtypes, loop)) for loop in loops)
