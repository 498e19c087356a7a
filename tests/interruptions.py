"""Ctrl-C and threads at the worst moments, for tests of what is remembered. Before: nothing. After: a way to be rude."""

import linecache
import sys
import threading


def interrupted_at(count, function, files):
    """Call a function; Ctrl-C comes at the `count`-th line that it runs in `files`, names' ends. Whether it came."""
    left = count

    def trace(frame, event, arg):
        nonlocal left
        if not frame.f_code.co_filename.endswith(files):
            return None
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "line" and not line.startswith("with "):           # which Ctrl-C finds entered or left, not between
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def side_by_side(functions):
    """What functions return that run in a thread each, which take turns as often as can be; raises what one raised."""
    found, problems, start, before = {}, [], threading.Barrier(len(functions)), sys.getswitchinterval()

    def run(n, function):
        start.wait()
        try:
            found[n] = function()
        except BaseException as problem:
            problems.append(problem)
    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(functions)]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(before)
    if problems:
        raise problems[0]
    return [found[n] for n in range(len(functions))]
