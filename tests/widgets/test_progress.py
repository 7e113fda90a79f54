from __future__ import annotations

import pytest

from gptwidgets.kernel.worker import Report
from gptwidgets.widgets import progress


def test_progress_is_rare_and_says_how_long(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    told = []
    report = progress.throttled(told.append)
    for i in range(1, 1001):
        now[0] = i / 250  # four seconds, 250 reports a second
        report(Report("recording", i, 1000, "tokens"))
    assert 50 <= len(told) <= 101
    assert told[-1]["seconds_left"] == pytest.approx(0, abs=0.1)
    half = next(one for one in told if one["done"] >= 500)
    assert half["seconds_left"] == pytest.approx(2, abs=0.2)
