"""How a widget stands in a notebook: live, and as a picture for the day when no kernel answers.

A saved notebook seldom has the state of its widgets, and JupyterLab shows no other part of a widget's
own output. So a second output stands under the widget's: `image/png`, known by its display id, which
CSS hides as long as the live widget stands over it. It can be replaced at any time, and the live view,
its focus and its scroll position never notice.

The same place holds a sentence when no front end answers. Nobody is bothered with it where nobody looks:
nbclient and nbconvert wait for the picture instead.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import uuid
import weakref
from base64 import b64decode, b64encode
from html import escape
from typing import TYPE_CHECKING, Any

import traitlets as t

from gptwidgets.widgets.exports import PICTURE_MOST, Exports
from gptwidgets.widgets.recording import PLACES
from gptwidgets.widgets.wire import Reply, log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from IPython.core.interactiveshell import InteractiveShell

ANSWER_WITHIN = 10.0  # seconds after the cell's end, until the browser should have said hello
PICTURE_WITHIN = 3.0  # seconds, until the browser should have sent its own picture
WIDTH = 900  # CSS pixels; the style sheet knows the picture by this width
DISPLAYS = 4  # of one widget, whose pictures are kept fresh
BLANK = b64decode(  # 900 × 1 transparent pixels
    "iVBORw0KGgoAAAANSUhEUgAAA4QAAAABAQMAAAC8FfKOAAAABlBMVEUAAAD///+l2Z/dAAAAAnRSTlMAAHaTzTgAAA"
    "AMSURBVHjaY2CgNwAAAHIAAQRCbxUAAAAASUVORK5CYII="
)

_of_cell: dict[str, tuple[str, list[weakref.ref[Displayed]]]] = {}  # cell → (run, what it showed)


class Displayed(Exports):
    """A widget that leaves a picture in the notebook."""

    def __init__(self, **options: Any) -> None:
        self._stills: list[str] = []  # display ids of the pictures under the views
        self._png = b""
        self._answers = False  # whether a page has said hello
        self._warned = False
        self._superseded = False  # the same cell has run again since
        self._asleep = False
        super().__init__(**options)
        self._supersede()

    def _ipython_display_(self, **_options: Any) -> None:
        bundle = self._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        shell = shell_here()
        if shell is None or not hasattr(shell, "kernel"):
            publish({"text/plain": repr(self)}, {})  # a terminal
            return
        said = (
            f"{type(self).__name__}({self._gpt.name if self._gpt is not None else ''})"  # stays in the file
        )
        publish({**(data or {}), "text/plain": said}, metadata)
        cell = self._supersede()
        self._wake()
        still = uuid.uuid4().hex
        if not cell and self.status != "empty":  # no page that we know of: nbconvert takes what is there now
            with contextlib.suppress(Exception):  # the widget itself says what went wrong
                self._png = self._python_picture(self.record)
        self._publish_still(still, update=False)
        self._stills = [*self._stills, still][-DISPLAYS:]
        if cell:
            self._expect_answer(shell)
            if self.status == "ready":
                self._settled()

    def _opened(self) -> None:
        self._settled()
        self._sleep_unseen()

    # The picture

    def _settled(self) -> None:
        """What is seen will stay for a while: time to renew the picture. The browser's own is the best."""
        if not self._stills:
            return
        before = self._png
        if self._answers:
            self._wire.tell("picture_please")
        after(PICTURE_WITHIN, lambda: self._png is before and self._draw())

    def _draw(self) -> None:
        """Renders the picture in Python, on the reader's thread."""

        def draw(record: Any) -> None:
            self._png = self._python_picture(record)
            self._renew()

        self._later(draw, 0)

    def _on_picture(self, _request: dict[str, Any], buffers: Sequence[memoryview]) -> Reply:
        """The browser's own picture."""
        if len(buffers) != 1 or len(buffers[0]) > PICTURE_MOST or bytes(buffers[0][:4]) != b"\x89PNG":
            raise ValueError(f"A picture is one PNG of at most {PICTURE_MOST:,} bytes.")
        self._png = bytes(buffers[0])
        self._renew()
        return Reply()

    def _renew(self) -> None:
        for still in self._stills:
            self._publish_still(still, update=True)

    def _publish_still(self, still: str, *, update: bool) -> None:
        data: dict[str, Any] = {"image/png": b64encode(self._png or BLANK).decode(), "text/plain": ""}
        if self._warned:
            image = (
                f'<img width="{WIDTH}" src="data:image/png;base64,{data["image/png"]}">' if self._png else ""
            )
            data = {"text/html": f"<p>{escape(missing())}</p>{image}", "text/plain": missing()}
        elif self.error and not self._png and not self._answers:  # a page says it itself
            data = {"text/plain": self.error["message"]}
        elif self._png:
            data["text/plain"] = "A picture of the attention heatmap; run the cell to make it live."
        publish(data, {"image/png": {"width": WIDTH}}, transient={"display_id": still}, update=update)

    # Whether anybody answers

    def _expect_answer(self, shell: InteractiveShell) -> None:
        """Waits for a page's hello; from the cell's end on, since some kernels hear nothing before it."""
        if self._answers:
            return

        def cell_ended(*_: Any) -> None:
            shell.events.unregister("post_run_cell", cell_ended)
            after(ANSWER_WITHIN, self._nobody_answered)

        shell.events.register("post_run_cell", cell_ended)

    def _nobody_answered(self) -> None:
        if not self._answers and self.comm is not None:
            self._warned = True
            self._renew()

    def _front_end_answers(self) -> None:
        first, self._answers = not self._answers, True
        if self._warned or (first and self.error):
            self._warned = False
            self._renew()
        if first and self._stills and self.status == "ready":
            self._wire.tell("picture_please")

    # Running a cell again and again

    def _supersede(self) -> str:
        """Puts to sleep what an earlier run of this cell made, as far as no page shows it any more.

        Returns:
            The cell's id; "" where nobody tells, as in nbconvert.
        """
        kernel: Any = getattr(shell_here(), "kernel", None)
        parent: dict[str, Any] = (kernel and kernel.get_parent()) or {}
        cell, run = parent.get("metadata", {}).get("cellId", ""), parent.get("header", {}).get("msg_id", "")
        if not cell:
            return ""
        before, widgets = _of_cell.get(cell, ("", []))
        if before != run:
            for widget in (ref() for ref in widgets):
                if widget is not None and widget is not self:
                    widget._superseded = True
                    widget._sleep_unseen()
            widgets = []
        _of_cell[cell] = (run, [*(ref for ref in widgets if ref() is not self), weakref.ref(self)])
        self._superseded = False
        return cell

    @t.observe("_view_count")
    def _views_changed(self, change: Any) -> None:
        if change["new"]:
            self._wake()
        else:
            self._sleep_unseen()

    def _sleep_unseen(self) -> None:
        """Gives the memory of a picture back that no page shows; whoever asks for it wakes it."""
        if not self._superseded or self._view_count:
            return
        if self.status == "recording" and self._stills:
            self.stop()  # the cell's new run waits for the model
        if self.status != "ready":
            return
        self._asleep = True
        self._stills = []
        if self._gpt is not None and not self._gpt.closed:
            self._record = None  # can be recorded again
        self._say(first=b"", first_name="", opening=b"", opening_name="", tokens={}, scores={}, kind_of=[])

    def _wake(self) -> None:
        if not self._asleep:
            return
        self._asleep = False
        self._pending = {name: getattr(self, name) for name in PLACES}
        if self._record is not None:
            self._show(self._record)
        elif self._gpt is not None and not self._gpt.closed:
            self._begin(self._read)

    def __repr__(self) -> str:
        name = self.info.get("name", "") or (self._gpt.name if self._gpt is not None else "")
        length = f"{self.info['length']:,} tokens" if self.info else ""
        parts = (name, length, f"layer {self.layer} head {self.head}" if length else "", self.status)
        return f"{type(self).__name__}({', '.join(part for part in parts if part)})"


def publish(data: dict[str, Any], metadata: dict[str, Any], **options: Any) -> None:
    """Puts a bundle of mime types into the notebook."""
    from IPython.display import publish_display_data

    publish_display_data(data, metadata, **options)


def shell_here() -> InteractiveShell | None:
    """The shell that this runs in, or None outside of IPython."""
    from IPython.core.getipython import get_ipython

    return get_ipython()


def after(seconds: float, job: Callable[[], Any]) -> None:
    """Calls `job()` later, in a thread of its own."""

    def run() -> None:
        try:
            job()
        except Exception:  # nobody waits for the answer
            log.exception("A widget's delayed job failed")

    timer = threading.Timer(seconds, run)
    timer.daemon = True
    timer.start()


def missing() -> str:
    """The sentence when no front end answers."""
    return (
        "The live heatmap did not appear: nothing in the browser has answered within "
        f"{ANSWER_WITHIN:.0f} seconds after the cell. "
        "In JupyterLab this mostly means that the package anywidget is missing in the environment "
        f"that runs JupyterLab itself (this kernel runs in {sys.prefix}): install it there with "
        "`pip install anywidget`, then restart JupyterLab and reload the page."
    )
