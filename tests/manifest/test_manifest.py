"""The rule book, tested: signatures bind as Python's do, and the JSON is what the real wheel says."""

import json

import pytest

from tests.manifest import CUPY, MANIFEST, bind, parse


def test_a_signature_binds_as_python_binds_it():
    text = "a b / c d= * e= f"
    assert bind("f", text, (1, 2, 3), {"f": 4}) == {"a": 1, "b": 2, "c": 3, "f": 4}
    wrong = [((1, 2), {"f": 4}), ((1, 2, 3, 4, 5), {"f": 4}), ((1, 2, 3), {}), ((), {"a": 1, "b": 2, "c": 3, "f": 4})]
    for args, kwargs in wrong:
        with pytest.raises(TypeError, match=CUPY):
            bind("f", text, args, kwargs)
    assert str(parse("*xs axis= **rest")) == "(*xs, axis=None, **rest)"


def test_the_manifest_is_that_of_the_installed_wheel():
    pytest.importorskip("cupy", reason="the manifest can be compared only where CuPy is installed")
    from tests.manifest.make_cupy_manifest import manifest
    current = manifest()
    if current["cupy"] != MANIFEST["cupy"]:
        pytest.skip(f"the manifest is that of {CUPY}; CuPy {current['cupy']} is installed")
    assert json.loads(json.dumps(current)) == MANIFEST
