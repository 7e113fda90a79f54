"""Waiting for a server without being held by it: a thread reads, and whoever waits can be told to stop."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from gptwidgets.errors import Cancelled
from gptwidgets.kernel.worker import CancelToken

LOOK = 0.05  # seconds between two looks at the flag while nothing comes; what comes is taken at once


class Pump:
    """The items of something slow, read on a thread of its own, which ends with them.

    Args:
        begin: called on the thread; what it returns is iterated over, and closed where it has `close`.
        name: of the thread.

    Example:
        >>> list(Pump(lambda: [1, 2], "example").items(None))
        [1, 2]
    """

    def __init__(self, begin: Callable[[], Iterable[Any]], name: str) -> None:
        self._queue: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._source: Any = None
        self._begin = begin
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        failed: BaseException | None = None
        try:
            source = self._source = self._begin()
            if not self._closed.is_set():
                for item in source:
                    if self._closed.is_set():
                        break
                    self._queue.put(("item", item))
        except BaseException as error:
            failed = error.with_traceback(None)
        finally:
            with suppress(Exception):
                if hasattr(self._source, "close"):
                    self._source.close()
        self._queue.put(("end", failed))

    def items(self, cancel: CancelToken | None) -> Iterator[Any]:
        """What comes, as it comes.

        Raises:
            Cancelled: the flag was set, or the pump closed; at once, even where nothing comes.
        """
        while True:
            if cancel is not None:
                cancel.check()
            try:
                kind, item = self._queue.get(timeout=LOOK)
            except queue.Empty:
                if self._closed.is_set():
                    raise Cancelled("Stopped before it was finished.") from None
                continue
            if kind == "item":
                yield item
                continue
            if self._closed.is_set():
                raise Cancelled("Stopped before it was finished.")
            if item is not None:
                raise item
            return

    def close(self) -> None:
        """Ends the reading: breaks the connection; the thread then ends by itself. Twice does nothing."""
        if not self._closed.is_set():
            self._closed.set()
            if hasattr(self._source, "abort"):
                self._source.abort()


def waited(call: Callable[[], Any], cancel: CancelToken | None, name: str) -> Any:
    """The answer of a slow call, or Cancelled as soon as the flag is set.

    Example:
        >>> waited(lambda: 42, None, "example")
        42
    """
    return next(Pump(lambda: [call()], name).items(cancel))
