"""Waiting in steps for what may hang: between them a worker's other tasks have their turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import Any

STEP = 0.02  # seconds between two looks


def rested(seconds: float) -> Generator[None, None, None]:
    """Waits in steps; whoever cancels ends it at the next."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(STEP)
        yield


def aside(work: Callable[[], Any]) -> Generator[None, None, Any]:
    """Does work in a thread of its own, and waits for it in steps.

    Args:
        work: may hang; what it gives after the steps were cancelled is dropped.

    Returns:
        What the work gave.

    Example:
        >>> steps = aside(lambda: 6 * 7)
        >>> while True:
        ...     try:
        ...         next(steps)
        ...     except StopIteration as end:
        ...         print(end.value)
        ...         break
        42
    """
    done = threading.Event()
    given: list[Any] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            given.append(work())
        except BaseException as error:
            raised.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name="gptwidgets store aside", daemon=True).start()
    while not done.wait(STEP):
        yield
    if raised:
        raise raised[0]
    return given[0]
