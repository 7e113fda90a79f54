from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.lab import Lab, NotebookPage, start

expect.set_options(timeout=30_000)  # ms; a busy machine is slow, and what is met sooner waits no longer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that of several processes none is left alone with it."""
    items.sort(key=lambda item: item.path.stem != "test_notebooks")


@pytest.fixture(scope="session")
def one_lab() -> Iterator[Lab]:
    """One JupyterLab and one browser for all tests."""
    with start() as lab:
        yield lab


@pytest.fixture(scope="module")
def page(one_lab: Lab, request: pytest.FixtureRequest) -> Iterator[NotebookPage]:
    """One notebook for all tests of a file, begun with its SETUP; each shows its widgets in a new cell."""
    page = one_lab.open([request.module.SETUP])
    page.run_cell(0)
    yield page
    one_lab.close(page)


@pytest.fixture
def lab(one_lab: Lab) -> Iterator[Lab]:
    """The shared JupyterLab; pages and kernels of a test end with it."""
    before = list(one_lab.pages)
    yield one_lab
    for page in [page for page in one_lab.pages if page not in before]:
        one_lab.close(page)
