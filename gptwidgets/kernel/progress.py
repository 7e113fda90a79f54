"""A progress bar for calls from Python; widgets pass a callable of their own instead."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Generator

    from gptwidgets.kernel.worker import Progress, Report


@contextmanager
def progress_bar(
    progress: Progress | Literal[False] | None = None, *, after: float = 1.0
) -> Generator[Progress]:
    """Turns the `progress` argument of a public function into a callable.

    Args:
        progress: a callable, which gets each Report; False for silence; None for a bar (tqdm)
            that appears once the work has taken `after` seconds.
        after: seconds.

    Yields:
        What the work calls with each Report.
    """
    if callable(progress):
        yield progress
        return
    if progress is False:
        yield _ignore
        return
    if progress is not None and progress is not True:
        raise TypeError(f"progress is a callable, False for silence or None for a bar, not {progress!r}.")
    bar = _Bar(after)
    try:
        yield bar
    finally:
        bar.close()


def _ignore(_report: Report) -> None:
    return


class _Bar:
    """A tqdm bar, one a stage, that does not flicker up for what is over at once."""

    def __init__(self, after: float) -> None:
        self._from = time.monotonic() + after
        self._bar: Any = None
        self._stage = ""

    def __call__(self, report: Report) -> None:
        if time.monotonic() < self._from:
            return
        if self._bar is None or report.stage != self._stage:
            self.close()
            from tqdm.auto import tqdm  # imported when a bar is really drawn

            in_bytes = report.unit == "bytes"
            self._stage = report.stage
            self._bar = tqdm(
                desc=report.stage,
                total=report.total,
                initial=round(report.done),
                unit="B" if in_bytes else f" {report.unit}",
                unit_scale=in_bytes,
                unit_divisor=1000,
                leave=False,
            )
        self._bar.total = report.total
        self._bar.n = round(report.done)
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
