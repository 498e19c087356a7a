"""The process in which a template that nobody has vetted is rendered.

Before this file: what a jinja2 template is. It is a program, run by its path, that knows nothing of this package and
loads only jinja2 and the standard library. After it: the reader knows the three walls around foreign code. The sandbox
keeps a template away from Python; the limits of the operating system keep the process small and unable to open a file;
and whoever started the process can kill it. No wall trusts the one before it.
"""

import codecs
import json
import math
import signal
import sys
from datetime import datetime
from functools import lru_cache

try:
    import resource
except ImportError:      # Windows has none: there only the sandbox, the time and the length of the text are bounded
    resource = None

MEMORY = 512 * 2**20     # bytes of address space
LIMITS = {"RLIMIT_AS": MEMORY, "RLIMIT_NOFILE": 0, "RLIMIT_NPROC": 0, "RLIMIT_CORE": 0}      # what is open stays open


@lru_cache(maxsize=1)
def environment():
    """The names, filters and tags that a chat template may use: jinja2's own, and those of the transformers library.

    returns  jinja2.sandbox.ImmutableSandboxedEnvironment
    Source: the transformers library, `utils/chat_template_utils.py`.
    """
    from jinja2 import ext, sandbox

    made = sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                                 extensions=[_generation_tag(), ext.loopcontrols])
    made.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now,
                     "namespace": _namespace_factory(), "dict": _Dict()}
    made.filters["tojson"] = _tojson
    return made


def _generation_tag():
    """{% generation %} ... {% endgeneration %} marks what the assistant says; it renders as what is inside it."""
    from jinja2 import ext, nodes

    class Generation(ext.Extension):
        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)

    return Generation


def _namespace_factory():
    """jinja2's namespace(...), without names such as __class__, in which Python looks up what an object is."""
    from jinja2 import sandbox, utils

    class Namespace(utils.Namespace):
        def __setitem__(self, name, value):
            if str(name).startswith("_"):
                raise sandbox.SecurityError(f"names in a namespace must not start with _; got {name!r}")
            super().__setitem__(name, value)

    def namespace(*args, **kwargs):
        made = Namespace()
        for name, value in dict(*args, **kwargs).items():
            made[name] = value
        return made

    return namespace


class _Dict:
    """dict(...), without its methods: through dict.update(x, y) a template could change what the sandbox freezes."""

    fromkeys = staticmethod(dict.fromkeys)

    def __call__(self, *args, **kwargs):
        return dict(*args, **kwargs)


def _raise_exception(message):
    import jinja2
    raise jinja2.TemplateError(message)


def _strftime_now(format):
    return datetime.now().strftime(format)


def _tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


_compiled = {}           # the last source only: a template can be large, and would take from what the next one may use


def render(source, variables, max_chars):
    """Render a template piece by piece, up to the piece that makes it too long.

        text = piece_1 + ... + piece_n,  sum_i len(piece_i) <= max_chars

    source     str   Jinja
    variables  dict  of what JSON can carry
    max_chars  int   characters of text
    returns    str

    Raises what the template raises, and ValueError for a text that is too long.
    Source: the jinja2 documentation, `Template.generate`.
    """
    if source not in _compiled:
        _compiled.clear()
        _compiled[source] = environment().from_string(source)
    pieces, size = [], 0
    for piece in _compiled[source].generate(variables):
        size += len(piece)
        if size > max_chars:
            raise ValueError(f"the text must have at most max_chars={max_chars} characters; it has more")
        pieces.append(piece)
    return "".join(pieces)


def answer(request):
    """Render one template; whatever it does, there is an answer.

        {"source", "variables", "max_chars"} -> {"text": str}, or {"error": str}, what the template did in a few words

    request  dict  the arguments of `render`
    returns  dict
    Source: `render`.
    """
    import jinja2
    try:
        return {"text": render(**request)}
    except MemoryError:
        error = f"more than {MEMORY // 2**20} MB of memory"
    except RecursionError:
        error = "a nesting too deep to follow"
    except jinja2.TemplateSyntaxError as problem:
        error = f"a syntax error in line {problem.lineno}: {problem.message:.400}"
    except Exception as problem:
        error = f"{type(problem).__name__}: {str(problem)[:400]}"
    return {"error": error}


def _close_doors():
    """Load what a template can make Python load, since no file can be opened afterwards; then set the limits."""
    import html, jinja2.constants, jinja2.debug, pprint, textwrap      # noqa: E401, F401
    codecs.lookup("unicode_escape")                    # reads the strings in a template
    environment()
    _strftime_now("%c")                                # reads the time zone
    signal.signal(signal.SIGINT, signal.SIG_IGN)       # Ctrl-C is for the process that asks; it will tell us
    for name, most in LIMITS.items():
        try:
            resource.setrlimit(getattr(resource, name), (most, most))
        except (AttributeError, ValueError, OSError):  # no such limit on this platform
            continue


def _serve(requests, answers):
    """Say that we are ready, then give a line of JSON for each line of JSON, until there is no more."""
    answers.write(b"ready\n")
    answers.flush()
    alarm = getattr(signal, "alarm", lambda seconds: None)
    for line in requests:
        timeout, request = json.loads(line)
        alarm(math.ceil(timeout) + 1)                  # in case that the process that would kill us was killed itself
        answers.write(json.dumps(answer(request)).encode() + b"\n")
        answers.flush()
        alarm(0)


if __name__ == "__main__":
    sys.path += sys.argv[1:]                           # the folders of jinja2 and of what it needs
    _close_doors()
    _serve(sys.stdin.buffer, sys.stdout.buffer)
