"""Templates from strangers: whatever they try ends soon, in their text or in one error, and nothing else happens."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scratchgpt
from scratchgpt.errors import MissingExtraError, TokenizerError
from scratchgpt.tokenizers.chat import jinja_render, jinja_worker
from scratchgpt.tokenizers.chat.jinja_render import MAX_SOURCE, render_jinja
from tests.checks import checks

pytestmark = pytest.mark.skipif(find_spec("jinja2") is None, reason="needs jinja2")
unix = pytest.mark.skipif(os.name != "posix", reason="needs the signals and limits of Unix")
SOON = 20.0              # seconds: far more than any template below may take, far less than it would
ENDLESS = "{% for i in range(10**5) %}" * 3 + "{% endfor %}" * 3
BIG = "memory|max_chars"      # where the platform does not limit memory, the length of the text is what is refused

HOSTILE = {
    ENDLESS: "within timeout=1.0 seconds", "{{ 10 ** (10 ** 9) }}": "timeout|memory",
    "{{ lipsum(n=10**9) }}": "timeout|memory|Overflow",
    "{{ 'a' * 10**9 }}": BIG, "{{ 'a' * 10**15 }}": "memory", "{{ [0] * 10**9 }}": BIG,
    "{{ '%1000000000d' % 1 }}": BIG, "{{ '{:1000000000}'.format(1) }}": BIG, "{{ 'x' | center(10**9) }}": BIG,
    "{% set n = namespace(s='a') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}": "memory",
    "{% for i in range(99999) %}{% for j in range(99999) %}aaaaaa{% endfor %}{% endfor %}": "max_chars=4000000",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "too deep",
    "{{ " + "(" * 9999 + "1" + ")" * 9999 + " }}": "too deep",
    "{{ [1, 2, 3] | tojson(indent=10**9) }}": BIG, "{{ range(10**9) }}": "Range too big",
    "{% if %}": "syntax error in line 1", "a\n{% endfor %}": "syntax error in line 2", "{{": "syntax error",
    "{{ nothing.at.all }}": "'nothing' is undefined", "{{ 1 / 0 }}": "division by zero",
    "{{ raise_exception('the user must speak') }}": "the user must speak",
    "{{ raise_exception('a' * 10**6) }}": "aaaa", "{{ '\\ud800' }}": "surrogates",
    "{% include '/etc/passwd' %}": "no loader", "{% import 'os' as os %}": "no loader",
    "{{ ''.__class__.__mro__ }}": "unsafe", "{{ ''['__class__']['__mro__'] }}": "unsafe",
    "{{ (''|attr('__class__')).__mro__ }}": "unsafe",
    "{{ '{0.__class__.__mro__}'.format(messages) }}": "unsafe|undefined",
    "{{ raise_exception.__globals__['json'] }}": "unsafe", "{{ lipsum.__globals__['os'].system('id') }}": "unsafe",
    "{{ cycler.__init__.__globals__ }}": "unsafe", "{{ self.__init__.__globals__ }}": "unsafe|undefined",
    "{{ messages.append(1) }}": "unsafe", "{{ dict.update(messages[0], a=1) }}": "undefined|no attribute",
    "{{ namespace(__class__=1) }}": "must not start with _",
    "{% set n = namespace() %}{% set n._x = 1 %}": "must not start with _",
    "{{ 'a'.encode('idna') }}": "Error",
}


@pytest.fixture
def no_worker():
    jinja_render._stop()


def worker_pid():
    render_jinja("{{ 1 }}", {})
    return jinja_render._worker.process.pid


def script(lines, *arguments):
    """Run a script in a new process and return what it printed."""
    done = subprocess.run([sys.executable, "-W", "error::ResourceWarning", "-c",
                           "import os, signal, sys\n"
                           "from scratchgpt.tokenizers.chat import jinja_render\n" + lines, *arguments],
                          capture_output=True, text=True, timeout=60, cwd=Path(scratchgpt.__file__).parents[1])
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.split()


def gone(pid):
    """Whether a process that is no child of ours ends soon."""
    end = time.monotonic() + SOON
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True                              # ended; it is for the machine's first process to bury it
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


# templates ------------------------------------------------------------------------------------------------------------

@checks(render_jinja, jinja_worker.answer)
@pytest.mark.parametrize("source", HOSTILE)
def test_a_hostile_template_is_one_error_soon(source):
    start = time.monotonic()
    with pytest.raises(TokenizerError, match=HOSTILE[source]) as caught:
        render_jinja(source, {"messages": [{}]}, timeout=1.0 if "timeout" in HOSTILE[source] else SOON)
    assert time.monotonic() - start < SOON and len(str(caught.value)) < 800
    assert render_jinja("{{ 1 + 1 }}", {}) == "2"


@checks(render_jinja)
@given(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda some: st.lists(some)
                               | st.dictionaries(st.text(), some), max_leaves=5))
def test_what_a_variable_holds_is_text_and_never_run(text, value):
    attack = "{{ 7 * 7 }}" + text + "{% raise %}{# "
    assert render_jinja("{{ x }}", {"x": attack}) == attack
    assert render_jinja("{{ x == y }}", {"x": value, "y": value}) == "True"


@checks(render_jinja)
@pytest.mark.parametrize("variables, where", [
    ({"a": [0, {"b": {1, 2}}]}, r"variables\['a'\]\[1\]\['b'\] must be what JSON can carry; got set"),
    ({"a": {1: 2}}, r"variables\['a'\] must have only str as keys"), ({"a": b"x"}, "got bytes"),
    ({"f": len}, "got builtin"),
    ({"a": 10**5000}, "JSON can carry"), ({"a": "\ud800"}, "surrogates"), ([1], "must be a dict"),
])
def test_variables_that_json_cannot_carry_are_refused(variables, where):
    with pytest.raises(TokenizerError, match=where):
        render_jinja("", variables)


@checks(render_jinja)
def test_variables_that_hold_themselves_are_refused():
    loop = []
    loop.append(loop)
    with pytest.raises(TokenizerError, match="JSON can carry"):
        render_jinja("", {"loop": loop})


@checks(render_jinja)
@pytest.mark.parametrize("arguments, why", [
    ({"source": "a" * (MAX_SOURCE + 1)}, "at most 1000000 characters; got 1000001"),
    ({"source": None}, "must be a str"), ({"timeout": 0}, "timeout must"), ({"timeout": float("nan")}, "timeout must"),
    ({"timeout": float("inf")}, "timeout must"),
    ({"timeout": "5"}, "timeout must"), ({"max_chars": -1}, "max_chars must"), ({"max_chars": 0.5}, "max_chars must"),
])
def test_arguments_out_of_bounds_are_refused(arguments, why):
    with pytest.raises(TokenizerError, match=why):
        render_jinja(**{"source": "", "variables": {}} | arguments)


@checks(render_jinja, jinja_worker.render)
@given(st.integers(0, 20))
def test_exactly_max_chars_characters_pass(n):
    assert render_jinja("{{ 'é' * n }}", {"n": n}, max_chars=n) == "é" * n
    with pytest.raises(TokenizerError, match=f"at most max_chars={n} characters"):
        render_jinja("{{ 'é' * n }}.", {"n": n}, max_chars=n)


@checks(jinja_worker.environment, jinja_worker.render, jinja_worker.answer)
@pytest.mark.parametrize("source, text", [
    ("  {% if 1 %}\n  a\n  {% endif %}\nb", "  a\nb"),
    ("{% for i in [1, 2, 3] %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "13"),
    ("{{ {'é': '<a>'} | tojson }}{{ [1] | tojson(indent=1) }}", '{"é": "<a>"}[\n 1\n]'),
    ("{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}", "21"),
    ("{% set n = namespace({'a': 1}, b=2) %}{% set n.a = n.b + 1 %}{{ n.a }}", "3"),
    ("{{ dict(a=1) | tojson }}{{ dict.fromkeys('a', 1) | tojson }}", '{"a": 1}{"a": 1}'), ("{{ nothing }}", ""),
])
def test_a_template_finds_the_names_filters_and_tags_of_the_field(source, text):
    assert jinja_worker.render(source, {}, 100) == text == render_jinja(source, {})
    assert jinja_worker.answer({"source": source, "variables": {}, "max_chars": 100}) == {"text": text}


@checks(render_jinja)
def test_what_python_loads_late_was_loaded_before_files_were_closed():
    for name in sorted(jinja_worker.environment().filters):
        for value in ("'<b>a b</b> http://c.de'", "[1, 2]", "{'a': 1}"):
            request = {"source": f"{{{{ {value} | {name} }}}}", "variables": {}, "max_chars": 1000}
            here, there = jinja_worker.answer(request), None
            try:
                there = render_jinja(request["source"], {})
            except TokenizerError as problem:
                assert here["error"].split("0x")[0][:60] in str(problem), request
            assert name == "random" or "error" in here or "at 0x" in there or there == here["text"], request
    assert len(render_jinja("{{ strftime_now('%Y-%m-%d %H:%M %Z') }}", {})) >= 16


# the process ----------------------------------------------------------------------------------------------------------

@checks(render_jinja)
def test_one_process_serves_all_templates_even_those_that_fail():
    first = worker_pid()
    with pytest.raises(TokenizerError):
        render_jinja("{{ raise_exception('no') }}", {})
    assert worker_pid() == first


@checks(render_jinja)
def test_a_late_process_is_replaced():
    first = worker_pid()
    with pytest.raises(TokenizerError, match="within timeout=0.2 seconds"):
        render_jinja(ENDLESS, {}, timeout=0.2)
    assert jinja_render._worker.process.poll() is not None and worker_pid() != first


@checks(render_jinja)
@unix
def test_a_process_that_was_killed_is_replaced():
    first = worker_pid()
    os.kill(first, signal.SIGKILL)
    assert gone(first) and worker_pid() != first


@checks(render_jinja)
@unix
def test_a_process_that_dies_at_work_is_an_error():
    first = worker_pid()
    with ThreadPoolExecutor(1) as pool:
        endless = pool.submit(render_jinja, ENDLESS, {}, timeout=SOON)
        time.sleep(0.3)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(TokenizerError, match=r"it ended \(exit code -9\)"):
            endless.result()


@checks(render_jinja)
def test_threads_get_the_answers_to_their_own_questions():
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda i: render_jinja("{{ i }}" + "." * (i % 7), {"i": i}), range(100))
        assert list(answers) == [str(i) + "." * (i % 7) for i in range(100)]


@checks(render_jinja)
@unix
def test_neither_an_exit_nor_a_sudden_death_leaves_a_process_behind():
    ask = "jinja_render.render_jinja('{{ 1 }}', {}); print(jinja_render._worker.process.pid, flush=True)\n"
    for end in ("", "os._exit(0)", "raise SystemExit"):
        assert gone(int(script(ask + end)[0]))


@checks(render_jinja)
@unix
def test_an_interrupted_question_is_not_answered_to_the_next_one_who_asks():
    assert script(f"""
def interrupt(*_):
    raise KeyboardInterrupt
jinja_render.render_jinja("{{{{ 1 }}}}", {{}})
first = jinja_render._worker.process
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    jinja_render.render_jinja({ENDLESS!r}, {{}}, timeout={SOON})
except KeyboardInterrupt:
    print("interrupted", first.poll())
print(jinja_render.render_jinja("{{{{ 'next' }}}}", {{}}))
""") == ["interrupted", "-9", "next"]


@checks(render_jinja)
@unix
def test_after_a_fork_parent_and_child_have_a_process_each():
    assert script("""
def ask(text):
    return jinja_render.render_jinja("{{ x }}", {"x": text}), jinja_render._worker.process.pid
_, first = ask("")
child = os.fork()
text, pid = ask("child" if child == 0 else "parent")
if child:
    os.waitpid(child, 0)
print(text, pid == first, ask("again")[1] == pid, flush=True)
""") == ["child", "False", "True", "parent", "True", "True"]


@checks(render_jinja)
def test_the_process_uses_the_jinja2_that_python_finds_wherever_it_is(tmp_path):
    for name in ("jinja2", "markupsafe"):
        shutil.copytree(Path(find_spec(name).origin).parent, tmp_path / name)
    with open(tmp_path / "jinja2" / "filters.py", "a") as file:
        file.write('\nFILTERS["shout"] = str.upper\n')
    assert script("sys.path.insert(0, sys.argv[1])\nprint(jinja_render.render_jinja('{{ \"a\" | shout }}', {}))",
                  str(tmp_path)) == ["A"]


@checks(render_jinja)
def test_without_jinja2_or_with_one_that_leaks_the_error_says_what_to_install(no_worker, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "jinja2", None)
        with pytest.raises(MissingExtraError, match=r'pip install "scratchgpt\[chat\]"'):
            render_jinja("", {})
    for version in ("3.1.5", "2.11"):
        monkeypatch.setattr(metadata, "version", lambda name: version)
        with pytest.raises(MissingExtraError, match=f"at least 3.1.6.*got {version}"):
            render_jinja("", {})
    monkeypatch.setattr(metadata, "version", lambda name: "3.10.0rc1")
    assert render_jinja("{{ 1 }}", {}) == "1"


@checks(render_jinja)
def test_a_process_that_does_not_start_is_an_error(no_worker, monkeypatch):
    monkeypatch.setattr(jinja_worker, "__file__", "no such file.py")
    with pytest.raises(TokenizerError, match=r"must start; it did not \(exit code 2\)"):
        render_jinja("", {})
