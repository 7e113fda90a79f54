"""Searching beside the kernel's own thread: the newest search counts, and each model found is judged."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

import traitlets as t

from gptwidgets.errors import Cancelled, ClosedError
from gptwidgets.kernel.worker import Worker
from gptwidgets.widgets.store.aside import aside, rested
from gptwidgets.widgets.store.plain import plain, rows
from gptwidgets.widgets.store.settings import Settings
from gptwidgets.widgets.wire import in_words

if TYPE_CHECKING:
    from collections.abc import Generator

    import pandas as pd

LOOKED_FOR = (
    "query",
    "source",
    "use_case",
    "language",
    "licence",
    "publisher",
    "max_memory",
    "installed",
    "fits",
    "sort",
    "descending",
    "limit",
)
RESTED = 0.3  # seconds in which nobody types on, before the Hub is asked
VERDICTS_EVERY = 0.15  # seconds: cards fill in a few at a time
VERDICT_KEPT = 60.0  # seconds, after which free memory may be another


class Search:
    """One search: what was asked, and what came of it once `done` is set."""

    def __init__(self, asked: dict[str, Any]) -> None:
        self.asked = asked
        self.done = threading.Event()
        self.frame: pd.DataFrame | None = None
        self.error: BaseException | None = None


class Finding(Settings):
    """The part of the widget that searches, whenever what is looked for changes."""

    def __init__(self, store: Any, **options: Any) -> None:
        self._store = store
        self._seeker = Worker("gptwidgets store search")
        self._search: Search | None = None
        self._last: Search | None = None  # the newest that has ended
        self._seeking: Any = None  # the future of the search
        self._judged: dict[str, tuple[float, dict[str, Any]]] = {}  # name → when, verdict
        super().__init__(**options)

    @property
    def results(self) -> pd.DataFrame:
        """The listings found, one a row; waits for a search that is under way.

        Raises:
            GPTWidgetsError: what went wrong with the search.
        """
        return self._ended(None)

    def wait(self, timeout: float | None = None) -> Self:
        """Waits until the newest search has ended.

        Args:
            timeout: seconds; None waits as long as it takes.

        Returns:
            The widget itself.

        Raises:
            TimeoutError: it takes longer.
            GPTWidgetsError: what went wrong with the search.
        """
        self._ended(timeout)
        return self

    def _ended(self, timeout: float | None) -> Any:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            search = self._search
            # who observes what was found is called by the thread that would be waited for
            if self._seeker.is_current and self._last is not None:
                search = self._last
                break
            if search is None:
                raise ClosedError("This store browser was closed; make a new one.")
            left = 0.2 if end is None else min(0.2, end - time.monotonic())
            if search.done.wait(max(left, 0.0)) and search is self._search:
                break
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"Not ready after {timeout:g} s; shop.wait() waits on.")
        if search.error is not None:
            raise search.error.with_traceback(None)
        return search.frame

    def search(self) -> None:
        """Searches anew, as after a change of the store from elsewhere; returns at once."""
        with self._lock:
            if self._seeker.closed:
                return
            if self._seeking is not None:
                self._seeking.cancel()
            asked = {name: getattr(self, name) for name in LOOKED_FOR}
            before = self._search
            search = self._search = Search(asked)
            self._seeking = self._seeker.submit(lambda: self._seek(search))
            if before is not None and not before.done.is_set():
                before.error = Cancelled("A newer search took the place of this one.")
                before.done.set()
        self._say(status="searching")

    @t.observe(*LOOKED_FOR)
    def _looks_for_more(self, _change: Any) -> None:
        if self._search is not None:  # else the widget is still being made
            self.search()

    # In the searching thread

    def _seek(self, search: Search) -> Generator[None, None, None]:
        yield
        try:
            asked = {name: value for name, value in search.asked.items() if name != "query"}
            if asked["descending"] is None:  # the figure's own sense
                del asked["descending"]
            words = search.asked["query"]
            if asked["source"] == "hub":  # it may hang: the next search does not wait for it
                yield from rested(RESTED)
                found = yield from aside(lambda: self._store.search(words, **asked))
            else:
                found = self._store.search(words, **asked)
            frame = search.frame = found
            told = _as_told(frame, search.asked)
        except Exception as error:
            search.error = error
            self._end(search, status="error", error=in_words(error))
            return
        self._end(search, status="ready", error={}, found=told)
        yield from self._judge(search, [row["name"] for row in told["rows"]])

    def _end(self, search: Search, **values: Any) -> None:
        with self._lock:
            newest = search is self._search  # else somebody types on
            if newest:
                self._last = search
                self._say(**values, notes=plain(list(getattr(self._store, "notes", ()))))
            search.done.set()  # who waits for it finds the traits as they are now
        if not newest:
            return
        self._settled()

    def _judge(self, search: Search, names: list[str]) -> Generator[None, None, None]:
        """Whether each fits here, one a step, so that the next search waits for one only."""
        now = time.monotonic()
        known = {
            name: self._judged[name]
            for name in names
            if name in self._judged and now - self._judged[name][0] < VERDICT_KEPT
        }
        self._judged = known
        told = 0.0
        for name in names:
            if name in known:
                continue
            yield
            known[name] = (time.monotonic(), self._verdict(name))
            if time.monotonic() - told > VERDICTS_EVERY:
                told = time.monotonic()
                self._tell_verdicts(search)
        self._tell_verdicts(search)

    def _tell_verdicts(self, search: Search) -> None:
        with self._lock:
            if search is self._search:
                self._say(verdicts={name: verdict for name, (_, verdict) in self._judged.items()})

    def _verdict(self, name: str) -> dict[str, Any]:
        try:
            fit = self._store.fit(name)
            return plain({part: getattr(fit, part) for part in ("fits", "why", "total", "free")})
        except Exception as error:  # a listing whose size nobody knows yet
            return {"fits": None, "why": in_words(error)["message"], "total": None, "free": None}

    def _settled(self) -> None:
        """A search has ended."""

    # The store has changed

    def _changed(self) -> None:
        """Something of the store is not as it was: what is shown follows."""
        self._judged = {}
        with self._lock:
            self._say(changes=self.changes + 1)
        self.search()

    def close(self) -> None:
        """Takes the widget off all pages and ends its searches; jobs of the store go on."""
        if self.comm is not None:  # else it is closed already, or was never whole
            with self._lock:
                search, self._search = self._search, None
                if search is not None and not search.done.is_set():
                    search.error = Cancelled("The store browser was closed.")
                    search.done.set()
            self._seeker.close(timeout=0)
        super().close()


def _as_told(frame: pd.DataFrame, asked: dict[str, Any]) -> dict[str, Any]:
    """What was found as the page gets it."""
    attrs = frame.attrs
    facets = {
        name: [[plain(value), int(count)] for value, count in _pairs(counted)]
        for name, counted in attrs.get("facets", {}).items()
    }
    return {
        "rows": rows(frame),
        "total": int(attrs.get("total", len(frame))),
        "capped": bool(attrs.get("capped", False)),
        "corrected": plain(attrs.get("corrected")) or "",
        "facets": facets,
        "words": plain(asked["query"]),
        "source": asked["source"],
        "missing": plain(attrs.get("missing", ())),
        "limit": asked["limit"],
    }


def _pairs(counted: Any) -> Any:
    """Value and count of each, of a column or of a list of pairs."""
    return counted.items() if hasattr(counted, "items") else counted
