from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from functools import partial

import pytest

from gptwidgets.errors import Cancelled, ClosedError
from gptwidgets.kernel.progress import progress_bar
from gptwidgets.kernel.worker import CancelToken, JobFuture, Report, Worker
from tests.waiting import until


@pytest.fixture
def worker():
    made = Worker("test")
    yield made
    made.close(timeout=5)


def hold(worker: Worker) -> threading.Event:
    """Keeps the worker busy until the event is set, so that jobs can pile up behind it."""
    go, started = threading.Event(), threading.Event()

    def job() -> None:
        started.set()
        go.wait(20)

    worker.submit(job, priority=99)
    started.wait(5)
    return go


def test_a_callable_and_a_generator_give_their_answers(worker):
    def steps():
        yield
        yield
        return "both"

    assert worker.submit(lambda: 42).result(5) == 42
    assert worker.submit(steps).result(5) == "both"


def test_the_highest_priority_goes_first_and_equals_in_order(worker):
    done: list[str] = []
    go = hold(worker)
    jobs = [("a", 0), ("b", 5), ("c", 0), ("d", 9)]
    futures = [worker.submit(lambda name=name: done.append(name), priority=p) for name, p in jobs]
    go.set()
    for future in futures:
        future.result(5)
    assert done == ["d", "b", "a", "c"]


def test_a_hover_overtakes_a_long_job_between_its_steps(worker):
    done: list[str] = []
    begun, hovered = threading.Event(), threading.Event()

    def long():
        for i in range(3):
            done.append(f"step {i}")
            begun.set()
            hovered.wait(5)
            yield

    future = worker.submit(long)
    assert begun.wait(5)
    hover = worker.submit(lambda: done.append("hover"), priority=1)
    hovered.set()
    hover.result(5)
    future.result(5)
    assert done == ["step 0", "hover", "step 1", "step 2"]


def test_an_exception_lands_in_the_future_and_the_next_job_runs(worker):
    def bad():
        yield
        raise KeyError("lost")

    future = worker.submit(bad)
    with pytest.raises(KeyError, match="lost"):
        future.result(5)
    assert worker.submit(lambda: 1).result(5) == 1


def test_cancel_stops_a_running_generator_and_closes_it(worker):
    closed, started = threading.Event(), threading.Event()

    def endless():
        try:
            while True:
                started.set()
                yield
        finally:
            closed.set()

    future = worker.submit(endless)
    started.wait(5)
    assert future.cancel()
    with pytest.raises(Cancelled):
        future.result(5)
    assert closed.wait(5)
    assert not future.cancel()  # it is over


def test_cancel_of_a_waiting_job_is_immediate(worker):
    go = hold(worker)
    ran: list[int] = []
    future = worker.submit(lambda: ran.append(1))
    future.cancel()
    assert isinstance(future.exception(0), Cancelled)
    go.set()
    worker.submit(lambda: None).result(5)
    assert ran == []


def test_a_token_stops_a_job_that_looks_at_it(worker):
    token, started = CancelToken(), threading.Event()

    def job():
        started.set()
        token._event.wait(5)
        token.check()

    future = worker.submit(job, token=token)
    started.wait(5)
    token.cancel()
    with pytest.raises(Cancelled):
        future.result(5)


def test_an_interrupt_while_waiting_cancels_the_job(worker, monkeypatch):
    started = threading.Event()

    def endless():
        while True:
            started.set()
            yield

    future = worker.submit(endless)
    started.wait(5)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("concurrent.futures.Future.result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        future.result()
    monkeypatch.undo()
    with pytest.raises(Cancelled):
        future.result(5)


def test_close_cancels_what_runs_and_what_waits_and_ends_the_thread(worker):
    go = hold(worker)
    waiting = worker.submit(lambda: 1)
    threading.Thread(target=lambda: (until(lambda: worker.closed), go.set())).start()
    assert worker.close(5)
    assert worker.close(5)
    with pytest.raises(Cancelled):
        waiting.result(5)
    with pytest.raises(ClosedError, match="closed"):
        worker.submit(lambda: 1)


def test_close_from_a_job_of_its_own_does_not_deadlock(worker):
    assert worker.submit(lambda: worker.close(5)).result(5) is False
    assert worker.closed


def test_at_pythons_end_jobs_are_stopped_and_their_threads_end():
    """A daemon thread that is inside torch when Python ends would abort the process."""
    script = """
import threading
from gptwidgets.kernel.worker import Worker

began = threading.Event()

def endless():
    try:
        while True:
            began.set()
            yield
    finally:
        print("stopped", flush=True)

worker = Worker()
worker.submit(endless)
began.wait()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("stopped\n", "")


class Model:
    pass


def test_a_forgotten_worker_ends_its_thread():
    worker = Worker("forgotten")
    worker.submit(lambda: None).result(5)
    thread = worker._queue.thread
    del worker
    gc.collect()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("fails", [False, True])
def test_a_finished_job_pins_nothing(worker, fails):
    def job(model: Model):
        yield
        if fails:
            raise ValueError(f"with {type(model).__name__} in a frame")

    made = Model()
    seen = weakref.ref(made)
    future: JobFuture[None] = worker.submit(partial(job, made))
    assert isinstance(future.exception(5), ValueError if fails else type(None))
    del made
    until(lambda: gc.collect() >= 0 and seen() is None)  # the thread lets go a moment after the answer


def test_progress_takes_a_callable_false_or_nothing(capsys):
    seen: list[Report] = []
    with progress_bar(seen.append) as show:
        show(Report("loading", 1, 2))
    assert seen == [Report("loading", 1, 2)]
    with progress_bar(False) as show:
        show(Report("loading", 1, 2))
    with progress_bar(None) as show:  # over in less than a second: no bar
        show(Report("loading", 1, 2))
    assert capsys.readouterr().err == ""


def test_a_bar_appears_for_what_takes_long(capsys):
    with progress_bar(None, after=0) as show:
        show(Report("downloading", 5, 10, "bytes"))
        show(Report("converting", 1, None, "tensors"))
    said = capsys.readouterr().err
    assert "downloading:  50%" in said
    assert "converting: 1 tensors" in said
