"""A job that the test moves."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from gptwidgets.errors import Cancelled, StoreError


@dataclass
class FakeJob:
    """A job that goes on by `step`, or by itself where the store is not gated."""

    id: int
    kind: str
    name: str
    total: float
    unit: str
    finish: Any
    state: str = "waiting"
    stage: str = "waiting"
    done: float = 0.0
    speed: float | None = None
    left_s: float | None = None
    error: str | None = None
    result: Any = None
    position: int = 0
    callbacks: list[Any] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def observe(self, callback: Any) -> Any:
        self.callbacks.append(callback)
        callback(self)
        return lambda: self.callbacks.remove(callback)

    def _tell(self) -> None:
        for callback in list(self.callbacks):
            callback(self)

    def step(self, share: float, stage: str = "downloading", speed: float = 24e6) -> FakeJob:
        """Goes on to this share of the whole."""
        self.state, self.stage, self.done, self.position = "running", stage, share * self.total, 0
        self.speed = speed if self.unit == "bytes" else None
        self.left_s = (1 - share) * self.total / speed if self.unit == "bytes" else (1 - share) * 60
        self._tell()
        return self

    def end(self, state: str = "done", error: str | None = None) -> FakeJob:
        if self.ended.is_set():
            return self
        self.state, self.error, self.speed, self.left_s = state, error, None, None
        if state == "done":
            self.done = self.total
            self.result = self.finish()
        self.ended.set()
        self._tell()
        return self

    def cancel(self) -> bool:
        if self.ended.is_set():
            return False
        self.end("cancelled", f"{self.kind} {self.name} was stopped before it was finished.")
        return True

    def wait(self, timeout: float | None = None) -> FakeJob:
        if not self.ended.wait(timeout):
            raise TimeoutError(f"{self.kind} {self.name} goes on.")
        if self.state == "cancelled":
            raise Cancelled(self.error)
        if self.state == "failed":
            raise StoreError(self.error)
        return self


def slowly(job: FakeJob, share: float) -> None:
    """Lets a job that waits for the test come this far, in twenty small steps."""
    for at in range(1, 21):
        job.step(share * at / 20)
        time.sleep(0.02)
