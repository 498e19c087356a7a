"""Piece by piece: the speed of the formulas that are not matrix products, kept out of their text.

Before this file: nothing. After it: the reader knows why a formula may be plain NumPy, with a temporary for every
operation, and still be fast. A large temporary travels to main memory and back; a small one stays in the core's
cache. So `@by_rows` hands a formula a few rows at a time. The formula as written is `f.__wrapped__`: it is the
definition, and the tests hold the fast form against it.

`run_pieces` runs pieces on all cores, for work that is long enough to be shared, such as an optimiser's step: NumPy
releases Python's lock inside its loops. Between matrix products it does not pay: there BLAS's own threads are still
awake on the other cores.

Pieces depend on shapes only, never on the number of threads, and sums are added in the order of the pieces: one
thread or eight give the same bits.
"""

import functools
import inspect
import math
import os
import threading

import numpy as np

PIECE = 1 << 16          # elements in a piece: 256 KB of float32, a few temporaries of which fit in a core's cache
SHARED = 1 << 17         # and in one that threads share: large enough that they seldom meet at Python's lock


def by_rows(core, sums=()):
    """Decorate a formula whose leading axes are independent of each other: run it on cache-sized pieces of them.

        f(x)[rows] = f(x[rows])          for a sum:  f(x) = sum over pieces of f(x[piece])

    core   trailing axes that belong together: 0 for element-wise formulas, 1 for formulas of one row (..., C)
    sums   positions in the returned tuple of results that are sums over all rows, not one per row
    The first argument rules: arguments with its number of axes and its leading shape are cut alike; all others,
    such as a weight (C,), are handed whole. Only large NumPy arrays are cut. A formula with a parameter `out` gives
    one result of the shape and dtype of its first argument, and writes it straight to where it belongs.
    Source: loop tiling (Wolf & Lam 1991), on whole NumPy operations.
    """
    def decorate(formula):
        writes = "out" in inspect.signature(formula).parameters

        @functools.wraps(formula)
        def tiled(*args, **options):
            values = [*args, *options.values()]
            x = values[0] if values else None
            if not isinstance(x, np.ndarray) or x.size < 2 * PIECE or x.ndim <= core or "out" in options:
                return formula(*args, **options)
            lead = x.shape[:x.ndim - core]
            cut = [isinstance(a, np.ndarray) and a.ndim == x.ndim and a.shape[:len(lead)] == lead for a in values]
            if len(lead) > 1 and not all(a.flags.c_contiguous if rows else np.ndim(a) <= core
                                         for a, rows in zip(values, cut)):
                return formula(*args, **options)              # several leading axes become one, where that is a view
            return (_write if writes else _lay)(formula, lead, values, cut, tuple(options), sums)
        return tiled
    return decorate


def _pieces(lead, args, cut, names):
    """(slice, positional arguments, named arguments) for a few rows at a time."""
    rows = math.prod(lead)
    height = max(1, PIECE * rows // args[0].size)
    args = [a.reshape(rows, *a.shape[len(lead):]) if c else a for a, c in zip(args, cut)]
    named = len(args) - len(names)
    for start in range(0, rows, height):
        piece = slice(start, start + height)
        part = [a[piece] if c else a for a, c in zip(args, cut)]
        yield piece, part[:named], dict(zip(names, part[named:]))


def _write(formula, lead, args, cut, names, sums):
    """Let the formula write each piece of its one result in place."""
    whole = np.empty(args[0].shape, args[0].dtype)
    flat = whole.reshape(math.prod(lead), *whole.shape[len(lead):])
    for piece, positional, named in _pieces(lead, args, cut, names):
        formula(*positional, **named, out=flat[piece])
    return whole


def _lay(formula, lead, args, cut, names, sums):
    """Lay the results of the pieces side by side; add up those that are sums."""
    rows, whole = math.prod(lead), None
    for piece, positional, named in _pieces(lead, args, cut, names):
        result = formula(*positional, **named)
        results = result if isinstance(result, tuple) else (result,)
        if whole is None:
            whole = [np.zeros(r.shape, r.dtype) if i in sums else np.empty((rows, *r.shape[1:]), r.dtype)
                     for i, r in enumerate(results)]
        for i, r in enumerate(results):
            if i in sums:
                whole[i] += r
            else:
                whole[i][piece] = r
    whole = tuple(w if i in sums else w.reshape(*lead, *w.shape[1:]) for i, w in enumerate(whole))
    return whole if isinstance(result, tuple) else whole[0]


def thread_count():
    """How many threads work: SCRATCHGPT_NUM_THREADS, else what BLAS was told, else every core this process may use."""
    for name in ("SCRATCHGPT_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdecimal():
            return max(1, int(os.environ[name]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _helpers():
    """The other threads: one fewer than `thread_count()`, because the caller works as well."""
    from concurrent.futures import ThreadPoolExecutor
    return ThreadPoolExecutor(thread_count() - 1, "scratchgpt") if thread_count() > 1 else None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.cache_clear)      # a forked child inherits no threads


def run_pieces(work, count):
    """Call work(0), ..., work(count - 1), each once, on all threads; an exception in any of them is raised here.

    Source: list scheduling, Graham 1966: whoever is free takes the next piece.
    """
    pool = _helpers() if count > 1 else None
    if pool is None or threading.current_thread().name.startswith("scratchgpt"):
        for index in range(count):
            work(index)
        return
    pieces = iter(range(count))                                   # next() on it is atomic

    def drain():
        for index in pieces:
            work(index)
    helping = [pool.submit(drain) for _ in range(min(thread_count(), count) - 1)]
    try:
        drain()
    finally:
        failures = [help.exception() for help in helping]         # waits for each
    for failure in failures:
        if failure is not None:
            raise failure


def for_pieces(update, *arrays):
    """Call update(*pieces) on pieces of equally shaped arrays, on all threads: for in-place, element-wise updates.

    Arrays may lie row by row or, all of them, column by column, as a transposed view does. Those that are small, lie
    otherwise or are not NumPy's are handed whole.
    """
    flat = _in_memory_order(arrays) if arrays[0].size > SHARED else None
    if flat is None:
        update(*arrays)
    else:
        run_pieces(lambda i: update(*(a[i * SHARED:(i + 1) * SHARED] for a in flat)), -(-flat[0].size // SHARED))


def _in_memory_order(arrays):
    """Flat views of NumPy arrays that lie alike, without gaps; None if there are none."""
    if all(isinstance(a, np.ndarray) for a in arrays):
        for views in (arrays, [a.T for a in arrays]):
            if all(a.flags.c_contiguous for a in views):
                return [a.reshape(-1) for a in views]
    return None
