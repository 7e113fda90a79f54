"""Long work as generators: a job that a worker can put aside between two steps, or run to its end at once."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")


def finish(steps: Generator[Any, None, T]) -> T:
    """Runs a generator to its end.

    Returns:
        What it returns.

    Example:
        >>> def work():
        ...     yield
        ...     return 42
        >>> finish(work())
        42
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
