"""The examples of the docstrings do what they say; those that need a model are marked to be skipped."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import gptwidgets

RUN_BY_ALEMBIC = "gptwidgets.store.migrations.env"  # which nobody can import
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(gptwidgets.__path__, "gptwidgets.")
    if module.name != RUN_BY_ALEMBIC
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
