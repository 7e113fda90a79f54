from __future__ import annotations

import pytest

from gptwidgets.widgets.playground.playground import Playground
from tests.widgets.playground.fake import FakeEngine


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user's data folder of its own; installed models are not looked for in it."""
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def engine():
    made = FakeEngine()
    yield made
    if not made.closed:
        made.close()


@pytest.fixture
def play(engine):
    made = Playground(engine, "abc", temperature=0, max_new_tokens=8)
    yield made
    made.close()
