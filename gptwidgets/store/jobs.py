"""Long work that is queued, watched, waited for and stopped: installing, measuring, checking."""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

from gptwidgets.errors import Cancelled, ClosedError
from gptwidgets.store.folders import Watch
from gptwidgets.store.pace import Pace

State = Literal["waiting", "running", "done", "failed", "cancelled"]
Work = Callable[[Watch], Any]
# Observers hear of progress ten times a second at most, and of each stage and state at once.
EVERY = 0.1
REMEMBERED = 50  # finished jobs that a queue still lists


class Job:
    """A piece of long work.

    Attributes:
        id: its number in its queue.
        kind: "install", "measure", "check" or "publish".
        name: of the model.
        state: "waiting", "running", "done", "failed" or "cancelled".
        stage: what it does just now, in words.
        done: how far the stage has come, in `unit`.
        total: how far it goes, or None.
        unit: "bytes", "files", …; "" for none.
        error: the sentence of what went wrong, or None.
        result: what it gave, once it is done.

    Example:
        >>> job = Queue().submit("check", "tiny", lambda watch: 6 * 7)
        >>> job.wait().result
        42
    """

    def __init__(self, number: int, kind: str, name: str, work: Work, queue: Queue) -> None:
        self.id, self.kind, self.name = number, kind, name
        self.state: State = "waiting"
        self.stage, self.unit = "waiting", ""
        self.done: float = 0.0
        self.total: float | None = None
        self.error: str | None = None
        self.result: Any = None
        self.exception: BaseException | None = None
        self._work: Work | None = work
        self._queue = queue
        self._pace = Pace()
        self._stop, self._ended = threading.Event(), threading.Event()
        self._observers: list[Callable[[Job], object]] = []
        self._heard = 0.0  # when the observers last heard of progress

    def __repr__(self) -> str:
        said = self.error if self.state == "failed" else self.stage if self.state == "running" else ""
        return f"<Job {self.id}: {self.kind} {self.name}, {self.state}{f' ({said})' if said else ''}>"

    @property
    def ended(self) -> bool:
        """True once it is done, failed or cancelled."""
        return self._ended.is_set()

    @property
    def position(self) -> int:
        """How many jobs come before it; 0 once it runs."""
        return self._queue.before(self)

    @property
    def speed(self) -> float | None:
        """Units a second, while it runs and can be said."""
        return self._pace.speed(time.monotonic()) if self.state == "running" else None

    @property
    def left_s(self) -> float | None:
        """Seconds to the end of its stage, while it runs and can be said."""
        return self._pace.left(self.total, time.monotonic()) if self.state == "running" else None

    def cancel(self) -> bool:
        """Asks it to stop: at once where it waits, within a moment where it runs.

        Returns:
            False where it had ended already.
        """
        if self.ended:
            return False
        self._stop.set()
        self._queue.withdraw(self)
        return True

    def wait(self, timeout: float | None = None) -> Job:
        """Waits for its end; Ctrl-C (or the notebook's stop button) meanwhile cancels it.

        Args:
            timeout: seconds to wait at most.

        Returns:
            The job itself, done.

        Raises:
            GPTWidgetsError: what went wrong; Cancelled where it was stopped.
            TimeoutError: it goes on for longer.
        """
        end = math.inf if timeout is None else time.monotonic() + timeout
        try:
            # in slices: Windows interrupts no wait
            while not self._ended.wait(max(0.0, min(0.2, end - time.monotonic()))):
                if time.monotonic() >= end:
                    raise TimeoutError(f"{self.kind} {self.name} goes on for longer than {timeout:g} s.")
        except KeyboardInterrupt:
            self.cancel()
            raise
        if self.exception is not None:
            raise self.exception.with_traceback(None)
        return self

    def observe(self, callback: Callable[[Job], object]) -> Callable[[], None]:
        """Calls back now and whenever something changes, from whichever thread changes it.

        Returns:
            What ends it.
        """
        self._observers.append(callback)
        self._call(callback)

        def stop() -> None:
            if callback in self._observers:
                self._observers.remove(callback)

        return stop

    def run(self) -> None:
        """Does the work; the queue's to call."""
        work, self._work = self._work, None
        self.state, self.stage = "running", "beginning"
        self.tell_observers()
        try:
            self._check()
            self.result = work(Watch(tell=self._tell, stop=self._check)) if work is not None else None
        except BaseException as error:
            self.end(error)
        else:
            self.end(None)

    def end(self, error: BaseException | None) -> None:
        """Takes note of how it ended; the queue's to call."""
        self._work = None
        if error is None:
            self.state = "done"
        else:
            self.exception = error.with_traceback(None)  # its frames would hold on to what it worked with
            self.state = "cancelled" if isinstance(error, Cancelled) else "failed"
            self.error = str(error) or type(error).__name__
        self._ended.set()
        self.tell_observers()

    def tell_observers(self) -> None:
        """Calls back everybody who observes."""
        self._heard = time.monotonic()
        for callback in list(self._observers):
            self._call(callback)

    def _call(self, callback: Callable[[Job], object]) -> None:
        try:
            callback(self)
        except Exception:  # who looks on must not break the work
            logging.getLogger(__name__).exception("An observer of %r failed.", self)

    def _check(self) -> None:
        if self._stop.is_set():
            raise Cancelled(f"{self.kind} {self.name} was stopped before it was finished.")

    def _tell(self, stage: str, done: float, total: float | None, unit: str) -> None:
        now, anew = time.monotonic(), stage != self.stage
        if anew or unit != self.unit:
            self._pace = Pace()
        self.stage, self.done, self.total, self.unit = stage, done, total, unit
        self._pace.tell(done, now)
        if anew or now - self._heard >= EVERY or done == total:
            self.tell_observers()


class Queue:
    """Jobs that wait for their turn: one of a kind at a time, in the order in which they came.

    Two installs would only halve each other's speed, and two measurements spoil each other's figures. The
    thread of a kind ends when nothing is left to do.

    Example:
        >>> queue = Queue()
        >>> first = queue.submit("install", "a", lambda watch: "one")
        >>> second = queue.submit("install", "b", lambda watch: "two")
        >>> second.wait().result, first.state
        ('two', 'done')
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, deque[Job]] = {}
        self._running: dict[str, Job | None] = {}  # a kind that has a thread
        self._ended: deque[Job] = deque(maxlen=REMEMBERED)
        self._closed = False

    def submit(self, kind: str, name: str, work: Work) -> Job:
        """Queues a piece of work.

        Args:
            kind: "install", "measure", "check" or "publish".
            name: of the model.
            work: gets a Watch to tell of its progress and to be stopped by; what it returns is the result.

        Raises:
            ClosedError: after `close()`.
        """
        with self._lock:
            if self._closed:
                raise ClosedError("This store is closed; open it again with gw.Store().")
            job = Job(next(self._numbers), kind, name, work, self)
            self._waiting.setdefault(kind, deque()).append(job)
            if kind not in self._running:
                self._running[kind] = None
                threading.Thread(
                    target=self._run, args=(kind,), name=f"gptwidgets {kind}", daemon=True
                ).start()
        return job

    @property
    def jobs(self) -> list[Job]:
        """The jobs that run and wait, and the last that ended, by their numbers."""
        with self._lock:
            found = [*self._ended, *(job for job in self._running.values() if job is not None)]
            found += [job for waiting in self._waiting.values() for job in waiting]
        return sorted(found, key=lambda job: job.id)

    def pending(self, kind: str, name: str) -> Job | None:
        """The job of this kind and name that runs or waits, or None."""
        return next((j for j in self.jobs if (j.kind, j.name) == (kind, name) and not j.ended), None)

    def before(self, job: Job) -> int:
        """How many jobs come before this one."""
        with self._lock:
            waiting = self._waiting.get(job.kind, ())
            running = self._running.get(job.kind) is not None
            return waiting.index(job) + running if job in waiting else 0

    def withdraw(self, job: Job) -> None:
        """Ends a job that still waits."""
        with self._lock:
            waiting = self._waiting.get(job.kind, deque())
            if job not in waiting:
                return
            waiting.remove(job)
            self._ended.append(job)
        job.end(Cancelled(f"{job.kind} {job.name} was stopped before it began."))
        self._tell_waiting(job.kind)

    def close(self) -> None:
        """Stops everything, and takes no more."""
        with self._lock:
            self._closed = True
        for job in reversed(self.jobs):  # those that wait first, so that none of them begins
            job.cancel()

    def _run(self, kind: str) -> None:
        while True:
            with self._lock:
                if not self._waiting[kind]:
                    del self._running[kind]
                    return
                self._running[kind] = job = self._waiting[kind].popleft()
            self._tell_waiting(kind)
            job.run()
            with self._lock:
                self._running[kind] = None
                self._ended.append(job)
            del job  # the thread holds on to nothing

    def _tell_waiting(self, kind: str) -> None:
        with self._lock:
            moved = list(self._waiting.get(kind, ()))
        for job in moved:
            job.tell_observers()
