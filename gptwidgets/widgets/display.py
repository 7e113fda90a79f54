"""The heatmap in a notebook that was saved: its last picture, `image/png`, under the live widget.

See `gptwidgets.widgets.standing`. The browser's own picture is the best; until it comes, and where no page
is, Python draws one.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from html import escape
from typing import TYPE_CHECKING, Any

from gptwidgets.widgets import standing
from gptwidgets.widgets.exports import PICTURE_MOST, Exports
from gptwidgets.widgets.recording import PLACES
from gptwidgets.widgets.standing import Standing
from gptwidgets.widgets.wire import Reply

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURE_WITHIN = 3.0  # seconds, until the browser should have sent its own picture
WIDTH = 900  # CSS pixels; the style sheet knows the picture by this width
BLANK = b64decode(  # 900 × 1 transparent pixels
    "iVBORw0KGgoAAAANSUhEUgAAA4QAAAABAQMAAAC8FfKOAAAABlBMVEUAAAD///+l2Z/dAAAAAnRSTlMAAHaTzTgAAA"
    "AMSURBVHjaY2CgNwAAAHIAAQRCbxUAAAAASUVORK5CYII="
)


class Displayed(Standing, Exports):
    """A widget that leaves a picture in the notebook."""

    def __init__(self, **options: Any) -> None:
        self._png = b""
        self._asleep = False
        super().__init__(**options)

    def _finish(self) -> None:
        if self.status != "empty":
            self._png = self._python_picture(self.record)

    def _displayed(self) -> None:
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
        standing.after(PICTURE_WITHIN, lambda: self._png is before and self._draw())

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

    def _publish_still(self, still: str, *, update: bool) -> None:
        data: dict[str, Any] = {"image/png": b64encode(self._png or BLANK).decode(), "text/plain": ""}
        if self._warned:
            words = standing.missing(self._name)
            image = (
                f'<img width="{WIDTH}" src="data:image/png;base64,{data["image/png"]}">' if self._png else ""
            )
            data = {"text/html": f"<p>{escape(words)}</p>{image}", "text/plain": words}
        elif self.error and not self._png and not self._answers:  # a page says it itself
            data = {"text/plain": self.error["message"]}
        elif self._png:
            data["text/plain"] = "A picture of the attention heatmap; run the cell to make it live."
        standing.publish(
            data, {"image/png": {"width": WIDTH}}, transient={"display_id": still}, update=update
        )

    def _front_end_answers(self) -> None:
        first, self._answers = not self._answers, True
        if self._warned or (first and self.error):
            self._warned = False
            self._renew()
        if first and self._stills and self.status == "ready":
            self._wire.tell("picture_please")

    # Running a cell again and again

    def _fall_asleep(self) -> None:
        """Gives the memory of a picture back that no page shows; whoever asks for it wakes it."""
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
