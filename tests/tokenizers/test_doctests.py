"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

from scratchgpt import tokenizers

MODULES = [info.name for info in pkgutil.iter_modules(tokenizers.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_hold(name):
    module = importlib.import_module(f"{tokenizers.__name__}.{name}")
    failures, _ = doctest.testmod(module)
    assert failures == 0
