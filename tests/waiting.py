"""Waiting in tests for what nothing signals: for a state, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def until(there: Callable[[], Any], seconds: float = 20, said: Callable[[], object] = str) -> Any:
    """Waits until something is so, and gives what it is.

    Args:
        there: asked again and again; anything true ends the waiting.
        seconds: after which the test fails.
        said: what the failure says, made when it fails.
    """
    end = time.monotonic() + seconds
    while not (found := there()):
        assert time.monotonic() < end, said()
        time.sleep(0.002)
    return found
