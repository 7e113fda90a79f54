"""Progress as the browser gets it: seldom enough to be sent, with the seconds that are left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from gptwidgets.kernel.worker import Report

PROGRESS_EVERY = 0.04  # seconds: at most 25 messages a second


def throttled(tell: Callable[[dict[str, Any]], None]) -> Callable[[Report], None]:
    """Makes a job's progress calls rare enough to be sent, and adds how many seconds are left.

    Args:
        tell: called with {stage, done, total, unit, seconds_left}, at most 25 times a second.

    Returns:
        What the job calls with each Report.
    """
    began = last = time.monotonic()
    stage = ""

    def report(report: Report) -> None:
        nonlocal began, last, stage
        now = time.monotonic()
        if report.stage != stage:
            stage, began = report.stage, now
        elif now - last < PROGRESS_EVERY:
            return
        last = now
        left = None
        if report.total and report.done and now - began > 0.2:
            left = round((now - began) * (report.total - report.done) / report.done, 1)
        tell(
            {
                "stage": report.stage,
                "done": report.done,
                "total": report.total,
                "unit": report.unit,
                "seconds_left": left,
            }
        )

    return report
