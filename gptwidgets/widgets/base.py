"""What all widgets of this package share: the front end, careful traits, and the wire.

Traits are not thread-safe. Whatever a worker thread has to tell is set in one place, `_publish`, under
one lock and as one message; everything else is set by the user's thread or the browser.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t
from traitlets import HasTraits

from gptwidgets.errors import GPTWidgetsError, NotBuiltError
from gptwidgets.widgets.wire import Handler, Wire

STATIC = Path(__file__).parent.parent / "static"


@cache
def front_end(name: str) -> tuple[str, str]:
    """Reads a widget's built front end.

    Args:
        name: the widget's short name, such as "heatmap".

    Returns:
        JavaScript (an ES module) and CSS.

    Raises:
        NotBuiltError: the front end was not built in this clone.
    """
    try:
        return tuple((STATIC / f"{name}.{kind}").read_text("utf-8") for kind in ("js", "css"))  # type: ignore[return-value]
    except FileNotFoundError:
        raise NotBuiltError(
            "The front end of the widgets was not built in this copy of gptwidgets: run `make lab` in its "
            "folder (or `pip install .`), then restart the kernel."
        ) from None


def told(trait: t.TraitType[Any, Any]) -> Any:
    """Marks a trait that only this package writes: neither the user nor the browser may."""
    trait.read_only = True
    return trait.tag(sync=True, status=True)


def hear_where_sent(comm: Any) -> None:
    """Lets the browser's messages run where it sends them: on a subshell, beside the cell that runs.

    ipykernel 7.4 sends them instead to where the comm last spoke from. That is the main shell for all that a
    thread of ours tells during a cell, and a Stop would wait for the end of the cell that it should stop.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda _data, sent: sent


class BaseWidget(anywidget.AnyWidget):
    """An anywidget with read-only status traits, unknown keywords refused, and the request layer.

    A subclass names its front end in `_name` and lists its requests in `_requests()`.
    """

    _name = ""
    _view_count = t.Int(0, allow_none=True, help="How many views the browser shows.").tag(sync=True)

    def __init__(self, **options: Any) -> None:
        known = {name for name in self.trait_names(sync=True) if not name.startswith("_")}
        known -= set(self.trait_names(status=True))
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"; did you mean '{near[0]}'?" if near else "."
                raise TypeError(f"{type(self).__name__} has no option '{name}'{hint}")
        self._lock = threading.RLock()
        self._unheard: set[str] = set()  # traits that a thread has sent, which some hosts drop
        self._hearer: int | None = None  # the thread in which the browser's wishes are taken
        self._speaker: int | None = None  # the thread in which this class itself sets traits
        self._esm, self._css = front_end(self._name)
        super().__init__(**options)
        hear_where_sent(self.comm)
        self._wire = Wire(self._send_custom, self._requests(), self._send_unheard)
        self.on_msg(self._wire.hear)

    def _requests(self) -> dict[str, Handler]:
        return {}

    def _send_custom(self, content: dict[str, Any], buffers: Sequence[bytes | memoryview] = ()) -> None:
        if self.comm is not None:  # a closed widget has nobody to talk to
            self.send(content, buffers=list(buffers))

    def send_state(self, key: str | Iterable[str] | None = None) -> None:
        """Sends traits, and remembers which of them a thread has sent by itself."""
        super().send_state(key)
        if (wire := getattr(self, "_wire", None)) is not None and wire.outbox.aside():
            with self._lock:
                self._unheard.update(self.keys if key is None else [key] if isinstance(key, str) else key)

    def _send_unheard(self) -> int:
        """Sends those traits again, from the answer to a page that does not hear threads."""
        with self._lock:
            names, self._unheard = self._unheard, set()
            if names:
                super().send_state(names)
        return len(names)

    def _publish(self, **values: Any) -> None:
        """Sets traits, read-only ones too, from any thread, and sends them as one message."""
        with self._lock, self.hold_sync():
            for name, value in values.items():
                self.set_trait(name, value)

    @property
    def _speaking(self) -> bool:
        """Whether it is we ourselves, in this thread, who set traits just now."""
        return self._speaker == threading.get_ident()

    def _say(self, **values: Any) -> None:
        """Publishes, and does not take it for somebody's wish."""
        with self._lock:
            before, self._speaker = self._speaker, threading.get_ident()
            try:
                self._publish(**values)
            finally:
                self._speaker = before

    def notify_change(self, change: Any) -> None:
        """Sends a changed trait under the lock, then calls the observers outside of it."""
        name = change["name"]
        with self._lock:
            if (
                self.comm is not None
                and getattr(self.comm, "kernel", True) is not None
                and name in self.keys
                and self._should_send_property(name, getattr(self, name))
            ):
                self.send_state(key=name)
        HasTraits.notify_change(self, change)

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            near = difflib.get_close_matches(name, self.trait_names(sync=True), n=1, cutoff=0.5)
            hint = f"; did you mean '{near[0]}'?" if near else "."
            raise AttributeError(f"{type(self).__name__} has no '{name}'{hint}")
        super().__setattr__(name, value)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Takes all that the browser wrote, or nothing; what it may not write is answered by the truth."""
        private = {name for name in self.keys if name.startswith("_") and name != "_view_count"}
        private |= set(self.trait_names(status=True))
        wanted = {name: value for name, value in sync_data.items() if name not in private}
        before = {name: getattr(self, name) for name in wanted if name in self.keys}
        self._hearer = threading.get_ident()
        try:
            super().set_state(wanted)
        except (t.TraitError, LookupError, TypeError, ValueError, GPTWidgetsError):
            self._say(**before)
            self.send_state([name for name in sync_data if name in self.keys])
        else:
            if len(wanted) < len(sync_data):
                self.send_state([name for name in sync_data if name in private])
        finally:
            self._hearer = None

    @property
    def _hearing(self) -> bool:
        """Whether it is the browser's wish that sets a trait just now, in this thread."""
        return self._hearer == threading.get_ident()
