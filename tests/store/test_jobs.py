from __future__ import annotations

import _thread
import gc
import logging
import threading
import time
import weakref
from types import SimpleNamespace

import pytest

from gptwidgets.errors import Cancelled, ClosedError, InstallError
from gptwidgets.store import jobs
from gptwidgets.store.jobs import Job, Queue
from gptwidgets.store.pace import Pace
from tests.waiting import until


class Gate:
    """Work that goes on until it is let through."""

    def __init__(self, result: object = None):
        self.begun, self.through, self.result = threading.Event(), threading.Event(), result

    def __call__(self, watch):
        self.begun.set()
        while not self.through.wait(0.01):
            watch.stop()
            watch.tell("working", 1, 3, "steps")
        return self.result


@pytest.fixture
def queue():
    made = Queue()
    yield made
    made.close()


def test_installs_queue_in_order_and_know_how_many_are_before_them(queue):
    order: list[str] = []
    gates = {name: Gate() for name in "abc"}
    queued = [queue.submit("install", name, gates[name]) for name in "abc"]
    heard: list[int] = []
    queued[2].observe(lambda job: heard.append(job.position))
    assert gates["a"].begun.wait(20)
    assert [job.state for job in queued] == ["running", "waiting", "waiting"]
    assert [job.position for job in queued] == [0, 1, 2]
    assert not gates["b"].begun.is_set()
    for job in queued:
        job.observe(lambda job: order.append(job.name) if job.state == "done" else None)
    for gate in gates.values():
        gate.through.set()
    queued[2].wait(20)
    assert order == ["a", "b", "c"]
    assert heard == sorted(heard, reverse=True)
    assert (heard[0], heard[-1]) == (2, 0)
    assert [job.id for job in queue.jobs] == [1, 2, 3]


def test_another_kind_does_not_wait_for_an_install(queue):
    install, measure = Gate(), Gate("figures")
    queue.submit("install", "a", install)
    job = queue.submit("measure", "b", measure)
    assert install.begun.wait(20)
    measure.through.set()
    assert job.wait(20).result == "figures"
    assert queue.pending("install", "a") is not None
    assert queue.pending("measure", "b") is None


def test_a_thread_ends_when_nothing_is_left(queue):
    queue.submit("install", "a", lambda _: None).wait(20)
    until(lambda: not any(t.name == "gptwidgets install" for t in threading.enumerate()))
    assert queue.submit("install", "b", lambda _: 2).wait(20).result == 2


def test_cancel_while_it_runs_and_while_it_waits(queue):
    one, two = Gate(), Gate()
    running, waiting = queue.submit("install", "a", one), queue.submit("install", "b", two)
    assert one.begun.wait(20)
    assert waiting.cancel()
    assert waiting.state == "cancelled"
    begun = time.monotonic()
    assert running.cancel()
    with pytest.raises(Cancelled, match=r"^install a was stopped before it was finished\.$"):
        running.wait(20)
    assert time.monotonic() - begun < 0.3
    with pytest.raises(Cancelled, match="before it began"):
        waiting.wait(20)
    assert not two.begun.is_set()
    assert not running.cancel()


def test_wait_raises_the_jobs_own_error_each_time(queue):
    def fail(_watch):
        raise InstallError("The disk is full.")

    job = queue.submit("install", "a", fail)
    for _ in range(2):
        with pytest.raises(InstallError, match=r"^The disk is full\.$"):
            job.wait(20)
    assert (job.state, job.error) == ("failed", "The disk is full.")
    assert repr(job) == "<Job 1: install a, failed (The disk is full.)>"


def test_waiting_has_an_end_and_the_stop_button_cancels(queue):
    gate = Gate()
    job = queue.submit("install", "a", gate)
    with pytest.raises(TimeoutError, match=r"install a goes on"):
        job.wait(0.01)
    assert gate.begun.wait(20)
    threading.Timer(0.05, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        job.wait(20)
    until(lambda: job.state == "cancelled")


def test_progress_is_heard_of_but_not_too_often(queue):
    heard: list[tuple] = []

    def work(watch):
        for n in range(50_001):
            watch.tell("downloading", n, 50_000, "bytes")
        watch.tell("checking", 0, None, "")

    job = queue.submit("install", "a", Gate())  # holds the others back until they are observed
    second = queue.submit("install", "b", work)
    second.observe(lambda job: heard.append((job.state, job.stage, job.done, job.total, job.unit)))
    job.cancel()
    second.wait(20)
    assert heard[0] == ("waiting", "waiting", 0, None, "")
    assert ("running", "downloading", 50_000, 50_000, "bytes") in heard
    assert ("running", "checking", 0, None, "") in heard
    assert heard[-1][0] == "done"
    assert len(heard) < 200


def test_an_observer_that_fails_breaks_nothing_and_can_be_ended(queue, caplog):
    gate, seen = Gate(7), []
    job = queue.submit("install", "a", gate)
    job.observe(lambda _: 1 / 0)
    stop = job.observe(lambda job: seen.append(job.state))
    stop()
    gate.through.set()
    with caplog.at_level(logging.ERROR):
        assert job.wait(20).result == 7
    assert "ZeroDivisionError" in caplog.text
    assert "done" not in seen


def test_a_finished_job_holds_on_to_nothing_of_its_work(queue):
    class Big:
        pass

    big = Big()
    gone = weakref.ref(big)

    def work(_watch, big=big):
        local = big  # in the frame of the error, too
        raise InstallError(f"no {bool(local)}")

    job: Job = queue.submit("install", "a", work)
    del work, big
    with pytest.raises(InstallError):
        job.wait(20)
    gc.collect()
    assert gone() is None


def test_a_closed_queue_stops_everything(queue):
    gates = [Gate(), Gate()]
    queued = [queue.submit("install", str(n), gate) for n, gate in enumerate(gates)]
    assert gates[0].begun.wait(20)
    queue.close()
    until(lambda: all(job.state == "cancelled" for job in queued))
    assert not gates[1].begun.is_set()
    with pytest.raises(ClosedError, match=r"gw\.Store\(\)"):
        queue.submit("install", "a", gates[0])


def test_speed_and_time_left_survive_jumps_and_pauses():
    pace = Pace()
    assert pace.speed(0) is None
    for tick in range(20):
        pace.tell(1000 * tick, tick)
    assert pace.speed(19) == pytest.approx(1000)
    pace.tell(1_019_000, 20)  # a file that was there already
    for tick in range(1, 5):
        pace.tell(1_019_000 + 1000 * tick, 20 + tick)
    assert pace.speed(24) == pytest.approx(1000)
    assert pace.left(1_033_000, 24) == pytest.approx(10)
    assert pace.speed(60) < 100  # nothing was heard for long: it is slow now
    assert pace.left(None, 24) is None
    pace.tell(5, 61)  # it begins anew
    assert pace.speed(61) is None


def test_a_running_job_has_speed_and_time_left(queue, monkeypatch):
    clock, gate = [0.0], Gate()
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def work(watch):
        for n in range(11):
            clock[0] = float(n)
            watch.tell("downloading", 100 * n, 10_000, "bytes")
        gate.begun.set()
        assert gate.through.wait(20)

    job = queue.submit("install", "a", work)
    assert gate.begun.wait(20)
    assert job.speed == pytest.approx(100)
    assert job.left_s == pytest.approx(90)
    gate.through.set()
    job.wait(20)
    assert (job.speed, job.left_s) == (None, None)
