"""Writes `cupy_manifest.json`: the names that the real CuPy wheel has, and the keywords that each one takes.

    pip install cupy-cuda12x && python make_cupy_manifest.py

No GPU is needed. CuPy imports without one, most signatures can be read, and what cannot be read can be tried: CuPy
refuses an unknown keyword or method before it launches anything, so on a machine without a GPU a call on an array with
an invented address either meets a refusal (not supported) or gets as far as the missing driver (supported).

A signature is written as its parameter names: `/` and `*` as in Python, `name=` where the parameter may be left out.
"""

import inspect
import json
import re
from pathlib import Path

import cupy
import cupyx
import cupyx.scipy.special
import numpy as np

MODULES = ["", "fft", "lib.stride_tricks", "linalg"]        # where CuPy looks for a NumPy function of the same path
UFUNC_METHODS = ["accumulate", "at", "outer", "reduce", "reduceat"]
REFUSALS = (TypeError, ValueError, AttributeError, NotImplementedError)


def device_array(char, n=2):
    """A real array where there is a GPU; elsewhere one at an invented address, which no kernel will ever read."""
    try:
        return cupy.ones(n, char)
    except cupy.cuda.runtime.CUDARuntimeError:
        memory = cupy.cuda.UnownedMemory(4096, 4096, owner=None, device_id=0)
        return cupy.ndarray(n, char, memptr=cupy.cuda.MemoryPointer(memory, 0))


def accepted(call, *args, **kwargs):
    """Whether CuPy takes the call; an error that is no refusal comes from the absent GPU, so from behind the checks."""
    try:
        call(*args, **kwargs)
    except REFUSALS:
        return False
    except Exception:
        pass
    return True


def split_parameters(text):
    """["a", "axis=(0, 1)"] from "a, axis=(0, 1)": commas inside brackets do not separate."""
    parts, depth = [""], 0
    for c in text:
        depth += (c in "([{") - (c in ")]}")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [part.strip() for part in parts if part.strip()]


def from_docstring(f):
    """The signature that Cython and CuPy's ufuncs put on the first line of a docstring; None where there is none."""
    first = (inspect.getdoc(f) or "").split("\n\n")[0].replace("\\", "").replace("\n", " ")
    call = re.match(r"[\w.]+\((.*?)\)(?: ->.*)?$", first)
    if call is None:
        return None
    words = []
    for part in split_parameters(call[1]):
        name = part.split("=")[0].split(":")[0].split()[-1]            # "int axis=-1" is the parameter axis
        words.append(name + "=" * ("=" in part))
    return " ".join(word for word in words if word != "self")


def from_inspect(f):
    words, kind_before = [], None
    for p in inspect.signature(f).parameters.values():
        if kind_before is p.POSITIONAL_ONLY and p.kind is not p.POSITIONAL_ONLY:
            words.append("/")
        if p.kind is p.KEYWORD_ONLY and kind_before not in (p.KEYWORD_ONLY, p.VAR_POSITIONAL):
            words.append("*")
        stars = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        words.append(stars + p.name + "=" * (p.default is not p.empty))
        kind_before = p.kind
    return " ".join(words + ["/"] * (kind_before is inspect.Parameter.POSITIONAL_ONLY))


def signature(f):
    """The parameters of `f`; the docstring goes first where the code only says **kwargs (einsum)."""
    try:
        read = from_inspect(f)
    except (TypeError, ValueError):
        return from_docstring(f)
    return (from_docstring(f) or read) if "**" in read else read


def member(module, path):
    for name in filter(None, path.split(".")):
        module = getattr(module, name, None)
    return module


def numpy_functions():
    """CuPy's counterparts of the NumPy functions that ask `__array_function__`."""
    found = {}
    for path in MODULES:
        ours, theirs = member(np, path), member(cupy, path)
        for name in dir(ours):
            f, g = getattr(ours, name), getattr(theirs, name, None)
            if name.startswith("_") or not callable(f) or not callable(g) or isinstance(f, (type, np.ufunc)):
                continue
            if g is not f and not isinstance(g, type) and signature(g) is not None:
                found[f"{path}.{name}".lstrip(".")] = signature(g)
    return found


def ufunc_entry(f):
    """The keywords of a call, its loops, and for each other method the dtypes of the first operand that it takes."""
    if not isinstance(f, cupy.ufunc):                                  # matmul, a generalised ufunc
        return {"call": signature(type(f).__call__).removeprefix("self "), "types": ""}
    types = [loop for loop in f.types if "V" not in loop]              # structured arrays are no business of ours
    loop = types[-1]
    inputs = [device_array(char) for char in loop[:f.nin]]
    tries = {"axis": 0, "casting": "unsafe", "dtype": loop[-1], "keepdims": False, "order": "C", "signature": loop,
             "out": device_array(loop[-1]), "subok": False, "where": device_array("?")}
    keywords = [key + "=" for key, value in sorted(tries.items()) if accepted(f, *inputs, **{key: value})]
    found = {"call": " ".join(["*operands"] + keywords), "types": " ".join(types)}
    return found | {method: chars for method in UFUNC_METHODS if (chars := method_dtypes(f, types, method))}


def method_dtypes(f, types, method):
    ids, accepting = device_array("l"), ""
    for loop in types:
        x = [device_array(char) for char in loop[:f.nin]]
        operands = {"at": [x[0], ids, *x[1:]], "outer": x, "reduceat": [x[0], ids]}.get(method, x[:1])
        if loop[0] not in accepting and accepted(getattr(f, method), *operands):
            accepting += loop[0]
    return accepting


def ufuncs():
    """By the name that a NumPy ufunc gives as its own, which is the one CuPy looks up: `np.abs` asks for absolute."""
    names = {f.__name__ for f in vars(np).values() if isinstance(f, np.ufunc)}
    return {name: ufunc_entry(getattr(cupy, name)) for name in names if hasattr(cupy, name)}


def array_members():
    """The public attributes and methods of cupy.ndarray; `astype` names keywords that it then refuses."""
    members = [name for name in dir(cupy.ndarray) if not name.startswith("_")]
    methods = {name: from_docstring(getattr(cupy.ndarray, name)) for name in members
               if callable(getattr(cupy.ndarray, name))}
    refused = [key for key, value in {"casting": "unsafe", "subok": False}.items()
               if not accepted(device_array("f").astype, "d", **{key: value})]
    methods["astype"] = " ".join(word for word in methods["astype"].split() if word.rstrip("=") not in refused)
    return {"attributes": " ".join(sorted(set(members) - set(methods))), "methods": methods}


def plain_signatures(holder, names):
    """The signatures of the functions, or methods, called `names`."""
    functions = {name: getattr(holder, name) for name in names if not isinstance(getattr(holder, name), type)}
    read = {name: signature(f) for name, f in functions.items() if callable(f)}
    return {name: words.removeprefix("self").strip() for name, words in read.items() if words is not None}


def public(holder):
    return [name for name in dir(holder) if not name.startswith("_")]


def manifest():
    return {
        "cupy": cupy.__version__, "numpy": np.__version__,
        "functions": numpy_functions(), "ufuncs": ufuncs(), "ndarray": array_members(),
        "ufunc_methods": {method: from_docstring(getattr(cupy.ufunc, method)) for method in UFUNC_METHODS},
        "random": plain_signatures(cupy.random, set(public(cupy.random)) & set(public(np.random))),
        "random.Generator": plain_signatures(cupy.random.Generator, public(cupy.random.Generator)),
        "cupyx": plain_signatures(cupyx, ["rsqrt", "scatter_add", "scatter_max", "scatter_min"])
                 | {"scipy.special.erf": ufunc_entry(cupyx.scipy.special.erf)["call"]},
    }


if __name__ == "__main__":
    target = Path(__file__).with_name("cupy_manifest.json")
    target.write_text(json.dumps(manifest(), indent=1, sort_keys=True) + "\n")
