"""A thread that works through jobs in order of priority, one step at a time.

A job is a callable, or a generator function whose steps are short. Between two steps the worker
looks around: the job of the highest priority goes on, a cancelled one is closed. So a hover never
waits behind a long tile, and Stop takes effect within one step.
"""

from __future__ import annotations

import atexit
import heapq
import inspect
import threading
import time
import weakref
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from gptwidgets.errors import Cancelled, ClosedError
from gptwidgets.kernel import threads
from gptwidgets.kernel.forgetting import forget_frames

T = TypeVar("T")
LAST_STEP = 10.0  # seconds that Python's end waits for the steps that still run


@dataclass(frozen=True)
class Report:
    """How far a long piece of work has come.

    Attributes:
        stage: a short phrase that a person reads: "downloading", "converting", "loading", "recording".
        done: how much is done, in `unit`.
        total: how much there is, or None where nobody knows.
        unit: "bytes", "tokens", "tensors" …; "" for a plain fraction.
    """

    stage: str
    done: float
    total: float | None = None
    unit: str = ""


Progress = Callable[[Report], None]


class CancelToken:
    """A flag that says "stop", set from one thread and looked at in another.

    Example:
        >>> token = CancelToken()
        >>> token.cancel()
        >>> token.cancelled
        True
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Asks the work to stop at its next look at the flag."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """True once `cancel()` was called."""
        return self._event.is_set()

    def check(self) -> None:
        """Raises Cancelled once `cancel()` was called."""
        if self.cancelled:
            raise Cancelled("Stopped before it was finished.")


class JobFuture(Future[T]):
    """The answer of a job. Unlike a plain Future it can be cancelled while it runs."""

    def __init__(self, token: CancelToken) -> None:
        super().__init__()
        self.token = token

    def cancel(self) -> bool:
        """Asks the job to stop: at once where it waits, at its next step where it runs.

        Returns:
            False where the job was already finished. A stopped job raises Cancelled in `result()`.
        """
        self.token.cancel()
        return super().cancel() or not self.done()

    def result(self, timeout: float | None = None) -> T:
        """Waits for the answer; Ctrl-C (or the notebook's stop button) while waiting cancels the job."""
        try:
            return super().result(timeout)
        except CancelledError:
            raise Cancelled("Stopped before it began.") from None
        except KeyboardInterrupt:
            self.cancel()
            raise

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Waits for the job's end and returns what it raised, or None."""
        try:
            return super().exception(timeout)
        except CancelledError:
            return Cancelled("Stopped before it began.")


class _Job(Generic[T]):
    """A started or waiting job; the heap orders jobs by priority, then by age."""

    def __init__(self, work: Callable[[], Any], priority: int, age: int, future: JobFuture[T]) -> None:
        self.key = (-priority, age)
        self.future = future
        self._work: Callable[[], Any] | None = work
        self._steps: Iterator[Any] = iter(())

    def __lt__(self, other: _Job[Any]) -> bool:
        return self.key < other.key

    def step(self) -> bool:
        """One step; True where there are more to come. Never raises: errors go to the future."""
        try:
            if self._work is not None:  # not begun yet
                work, self._work = self._work, None
                if not self.future.set_running_or_notify_cancel():
                    return False
                self.future.token.check()
                made = work()
                if not inspect.isgenerator(made):
                    self._finish(made)
                    return False
                self._steps = made
            self.future.token.check()
            next(self._steps)
        except StopIteration as stop:
            self._finish(stop.value)
            return False
        except BaseException as error:
            self._fail(error)
            return False
        return True

    def _fail(self, error: BaseException) -> None:
        steps, self._steps = self._steps, iter(())
        if isinstance(steps, Generator):
            try:
                steps.close()
            except Exception as closing:
                forget_frames(closing)
        if error.__traceback__ is not None:
            error.__traceback__ = error.__traceback__.tb_next  # the frame of `step` would pin the job
        forget_frames(error)
        self.future.set_exception(error)

    def _finish(self, value: T) -> None:
        self._steps = iter(())
        self.future.set_result(value)


class _Queue:
    """What the thread and the Worker share. The thread knows only this, so it pins no Worker and no model."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: list[_Job[Any]] = []
        self.running: _Job[Any] | None = None
        self.closed = False
        self.thread: threading.Thread | None = None

    def close(self) -> None:
        with self.changed:
            self.closed = True
            for job in [*self.waiting, *([self.running] if self.running else [])]:
                job.future.token.cancel()
            self.changed.notify_all()

    def run(self) -> None:
        while True:
            with self.changed:
                while not self.waiting and not self.closed:
                    threads.release()  # who computes next, wherever it is, has all processors
                    self.changed.wait()
                if not self.waiting:
                    return
                self.running = job = heapq.heappop(self.waiting)
            more = job.step()
            with self.changed:
                self.running = None
                if more:
                    heapq.heappush(self.waiting, job)
            del job  # an idle worker holds on to nothing


_queues: weakref.WeakSet[_Queue] = weakref.WeakSet()


@atexit.register
def _end() -> None:
    """Stops every worker before Python ends: a thread that dies inside torch takes the process down."""
    queues = list(_queues)
    for queue in queues:
        queue.close()
    until = time.monotonic() + LAST_STEP
    for queue in queues:
        if queue.thread is not None:
            queue.thread.join(max(0.0, until - time.monotonic()))


class Worker:
    """One daemon thread and its queue of jobs.

    Example:
        >>> worker = Worker("example")
        >>> worker.submit(lambda: 6 * 7).result()
        42
        >>> worker.close()
        True
    """

    def __init__(self, name: str = "gptwidgets") -> None:
        self.name = name
        self._age = 0
        self._queue = _Queue()
        _queues.add(self._queue)
        self._finalizer = weakref.finalize(self, self._queue.close)

    def submit(
        self,
        job: Callable[[], Generator[Any, None, T]] | Callable[[], T],
        *,
        priority: int = 0,
        token: CancelToken | None = None,
    ) -> JobFuture[T]:
        """Puts a job in the queue.

        Args:
            job: a callable without arguments. Where it returns a generator (a generator function), this is
                advanced one `next()` at a time and its return value is the answer.
            priority: the job of the highest number goes on first; equal ones in the order of submission.
            token: a flag that the job itself looks at, too; by default one of its own (`future.token`).

        Returns:
            The future answer. Exceptions of the job appear in it.

        Raises:
            ClosedError: after `close()`.
        """
        future: JobFuture[T] = JobFuture(token or CancelToken())
        threads.release()
        with self._queue.changed:
            if self._queue.closed:
                raise ClosedError("This model is closed; load it again with gw.load().")
            self._age += 1
            heapq.heappush(self._queue.waiting, _Job(job, priority, self._age, future))
            if self._queue.thread is None:
                self._queue.thread = threading.Thread(target=self._queue.run, name=self.name, daemon=True)
                self._queue.thread.start()
            self._queue.changed.notify()
        return future

    @property
    def closed(self) -> bool:
        """True once `close()` was called."""
        return self._queue.closed

    @property
    def waiting(self) -> int:
        """How many jobs wait, besides the one that runs."""
        return len(self._queue.waiting)

    @property
    def busy(self) -> bool:
        """True while there is any job."""
        return self._queue.running is not None or bool(self._queue.waiting)

    @property
    def is_current(self) -> bool:
        """True where the caller itself runs on this worker's thread."""
        return threading.current_thread() is self._queue.thread

    def close(self, timeout: float = 30.0) -> bool:
        """Cancels every job, waits for the running step to end, and ends the thread.

        Args:
            timeout: seconds to wait for the running step.

        Returns:
            True where the thread has ended, False where it was still in a step (or is the caller's own).
        """
        self._queue.close()
        thread = self._queue.thread
        if thread is None:
            return True
        if not self.is_current:
            thread.join(timeout)
        return not thread.is_alive()
