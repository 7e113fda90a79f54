from __future__ import annotations

import threading

import pytest

from gptwidgets.errors import OutOfMemory, TextError
from gptwidgets.kernel.worker import Worker
from gptwidgets.widgets.wire import EVENTS_KEPT, Reply, Task, Wire, in_words, plain
from tests.waiting import until


class Line:
    """A wire with its messages kept."""

    def __init__(self, **handlers):
        self.sent = []
        self.wire = Wire(lambda content, buffers=(): self.sent.append((content, buffers)), handlers)

    def ask(self, name, kind, **fields):
        self.wire.hear(None, {"type": "request", "id": name, "kind": kind, **fields}, [])

    def wait(self, count):
        until(lambda: len(self.sent) >= count)
        return [content for content, _ in self.sent]


@pytest.fixture
def worker():
    made = Worker("test")
    yield made
    made.close()


def test_a_quick_request_is_answered_at_once():
    line = Line(add=lambda request, _: Reply({"sum": request["a"] + request["b"]}, [b"xyz"]))
    line.ask("1", "add", a=1, b=2)
    assert line.sent == [({"type": "reply", "id": "1", "ok": True, "done": True, "sum": 3}, [b"xyz"])]


@pytest.mark.parametrize("kind", ["nonsense", "fail", "lacks"])
def test_what_fails_is_answered_in_words(kind):
    def fail(*_):
        raise TextError("This is why.")

    line = Line(fail=fail, lacks=lambda request, _: request["there"])
    line.ask("1", kind)
    reply = line.sent[0][0]
    assert reply["ok"] is False
    assert {"nonsense": "nonsense", "fail": "This is why.", "lacks": "there"}[kind] in reply["error"][
        "message"
    ]


def test_a_job_answers_in_parts_and_errors_of_its_own_too(worker):
    def parts():
        yield Reply({"n": 1})
        yield None
        yield Reply({"n": 2})
        return Reply({"n": 3})

    def broken():
        yield Reply({"n": 1})
        raise ZeroDivisionError("nothing to divide by")

    line = Line(go=lambda *_: Task(parts, worker), broken=lambda *_: Task(broken, worker))
    line.ask("1", "go")
    assert [(reply["n"], reply["done"]) for reply in line.wait(3)] == [(1, False), (2, False), (3, True)]
    line.ask("2", "broken")
    assert line.wait(5)[-1]["error"] == {
        "type": "ZeroDivisionError",
        "message": "ZeroDivisionError: nothing to divide by",
    }


def test_an_answer_that_should_come_soon_holds_nobody_up_when_it_does_not(worker):
    go = threading.Event()

    def slow():
        go.wait()
        return Reply({"n": 1})
        yield

    line = Line(slow=lambda *_: Task(slow, worker, soon=True))
    line.ask("1", "slow")
    assert line.sent == []
    go.set()
    assert line.wait(1)[0]["n"] == 1


def test_a_cancelled_job_stops_and_says_so(worker):
    begun, ended = threading.Event(), threading.Event()

    def forever():
        try:
            while True:
                begun.set()
                yield None
        finally:
            ended.set()

    line = Line(go=lambda *_: Task(forever, worker))
    line.ask("1", "go")
    assert begun.wait(5)
    line.wire.hear(None, {"type": "cancel", "id": "1"}, [])
    assert ended.wait(5)
    assert line.wait(1)[0]["error"]["type"] == "Cancelled"
    line.wire.hear(None, {"type": "cancel", "id": "1"}, [])  # again, and one that never was
    line.wire.hear(None, {"type": "cancel", "id": "other"}, [])
    assert len(line.sent) == 1


def test_cancelled_before_it_began_it_is_answered_as_well(worker):
    gate = threading.Event()
    worker.submit(gate.wait)
    line = Line(go=lambda *_: Task(lambda: iter(()), worker))
    line.ask("1", "go")
    line.wire.hear(None, {"type": "cancel", "id": "1"}, [])
    gate.set()
    assert line.wait(1)[0]["error"]["type"] == "Cancelled"


def test_a_job_can_wait_for_another_and_be_cancelled_meanwhile(worker):
    def job():
        return Reply({"n": 1})
        yield

    gate = threading.Event()
    first = worker.submit(gate.wait)
    line = Line(go=lambda *_: Task(job, worker, after=first))
    line.ask("1", "go")
    line.ask("2", "go")
    line.wire.hear(None, {"type": "cancel", "id": "1"}, [])
    assert line.wait(1)[0]["error"]["type"] == "Cancelled"
    gate.set()
    assert line.wait(2)[1] == {"type": "reply", "id": "2", "ok": True, "done": True, "n": 1}


def test_a_closed_worker_is_answered_too(worker):
    worker.close()
    line = Line(go=lambda *_: Task(lambda: iter(()), worker))
    line.ask("1", "go")
    assert line.sent[0][0]["error"]["type"] == "ClosedError"


def test_events_are_numbered_and_can_be_had_again():
    line = Line()
    for n in range(EVENTS_KEPT + 3):
        line.wire.tell("tick", {"n": n}, [bytes([n])])
    sent = list(line.sent)
    assert [content["seq"] for content, _ in sent] == list(range(1, EVENTS_KEPT + 4))
    line.sent.clear()
    line.ask("1", "missing", **{"from": 10, "to": 12})
    assert line.sent[:-1] == sent[9:12]
    assert line.sent[-1][0]["seq"] == EVENTS_KEPT + 3


def test_nonsense_on_the_wire_is_not_answered_and_does_no_harm():
    line = Line()
    for content in (None, 3, [], {}, {"type": "reply", "id": "x"}):
        line.wire.hear(None, content, [])
    assert line.sent == []


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 3 GiB"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"
        ),
    ],
)
def test_memory_that_ran_out_has_one_name(error):
    assert isinstance(plain(error), OutOfMemory)
    assert in_words(error)["type"] == "OutOfMemory"
    assert "shorter text" in in_words(error)["message"]


def test_a_message_that_no_wire_can_carry_is_made_to_fit():
    assert in_words(ValueError("half \ud800"))["message"] == "half ?"
