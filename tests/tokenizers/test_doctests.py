"""The examples in the docstrings are true."""

import doctest
import importlib
import pkgutil

import pytest

from scratchgpt import tokenizers

MODULES = [info.name for info in pkgutil.walk_packages(tokenizers.__path__, f"{tokenizers.__name__}.")]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_hold(name):
    failures, _ = doctest.testmod(importlib.import_module(name))
    assert failures == 0
