"""The rules of the book, held against the book: every claim has a test, every formula a source, every file one idea.

Before this file: `checks`, and all other tests, since what they prove is what is counted here. Each rule is a function
from code to a list of offenders, and each is tried on a planted offender before it is trusted.
"""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import sys
import textwrap
import types
from pathlib import Path

import pytest

import scratchgpt
from tests.checks import PROVED, checks

ROOT = Path(scratchgpt.__file__).parent.parent
LONGEST_FILE, LONGEST_FUNCTION, LONGEST_LINE = 210, 35, 120
MATHEMATICS = ("formulas", "layers", "models", "optim", "decoding")
ELSEWHERE = ("benchmarks", "differential")                # tests that need more than the plain suite prove nothing here

FORMULA = re.compile(r"\s(=|\+=|<-|~|<=|>=)\s")
SHAPE = re.compile(r"\((\.\.\.|(\.\.\., ?)?[A-Z0-9][\w +*-]*(, ?[A-Z0-9][\w +*-]*)*,?)?\)")
UNIT = re.compile(r"\b(nats|bits|bytes|tokens|steps|per step|per unit|units of|dimensionless|probability|share)\b")


# the package ----------------------------------------------------------------------------------------------------------

def modules(package, skip=()):
    """Every module of a package, imported; __main__ would run."""
    names = [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    return [package, *(importlib.import_module(name) for name in names if not name.endswith("__main__")
                       and not any(f".{part}" in name for part in skip))]


def public(module):
    """(name, function or class) of what a module defines for others."""
    return [(f"{module.__name__}.{name}", thing) for name, thing in vars(module).items()
            if not name.startswith("_") and inspect.isroutine(thing) | inspect.isclass(thing)
            and getattr(thing, "__module__", None) == module.__name__]


def methods(name, cls):
    """(name, method or property) of what a class itself defines for others."""
    return [(f"{name}.{key}", getattr(cls, key)) for key, value in vars(cls).items() if not key.startswith("_")
            and (inspect.isfunction(value) or isinstance(value, (property, classmethod, staticmethod)))]


def docstring(thing):
    """The docstring, that of an overridden method included, but not the one that a dataclass gives itself."""
    text = inspect.getdoc(thing) or ""
    return "" if inspect.isclass(thing) and (not thing.__doc__ or text.startswith(f"{thing.__name__}(")) else text


def code(folder):
    """{path: syntax tree} of every Python file in a folder of the repository."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in paths}


# rules: code -> offenders ---------------------------------------------------------------------------------------------

def unproved(module, proved):
    """Public functions and classes that no test names; exceptions are proved where they are raised."""
    return [name for name, thing in public(module) if thing not in proved
            and not (inspect.isclass(thing) and issubclass(thing, BaseException))]


def undocumented(module):
    """Public functions, classes and methods without a docstring."""
    things = [pair for name, thing in public(module)
              for pair in [(name, thing), *(methods(name, thing) if inspect.isclass(thing) else [])]]
    return [name for name, thing in things if not docstring(thing)]


def unfounded(module):
    """Public functions and classes whose docstring lacks its formula, its shapes or units, or its source.

    A class may leave shapes to its methods; a dataclass is a record of sizes, not a formula.
    """
    found = []
    for name, thing in public(module):
        if dataclasses.is_dataclass(thing):
            continue
        text = docstring(thing)
        inside = methods(name, thing) if inspect.isclass(thing) else []
        whole = "\n".join([text, *(docstring(method) for _, method in inside)])
        lacks = [what for what, there in (("formula", FORMULA.search(text)), ("source", "Source:" in text),
                                          ("shapes or units", SHAPE.search(whole) or UNIT.search(whole))) if not there]
        if lacks:
            found.append(f"{name}: no {', no '.join(lacks)}")
    return found


def too_long(path, tree, n_lines):
    """Files and functions that hold more than one idea; docstrings do not count."""
    found = [f"{path}: {n_lines} lines"] if n_lines > LONGEST_FILE else []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = node.end_lineno - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= node.body[0].end_lineno - node.body[0].lineno + 1
            if lines > LONGEST_FUNCTION:
                found.append(f"{path}: {node.name} has {lines} lines")
    return found


def too_wide(path, text):
    """Lines that a page cannot hold: longer than LONGEST_LINE, in characters."""
    return [f"{path}:{number} has {len(line)} characters" for number, line in enumerate(text.split("\n"), 1)
            if len(line) > LONGEST_LINE]


def unnamed(text, folder):
    """What a text does not name of the files and folders in a folder of the package."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix == ".py" or (path / "__init__.py").exists()]
    return [path.stem for path in paths if not path.stem.startswith("__") and not re.search(rf"\b{path.stem}\b", text)]


def functions_of(tree):
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def unasserting(path, tree, helpers=None):
    """Tests that cannot fail: without an assertion, an expected error, a checker, or a helper that has one."""
    own = functions_of(tree)
    functions = {**(helpers or {}), **own}

    def asserts(node, seen=frozenset()):
        for part in ast.walk(node):
            if isinstance(part, ast.Assert):
                return True
            if isinstance(part, ast.Call):
                name = getattr(part.func, "attr", getattr(part.func, "id", ""))
                if re.match(r"_?(check|assert)|raises$|warns$|fail$", name):
                    return True
                if name in functions and name not in seen and asserts(functions[name], seen | {name}):
                    return True
        return False
    return [f"{path}: {name}" for name, node in own.items() if name.startswith("test_") and not asserts(node)]


# the rules, held ------------------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def proved():
    """What the plain suite proves, once all of it is imported."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[1] not in ELSEWHERE:
            try:
                importlib.import_module(".".join(parts))
            except pytest.skip.Exception:
                pass                                                    # an extra that is not installed
    return {thing for thing, tests in PROVED.items() if any(test.split(".")[1] not in ELSEWHERE for test in tests)}


def test_every_public_function_and_class_is_proved_by_a_test(proved):
    missing = [name for module in modules(scratchgpt) for name in unproved(module, proved)]
    assert not missing, "no @checks names\n" + "\n".join(missing)


def test_every_public_function_class_and_method_has_a_docstring():
    missing = [name for module in modules(scratchgpt) for name in undocumented(module)]
    assert not missing, "no docstring:\n" + "\n".join(missing)


@pytest.mark.parametrize("package", MATHEMATICS)
def test_mathematics_is_documented_by_formula_shapes_and_source(package):
    found = [line for module in modules(importlib.import_module(f"scratchgpt.{package}")) for line in unfounded(module)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", ["scratchgpt", "tests"])
def test_every_file_opens_by_saying_what_it_is_about(folder):
    silent = [path for path, tree in code(folder).items() if not ast.get_docstring(tree)]
    silent = [path for path in silent if not (folder == "tests" and path.endswith("__init__.py"))]
    assert not silent, "no docstring at the top:\n" + "\n".join(silent)


def test_every_file_and_every_function_holds_one_idea():
    found = [line for path, tree in code("scratchgpt").items()
             for line in too_long(path, tree, len((ROOT / path).read_text("utf-8").splitlines()))]
    assert not found, f"more than {LONGEST_FILE} lines a file or {LONGEST_FUNCTION} a function:\n" + "\n".join(found)


def test_every_line_fits_a_page():
    found = [line for path in code("scratchgpt") for line in too_wide(path, (ROOT / path).read_text("utf-8"))]
    assert not found, f"more than {LONGEST_LINE} characters:\n" + "\n".join(found)


def test_every_folder_says_in_which_order_its_files_are_read():
    found = {str(path.parent): unnamed(ast.get_docstring(ast.parse(path.read_text("utf-8"))), path.parent)
             for path in (ROOT / "scratchgpt").rglob("*/__init__.py") if path.parent != ROOT / "scratchgpt"}
    assert len(found) > 10 and not any(found.values()), {folder: names for folder, names in found.items() if names}


def test_the_readers_road_names_every_file():
    road = (ROOT / "README.md").read_text("utf-8").split("## The reader's road")[1].split("\n## ")[0]
    folders = [ROOT / "scratchgpt", *(path.parent for path in (ROOT / "scratchgpt").glob("*/__init__.py"))]
    assert [name for folder in folders for name in unnamed(road, folder)] == []


def test_no_assert_guards_user_input():
    found = [f"{path}:{node.lineno}" for path, tree in code("scratchgpt").items()
             for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    assert not found, "python -O removes these:\n" + "\n".join(found)


def test_every_test_can_fail():
    trees = code("tests")
    helpers = {name: node for path, tree in trees.items() if not Path(path).name.startswith("test_")
               for name, node in functions_of(tree).items()}
    found = [line for path, tree in trees.items() for line in unasserting(path, tree, helpers)]
    assert not found, "nothing is asserted in\n" + "\n".join(found)


# the rules, tried on planted offenders --------------------------------------------------------------------------------

PLANTED = '''
import dataclasses

def good(x):
    """y = x.    x (..., C)    Source: here."""

def bad(x):
    pass

def vague(x):
    """Does a thing with x=1."""

def by_units(lr):
    """lr_t = lr, per step. Source: here."""

class Layer:
    """y = f(x). Source: here."""
    def forward(self, x):
        """x (B, T) -> (B, T)."""
    def helper(self):
        pass
    @property
    def size(self):
        return 1
    def _private(self):
        pass

class Quiet(Layer):
    def forward(self, x):
        pass

@dataclasses.dataclass
class Config:
    size: int

class PlantedError(Exception):
    """What can go wrong."""

def _private():
    pass
'''


@pytest.fixture
def planted(monkeypatch):
    module = types.ModuleType("planted")
    monkeypatch.setitem(sys.modules, "planted", module)
    exec(PLANTED, vars(module))                                         # of our own writing, above
    return module


@checks(checks)
def test_the_mark_notes_what_a_test_proves_and_leaves_the_test_alone():
    def test():
        pass
    thing = object()
    try:
        assert checks(thing)(test) is test and PROVED[thing] == [f"{__name__}.{test.__qualname__}"]
    finally:
        del PROVED[thing]


def test_a_planted_function_that_no_test_names_is_found(planted):
    assert unproved(planted, {planted.good, planted.Layer, planted.Config}) == [
        "planted.bad", "planted.vague", "planted.by_units", "planted.Quiet"]


def test_a_planted_function_class_method_or_property_without_docstring_is_found(planted):
    assert undocumented(planted) == ["planted.bad", "planted.Layer.helper", "planted.Layer.size", "planted.Quiet",
                                     "planted.Config"]


def test_a_planted_docstring_without_formula_shapes_or_source_is_found(planted):
    assert unfounded(planted) == ["planted.bad: no formula, no source, no shapes or units",
                                  "planted.vague: no formula, no source, no shapes or units",
                                  "planted.Quiet: no formula, no source",
                                  "planted.PlantedError: no formula, no source, no shapes or units"]


def test_shapes_are_told_from_other_brackets():
    for shape in ("(...)", "(..., C)", "(C,)", "(B, T, C)", "(B, 1, 1, S)", "()", "(C, 3 C_head)", "(N - 1, C)"):
        assert SHAPE.search(f"x {shape}"), shape
    for other in ("max(x, 0)", "exp(x)", "(the mean)", "(x + y)"):
        assert not SHAPE.search(other), other


def test_a_planted_long_function_or_file_is_found():
    body = "\n".join(f"    x{i} = {i}" for i in range(LONGEST_FUNCTION))
    long = ast.parse(f'def long():\n    """One\n    two."""\n{body}\n')
    short = ast.parse(f'def short():\n    """One\n    two."""\n{body[:body.rindex(chr(10))]}\n')
    assert too_long("a", long, LONGEST_FILE) == [f"a: long has {LONGEST_FUNCTION + 1} lines"]
    assert too_long("a", short, LONGEST_FILE) == []
    assert too_long("a", short, LONGEST_FILE + 1) == [f"a: {LONGEST_FILE + 1} lines"]


def test_a_planted_wide_line_is_found_by_its_characters():
    fits = "é" * LONGEST_LINE
    assert too_wide("a", f"{fits}\n{fits}x\n") == [f"a:2 has {LONGEST_LINE + 1} characters"]


def test_a_planted_file_or_folder_that_is_not_named_is_found(tmp_path):
    (tmp_path / "inner").mkdir()
    for name in ("inner/__init__.py", "__init__.py", "a.py", "in.py", "data.txt"):
        (tmp_path / name).touch()
    assert unnamed("a, then inner", tmp_path) == ["in"]
    assert unnamed("a_b, inside", tmp_path) == ["a", "in", "inner"]


def test_a_planted_test_that_cannot_fail_is_found():
    tree = ast.parse(textwrap.dedent("""
        def refuse(x):
            with pytest.raises(ValueError):
                x()
        def nothing(x):
            nothing(x)
        def test_by_assert(): assert 1
        def test_by_numpy(): np.testing.assert_array_equal(1, 1)
        def test_by_checker(): check_gradient(1)
        def test_by_helper(): refuse(1)
        def test_empty(): pass
        def test_that_calls_what_asserts_nothing(): nothing(len([]))
    """))
    assert unasserting("a", tree) == ["a: test_empty", "a: test_that_calls_what_asserts_nothing"]
