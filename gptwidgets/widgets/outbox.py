"""What a page may not have got, because its host drops what a kernel says by itself.

Some hosts (Colab) show only what is sent while a cell runs or while a message of the page is being answered;
what a thread says goes nowhere. Which host it is shows itself: after each greeting one message, "aside",
comes from a thread. A page that hears it says so ("heard"), and nothing is kept for it. One that does not
asks from time to time ("poll"), and is sent then, within the answer, what was kept.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

Message: TypeAlias = tuple[Mapping[str, Any], Sequence[bytes | memoryview]]

MOST = 512  # messages
MOST_BYTES = 32 << 20


class Outbox:
    """Keeps what threads say, as long as there is a page that has not said that it hears them.

    >>> outbox = Outbox()
    >>> outbox.greeted("page")
    >>> outbox.keep({"type": "event"}, [b"1234"])
    >>> outbox.take()
    [({'type': 'event'}, [b'1234'])]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: set[str] = set()  # that may be deaf
        self._kept: deque[Message] = deque()
        self._bytes = 0
        self._here = threading.local()

    @contextmanager
    def answering(self) -> Generator[None]:
        """Marks that this thread answers a message of a page: what it says reaches the page in every host."""
        self._here.answers = True
        try:
            yield
        finally:
            self._here.answers = False

    def aside(self) -> bool:
        """Whether this thread speaks by itself: neither for a cell nor for a message of a page."""
        answers = getattr(self._here, "answers", False)
        return not answers and threading.current_thread() is not threading.main_thread()

    def greeted(self, page: str) -> None:
        """A page is there, and nobody knows yet what it hears."""
        with self._lock:
            self._pages.add(page)

    def heard(self, page: str) -> None:
        """A page hears threads, too."""
        with self._lock:
            self._pages.discard(page)
            if not self._pages:
                self._clear()

    def keep(self, content: Mapping[str, Any], buffers: Sequence[bytes | memoryview]) -> None:
        """Keeps a message where a page may need it; the oldest ones go where there are too many."""
        with self._lock:
            if not self._pages:
                return
            self._kept.append((content, buffers))
            self._bytes += _size(buffers)
            while len(self._kept) > MOST or (self._bytes > MOST_BYTES and len(self._kept) > 1):
                self._bytes -= _size(self._kept.popleft()[1])

    def take(self) -> list[Message]:
        """Returns what was kept, in order, and forgets it."""
        with self._lock:
            kept = list(self._kept)
            self._clear()
            return kept

    def _clear(self) -> None:
        self._kept.clear()
        self._bytes = 0


def _size(buffers: Sequence[bytes | memoryview]) -> int:
    return sum(memoryview(buffer).nbytes for buffer in buffers)
