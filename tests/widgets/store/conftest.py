from __future__ import annotations

import pytest

from gptwidgets.widgets.store.browser import StoreBrowser
from tests.widgets.store.fake import FakeStore


@pytest.fixture
def store():
    return FakeStore()


@pytest.fixture
def shop(store):
    made = StoreBrowser(store)
    made.wait(20)
    yield made
    made.close()


@pytest.fixture
def web(shop, page):
    """A page of the shop."""
    return page(shop)
