"""Who may know whom: dependencies point downwards, and what is optional stays out until it is asked for.

Before this file: the package. After it: the reader can read the package in the order below, and never meets a name
from further down the list than the file at hand.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import scratchgpt

PACKAGE = Path(scratchgpt.__file__).parent
# from the ground up: each may import what stands before it, and nothing that stands after it
ORDER = ["errors", "backend", "inputs", "options", "pieces", "files", "formulas", "parameter", "module", "cache", "layers",
         "checkpoint", "tokenizers", "optim", "decoding", "models", "views", "plots", "training", "chapters", "__init__", "cli",
         "__main__"]
CORE = {"numpy", "regex"}                                        # the only libraries that the package cannot do without
EXTRAS = ("torch", "transformers", "tokenizers", "tiktoken", "safetensors", "peft", "tqdm", "matplotlib", "jinja2",
          "cupy", "cupyx", "mpi4py", "ray", "pymilvus")


def files():
    """{dotted name inside the package: path}, a folder under the name of its __init__."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)] = path
    return found


def imports(tree, here, known, is_folder=False):
    """(name, whether at the top of the file) of every import: ours as dotted names inside the package, others with ">".

    `from .. import formulas` names the file formulas, not the package; `from .adam import Adam` names adam.
    """
    top = {id(node) for node in tree.body}
    package = [part for part in here.split(".") if part] if is_folder else here.split(".")[:-1]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(">" + alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append((">" + node.module, id(node) in top))
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - (node.level - 1)] + (node.module.split(".") if node.module else [])
            for alias in node.names:
                name = ".".join([*base, alias.name])
                found.append((name if name in known else ".".join(base) or "__init__", id(node) in top))
    return found


def graph():
    """{file: its imports}."""
    known = files()
    return {name: imports(ast.parse(path.read_text("utf-8")), "" if name == "__init__" else name, known,
                          path.name == "__init__.py") for name, path in known.items()}


def ours(name):
    return not name.startswith(">")


def unit(name):
    return name.split(".")[0]


def cycle(edges):
    """A list of names, each importing the next and the last the first; None if there is none."""
    finished = set()

    def visit(name, trail):
        if name in trail:
            return trail[trail.index(name):]
        if name in finished:
            return None
        for other in edges.get(name, ()):
            found = visit(other, [*trail, name])
            if found:
                return found
        finished.add(name)
        return None
    return next(filter(None, (visit(name, []) for name in edges)), None)


def test_every_part_has_its_place_in_the_order():
    strangers = {unit(name) for name in files()} - set(ORDER)
    assert not strangers, f"give these their place in ORDER: {sorted(strangers)}"


def test_dependencies_point_downwards_only():
    upwards = [f"{name} imports {other}" for name, found in graph().items() for other, _ in found
               if ours(other) and unit(other) != unit(name) and ORDER.index(unit(other)) > ORDER.index(unit(name))]
    assert not upwards, "\n".join(upwards)


@pytest.mark.parametrize("part, may", [("errors", set()), ("pieces", set()), ("backend", {"errors"}),
                                       ("files", {"errors"}), ("formulas", {"backend", "pieces", "errors"}),
                                       ("optim", {"backend", "pieces", "errors", "module"})])
def test_the_lowest_parts_know_only_the_ground(part, may):
    known = {unit(other) for name, found in graph().items() if unit(name) == part for other, _ in found if ours(other)}
    assert known <= may | {part}


@pytest.mark.parametrize("part, never", [("layers", {"models", "training", "decoding", "optim", "checkpoint"}),
                                         ("models", {"training", "optim", "cli"}),
                                         ("tokenizers", {"models", "layers", "formulas", "backend"}),
                                         ("decoding", {"training", "cli", "models"})])
def test_what_must_not_know_each_other_does_not(part, never):
    known = {unit(other) for name, found in graph().items() if unit(name) == part for other, _ in found if ours(other)}
    assert known and not known & never


def test_no_file_imports_itself_by_a_detour():
    assert cycle({name: [other for other, _ in found if ours(other)] for name, found in graph().items()}) is None


def test_only_the_backend_knows_cupy():
    knows = {name for name, found in graph().items() for other, _ in found if other.lstrip(">").startswith("cupy")}
    assert knows == {"backend"}


def test_at_the_top_of_a_file_stand_only_numpy_regex_and_the_standard_library():
    strangers = [f"{name} imports {other[1:]}" for name, found in graph().items() for other, at_top in found
                 if not ours(other) and at_top and other[1:].split(".")[0] not in CORE | sys.stdlib_module_names]
    assert not strangers, "\n".join(strangers)


def test_what_is_imported_inside_functions_is_an_extra_that_has_a_name():
    strangers = [f"{name} imports {other[1:]}" for name, found in graph().items() for other, at_top in found
                 if not ours(other) and other[1:].split(".")[0] not in {*CORE, *EXTRAS, *sys.stdlib_module_names}]
    assert not strangers, "\n".join(strangers)


@pytest.mark.parametrize("script", [
    "import scratchgpt",
    "import pkgutil, scratchgpt, importlib\n"
    "for found in pkgutil.walk_packages(scratchgpt.__path__, 'scratchgpt.'):\n"
    "    found.name.endswith('__main__') or importlib.import_module(found.name)",
], ids=["the package", "every file of it"])
def test_importing_takes_no_extra_along(script):
    script += "\nimport sys; print(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120,
                          cwd=PACKAGE.parent)
    assert done.returncode == 0, done.stderr
    loaded = set(ast.literal_eval(done.stdout))
    assert {"numpy", "scratchgpt"} <= loaded and not loaded & set(EXTRAS)


# the reader of imports, tried on planted ones -------------------------------------------------------------------------

def test_imports_are_resolved_to_the_files_they_name():
    known = {"errors", "formulas", "formulas.softmax", "optim", "optim.adam", "__init__"}
    tree = ast.parse("import numpy as np\nfrom .. import formulas\nfrom ..errors import ConfigError\n"
                     "from . import adam\nfrom .adam import Adam\nfrom ..formulas import softmax\n"
                     "from .. import __version__\n"
                     "def f():\n    from tqdm import tqdm\n")
    assert imports(tree, "optim.sgd", known) == [
        (">numpy", True), ("formulas", True), ("errors", True), ("optim.adam", True), ("optim.adam", True),
        ("formulas.softmax", True), ("__init__", True), (">tqdm", False)]
    inside = ast.parse("from .adam import Adam\nfrom ..errors import ConfigError\n")
    assert imports(inside, "optim", known, is_folder=True) == [("optim.adam", True), ("errors", True)]


def test_a_planted_cycle_is_found_and_a_diamond_is_none():
    assert cycle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c"]
    assert cycle({"a": ["a"]}) == ["a"]
    assert cycle({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}) is None
