from __future__ import annotations

import pytest

import gptwidgets as gw
from gptwidgets.widgets.playground import presets
from gptwidgets.widgets.playground.playground import Playground
from tests.widgets.playground.fake import FakeEngine


@pytest.fixture(autouse=True)
def own_presets(tmp_path, monkeypatch):
    """A folder for the user's own presets, empty at first."""
    monkeypatch.setattr(presets, "folder", lambda: tmp_path / "presets")
    return tmp_path / "presets"


@pytest.fixture(scope="session")
def smollm2():
    made = gw.load(progress=False)
    yield made
    made.close()


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
