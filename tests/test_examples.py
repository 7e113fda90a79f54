"""The examples of the docstrings do what they say; those that need a model are marked to be skipped."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import gptwidgets

MODULES = sorted(module.name for module in pkgutil.walk_packages(gptwidgets.__path__, "gptwidgets."))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
