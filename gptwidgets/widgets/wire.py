"""The wire between a widget in Python and its pages: requests, replies, cancels and events.

    browser → kernel   {type: "request", id, kind, …} + buffers,  {type: "cancel", id}
                       {type: "heard", client}: the page has got the "aside"
    kernel → browser   {type: "reply", id, ok: true, done, …} + buffers
                       {type: "reply", id, ok: false, error: {type, message}}
                       {type: "event", kind, seq, …} + buffers
                       {type: "aside", client}: said by a thread; see outbox.py

Every request is answered, an exception too. A message from the browser only starts a job on a worker
thread or sets a flag, and returns within milliseconds: all widgets of a kernel share the thread that
hears them, and a slow callback would freeze every Stop button. Events are numbered; a page that sees
a gap asks for what is missing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from gptwidgets.errors import Cancelled, GPTWidgetsError, OutOfMemory
from gptwidgets.widgets.outbox import Outbox
from gptwidgets.widgets.values import whole

if TYPE_CHECKING:
    from gptwidgets.kernel.worker import CancelToken, JobFuture, Worker

VERSION = 1
EVENTS_KEPT = 64
SOON = 0.003  # seconds

log = logging.getLogger("gptwidgets")


@dataclass(frozen=True)
class Reply:
    """What is sent back: fields of the message and binary buffers."""

    content: Mapping[str, Any] = field(default_factory=dict)
    buffers: Sequence[bytes | memoryview] = ()


Steps: TypeAlias = Generator[Reply | None, None, Reply]
"""A job in short steps: yields parts of the answer (or None, to let others pass), returns the last part."""


@dataclass(frozen=True)
class Task:
    """A request that takes time: its steps, the thread to take them on, and how urgent they are.

    Attributes:
        steps: makes the generator; called on the worker's thread.
        worker: whose thread it is.
        priority: the highest number goes first.
        after: a future that must have ended before the steps begin, or None.
        soon: a hand waits for it, and it is quick: the message is answered within the callback where that
            takes at most `SOON`, before the kernel has more to say.
        token: a flag that a long step looks at itself, so that it ends when the request is cancelled.
    """

    steps: Callable[[], Steps]
    worker: Worker
    priority: int = 0
    after: Future[Any] | None = None
    soon: bool = False
    token: CancelToken | None = None


Handler: TypeAlias = Callable[[dict[str, Any], Sequence[memoryview]], Reply | Task]


class _Request(dict[str, Any]):
    """What a page asks, which says so itself where a part of it is missing."""

    def __missing__(self, name: str) -> Any:
        raise ValueError(f"The request lacks '{name}'.")


class Wire:
    """The Python end of the wire.

    Args:
        send: sends a message with buffers to all pages, from any thread.
        handlers: for each kind of request what answers it. Returns at once: a Reply, or a Task.
        resend: sends again what a thread has sent past the wire, and returns how much that was.
    """

    def __init__(
        self,
        send: Callable[..., object],
        handlers: Mapping[str, Handler],
        resend: Callable[[], int] = lambda: 0,
    ) -> None:
        self._post = send
        self._resend = resend
        self.outbox = Outbox()
        own: dict[str, Handler] = {"missing": self._on_missing, "poll": self._on_poll}
        self._handlers: dict[str, Handler] = {**own, **handlers}
        self._running: dict[str, JobFuture[Reply]] = {}
        self._waiting: set[str] = set()  # requests whose record is being made
        self._events: deque[tuple[dict[str, Any], Sequence[bytes]]] = deque(maxlen=EVENTS_KEPT)
        self.seq = 0  # the number of the last event

    # From the browser

    def hear(self, _widget: object, content: object, buffers: Sequence[memoryview]) -> None:
        """Takes a message from a page; returns within milliseconds."""
        if not isinstance(content, dict):
            return
        name = str(content.get("id", ""))
        with self.outbox.answering():
            if content.get("type") == "cancel":
                self._cancel(name)
            elif content.get("type") == "heard":
                self.outbox.heard(str(content.get("client")))
            elif content.get("type") == "request":
                self._request(name, content, buffers or ())
                if content.get("kind") == "hello" and "client" in content:
                    self._say_aside(str(content["client"]))

    def _request(self, name: str, content: dict[str, Any], buffers: Sequence[memoryview]) -> None:
        kind, content = content.get("kind"), _Request(content)
        try:
            handler = self._handlers.get(str(kind))
            if handler is None:
                raise ValueError(f"This widget does not know requests of the kind '{kind}'.")  # noqa: TRY301
            answer = handler(content, buffers)
            if isinstance(answer, Task):
                self._begin(name, answer)
            else:
                self._reply(name, answer, done=True)
        except Exception as error:
            self._refuse(name, error)

    def _begin(self, name: str, task: Task) -> None:
        if task.after is None or task.after.done():
            self._submit(name, task)
            return

        self._waiting.add(name)

        def go_on(_future: object) -> None:
            if name not in self._waiting:
                return  # cancelled, and answered, meanwhile
            self._waiting.discard(name)
            try:
                self._submit(name, task)
            except Exception as error:
                self._refuse(name, error)

        task.after.add_done_callback(go_on)

    def _submit(self, name: str, task: Task) -> None:
        def steps() -> Generator[None, None, Reply]:
            answer = task.steps()
            try:
                while True:
                    part = next(answer)
                    if part is not None:
                        self._reply(name, part, done=False)
                    yield
            except StopIteration as stop:
                return stop.value
            finally:
                answer.close()

        future = task.worker.submit(steps, priority=task.priority, token=task.token)
        self._running[name] = future
        future.add_done_callback(lambda ended: self._ended(name, ended))
        if task.soon:
            wait([future], SOON)

    def _ended(self, name: str, future: Future[Reply]) -> None:
        self._running.pop(name, None)
        error = future.exception()
        if error is None:
            self._reply(name, future.result(), done=True)
        else:
            self._refuse(name, error)

    def _cancel(self, name: str) -> None:
        future = self._running.get(name)
        if future is not None:
            future.cancel()
        elif name in self._waiting:
            self._waiting.discard(name)
            self._refuse(name, Cancelled("Stopped before it began."))

    def cancel_all(self) -> None:
        """Stops every request that is being worked on; each is answered by "Cancelled"."""
        for future in list(self._running.values()):
            future.cancel()

    # To the browser

    def _send(self, content: Mapping[str, Any], buffers: Sequence[bytes | memoryview] = ()) -> None:
        self._post(content, buffers=buffers)
        if self.outbox.aside():
            self.outbox.keep(content, buffers)

    def _say_aside(self, client: str) -> None:
        self.outbox.greeted(client)
        message = {"type": "aside", "client": client}
        threading.Thread(target=self._post, args=(message,), daemon=True).start()

    def _on_poll(self, request: dict[str, Any], _buffers: Sequence[memoryview]) -> Reply:
        """Within the answer, what threads have said since the page last asked."""
        self.outbox.greeted(str(request["client"]))
        kept = self.outbox.take()
        for content, buffers in kept:
            self._post(content, buffers=buffers)
        return Reply({"sent": len(kept) + self._resend()})

    def _reply(self, name: str, reply: Reply, *, done: bool) -> None:
        message = {"type": "reply", "id": name, "ok": True, "done": done, **reply.content}
        self._send(message, buffers=list(reply.buffers))

    def _refuse(self, name: str, error: BaseException) -> None:
        self._send({"type": "reply", "id": name, "ok": False, "done": True, "error": in_words(error)})

    def tell(
        self, kind: str, content: Mapping[str, Any] | None = None, buffers: Sequence[bytes] = ()
    ) -> None:
        """Sends an event to all pages and keeps it for those that missed it."""
        self.seq += 1
        message = {"type": "event", "kind": kind, "seq": self.seq, **(content or {})}
        self._events.append((message, buffers))
        self._send(message, buffers=list(buffers))

    def _on_missing(self, request: dict[str, Any], _buffers: Sequence[memoryview]) -> Reply:
        first, last = (whole(request[name], f"'{name}'") for name in ("from", "to"))
        for message, buffers in list(self._events):
            if first <= message["seq"] <= last:
                self._send(message, buffers=list(buffers))
        return Reply({"seq": self.seq})


def in_words(error: BaseException) -> dict[str, str]:
    """An exception as the browser gets it: the class's name and a sentence.

    Args:
        error: any exception. What no part of this package raised on purpose is logged with its traceback.

    Returns:
        {"type": …, "message": …}
    """
    error = plain(error)
    if isinstance(error, GPTWidgetsError | IndexError | TypeError | ValueError):
        message = str(error.args[0]) if error.args else str(error)
    else:
        log.error("A job of a widget failed", exc_info=error)
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return {"type": type(error).__name__, "message": message.encode("utf-8", "replace").decode()}


def plain(error: BaseException) -> BaseException:
    """Gives running out of memory one name, whether it was on the GPU, in torch or in Python.

    Args:
        error: any exception.

    Returns:
        An OutOfMemory, or the error itself.
    """
    if isinstance(error, OutOfMemory):
        return error
    text = str(error).lower()
    torch_says = isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )
    if torch_says or (isinstance(error, MemoryError) and not isinstance(error, GPTWidgetsError)):
        return OutOfMemory("Memory ran out. What had been begun was dropped; a shorter text needs less.")
    return error
