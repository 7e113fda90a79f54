from __future__ import annotations

import gc
import signal
from pathlib import Path

import pytest

BROWSER = Path(__file__).with_name("e2e")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--device cuda`: what tests/kernel/test_on_device.py runs on."""
    parser.addoption("--device", default="cpu", help="the device of tests/kernel/test_on_device.py")


def pytest_configure() -> None:
    """Tests interrupt as a person does, also where they run in the background, which ignores that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the browser's tests last: what is quick fails first, and Playwright keeps its event loop."""
    items.sort(key=lambda item: BROWSER in item.path.parents)


def pytest_collection_finish() -> None:
    """What is imported by now stays: searches for garbage, one for each closed model, pass it over."""
    gc.collect()
    gc.freeze()
