"""What the benchmarks share: fair turns for both sides, the machine's own limits, and the peak of memory."""

import multiprocessing
import statistics
import time

import numpy as np


def in_turns(contenders, rounds, warmup=2):
    """Run every contender {name: function} once a round, `rounds` times; returns {name: median seconds}.

    In turns, so that what disturbs the machine disturbs all alike; the order turns round every second time.
    """
    seconds = {name: [] for name in contenders}
    for turn in range(warmup + rounds):
        for name in list(contenders)[::1 if turn % 2 else -1]:
            started = time.perf_counter()
            contenders[name]()
            if turn >= warmup:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}


def sgemm_speed(n=2048):
    """The best of ten n x n float32 matrix products, in floating-point operations per second."""
    a, b = np.ones((2, n, n), np.float32)
    return 2 * n ** 3 / _best(lambda: a @ b)


def memory_bandwidth(n=1 << 26):
    """The best of ten passes of a matrix-vector product over n float32 weights, in bytes per second."""
    W, x = np.ones((n // 1024, 1024), np.float32), np.ones(1024, np.float32)
    return W.nbytes / _best(lambda: W @ x)


def peak_memory():
    """The largest resident memory that this process has had, in bytes."""
    with open("/proc/self/status") as file:            # getrusage would count the process that started this one
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


def measured_apart(work, *args):
    """work(*args) in a fresh process; returns what it returns."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, args)


def _best(work):
    times = []
    for _ in range(10):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)
