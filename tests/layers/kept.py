"""What a backward pass keeps alive: every array that can be reached from it, counted once by the memory it owns.

Before this file: `tests/laws.py`. After it: a docstring's "Keeps x" is an equation in bytes.
"""

from types import FunctionType

import numpy as np

from scratchgpt.module import Module, Parameter


def kept_bytes(case, B, T, seed, dtype=np.float64):
    """The bytes that a call keeps alive for its backward pass, inputs included, parameters not."""
    module, inputs = case.make(seed, dtype), case.draw(seed, B, T, dtype)
    before = reachable(module)
    _, backward = case.call(module, *inputs, rng=np.random.default_rng(seed))
    assert reachable(module).keys() <= before.keys() | _running(module), "a call must leave nothing on its module"
    kept = reachable(backward)
    return sum(array.nbytes for key, array in kept.items() if key not in before.keys() | _running(module))


def _running(module):
    """The averages that BatchNorm may move."""
    return {id(_memory(p.data)) for p in module.parameters() if not p.trainable}


def _memory(array):
    """The array that owns the memory of a view."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def reachable(thing):
    """{id: array} of all arrays that own memory and that `thing` keeps alive, through closures and containers."""
    found, seen, todo = {}, set(), [thing]
    while todo:
        thing = todo.pop()
        if id(thing) in seen or thing is None or isinstance(thing, type):
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            found[id(_memory(thing))] = _memory(thing)
        elif isinstance(thing, FunctionType):
            todo += [cell.cell_contents for cell in thing.__closure__ or ()] + list(thing.__defaults__ or ())
            todo.append(thing.__kwdefaults__)
        elif isinstance(thing, dict):
            todo += thing.values()
        elif isinstance(thing, (list, tuple, set, frozenset)) or type(thing).__name__ == "deque":
            todo += thing
        elif isinstance(thing, (Module, Parameter)):
            todo.append(vars(thing))
        elif hasattr(thing, "__self__") or hasattr(thing, "func"):              # a bound method; functools.partial
            todo += [getattr(thing, name, None) for name in ("__self__", "__func__", "func", "args", "keywords")]
    return found
