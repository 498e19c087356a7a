"""Templates from strangers, run where they can do no harm.

Before this file: `jinja_worker`. After it: the reader knows why a chat template that comes with a checkpoint is treated
as a stranger's program: `'a' * 10**9` passes every sandbox and fills the memory, a loop in a loop never ends, and a
thread cannot be stopped from outside. A process can. One is started at the first template and serves all later ones;
one that dies, or must be killed because it is late, is replaced.
"""

import atexit
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

from ...errors import MissingExtraError, TokenizerError
from ..ids import check_text
from . import jinja_worker

MAX_SOURCE = 1_000_000       # characters; long templates in use have 20,000
START_SECONDS = 60.0         # what a new process may take to load jinja2 on a busy machine


def render_jinja(source, variables, timeout=5.0, max_chars=4_000_000):
    """Render Jinja source that nobody has vetted, within bounds of time, memory and length.

        render_jinja("{% for name in names %}<{{ name }}>{% endfor %}", {"names": ["a", "b"]}) = "<a><b>"

    source     str    at most MAX_SOURCE characters
    variables  dict   of str, int, float, bool, None, and lists and dicts of these
    timeout    float  seconds
    max_chars  int    characters of text
    returns    str; a name that is not among the variables renders as "", as in the transformers library

    Raises TokenizerError for a template that fails or meets a bound, MissingExtraError where jinja2 is not installed.
    Source: the jinja2 documentation, "Sandbox", on what a sandbox cannot do.
    """
    if len(check_text(source)) > MAX_SOURCE:
        raise TokenizerError(f"a template must have at most {MAX_SOURCE} characters; got {len(source)}; "
                             "check that it is a template")
    if not isinstance(timeout, (int, float)) or not 0 < timeout < threading.TIMEOUT_MAX:
        raise TokenizerError(f"timeout must be a positive number of seconds; got {timeout!r:.40}")
    if not isinstance(max_chars, int) or max_chars < 0:
        raise TokenizerError(f"max_chars must be a whole number of characters; got {max_chars!r:.40}")
    request = [timeout, {"source": source, "variables": variables, "max_chars": max_chars}]
    answer = json.loads(_ask(_to_json(request, variables), timeout))
    if "error" in answer:
        raise TokenizerError(f"a template must render within its bounds; got {answer['error']}; "
                             "repair the template, or the messages that it refuses")
    return check_text(answer["text"])


def _to_json(request, variables):
    if not isinstance(variables, dict):
        raise TokenizerError(f"variables must be a dict; got {type(variables).__name__}")
    try:
        _check_plain(variables, "variables")
        return json.dumps(request).encode() + b"\n"
    except TokenizerError:
        raise
    except (RecursionError, ValueError) as problem:
        raise TokenizerError(f"variables must be what JSON can carry; got {problem}") from None


def _check_plain(value, where):
    """Refuse what JSON would lose, or change on the way."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TokenizerError(f"{where} must have only str as keys, as JSON does; got {str(key)[:40]}; "
                                     "write it as a str")
            _check_plain(item, f"{where}[{key[:40]!r}]")
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _check_plain(item, f"{where}[{i}]")
    elif value is not None and not isinstance(value, (int, float)):
        raise TokenizerError(f"{where} must be what JSON can carry; got {type(value).__name__}; "
                             "make it a str, a number, a bool, None, or a list or dict of these")


# the process ----------------------------------------------------------------------------------------------------------

class _Worker:
    """A running `jinja_worker`: a question is a line, and its answer too."""

    def __init__(self):
        # -I -S: neither a variable, nor the current folder, nor site-packages says what is loaded; these folders do
        command = [sys.executable, "-I", "-S", jinja_worker.__file__, *_folders()]
        self.process = subprocess.Popen(command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.late = False
        if not self.ask(b"", START_SECONDS):
            raise TokenizerError("the process for templates must start; it did not "
                                 f"(exit code {self.process.returncode}); try {' '.join(command)}")

    def ask(self, question, timeout):
        """Return the answer. A process that gives none is stopped, and the answer is b""."""
        answer = bytearray()
        timer = threading.Timer(timeout, self._expire)
        timer.daemon = True
        timer.start()
        try:
            while question:
                question = question[self.process.stdin.write(question):]
            while not answer.endswith(b"\n"):
                piece = self.process.stdout.read(2**20)
                if not piece:
                    break
                answer += piece
        except OSError:                                # a broken pipe: it died
            pass
        finally:
            timer.cancel()
            timer.join()                               # from here on, `late` does not change
            if self.late or not answer.endswith(b"\n"):      # also where we are interrupted: the next one who asks
                answer.clear()                               # must not get the answer to this question
                self.stop()
        return bytes(answer)

    def _expire(self):
        self.late = True
        self.process.kill()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.disown()

    def disown(self):
        """Let go of the process, alive or not."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.returncode = self.process.returncode or 0


_worker = None
_lock = threading.Lock()


def _ask(question, timeout):
    """The answer to a question, one thread at a time, from a process that is started if there is none."""
    global _worker
    with _lock:
        if _worker is not None and _worker.process.poll() is not None:
            _stop()
        if _worker is None:
            _worker = _Worker()
        worker = _worker
        answer = worker.ask(question, timeout)
    if worker.late:
        raise TokenizerError(f"a template must render within timeout={timeout} seconds; it was stopped; "
                             "repair its loops, or allow it more time")
    if not answer:
        raise TokenizerError("a template must leave alone the process that renders it; it ended "
                             f"(exit code {worker.process.returncode}); repair the template, or give it less to render")
    return answer


def _folders():
    """Where jinja2 and what it needs are: the process finds no other library."""
    try:
        import jinja2
        from importlib.metadata import version
        installed = version("jinja2")
    except ImportError:
        raise MissingExtraError('chat templates in Jinja need jinja2: pip install "scratchgpt[chat]"') from None
    if [int(part) for part in re.findall(r"\d+", installed)[:3]] < [3, 1, 6]:
        raise MissingExtraError("jinja2 must be at least 3.1.6, since templates can leave the sandbox of older ones; "
                                f'got {installed}: pip install "scratchgpt[chat]"')
    return [str(Path(module.__file__).parents[1]) for module in (jinja2, jinja2.utils.markupsafe)]


def _stop():
    global _worker
    worker, _worker = _worker, None
    if worker is not None:
        worker.stop()


def _after_fork():
    """In a new process: the worker is our parent's, and a thread that we do not have may hold the lock."""
    global _worker, _lock
    if _worker is not None:
        _worker.disown()
    _worker, _lock = None, threading.Lock()


atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
