from __future__ import annotations

from pathlib import Path

import pytest

BROWSER = Path(__file__).with_name("e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser's tests last: what is quick fails first, and Playwright keeps its event loop."""
    items.sort(key=lambda item: BROWSER in item.path.parents)
