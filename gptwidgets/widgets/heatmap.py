"""`AttentionHeatmap`: any head of a GPT over a text of one's own, exact, at any length."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import traitlets as t

from gptwidgets.errors import ClosedError
from gptwidgets.kernel import captions
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.widgets import opening, service
from gptwidgets.widgets.display import Displayed
from gptwidgets.widgets.exchanging import Exchanging
from gptwidgets.widgets.explaining import Explaining
from gptwidgets.widgets.following import Following
from gptwidgets.widgets.state import Shared
from gptwidgets.widgets.wire import VERSION, Handler, Reply, Steps, Task

WITHIN = ("query", "key", "view")  # places in one text, which mean nothing in the next
SETTLED = 0.8  # seconds without a change, after which the chosen head becomes the picture that stays
SPOKEN = 0.06  # the same until it is said in a sentence; what is to be seen goes first


class AttentionHeatmap(Explaining, Following, Exchanging, Displayed, Shared):
    """Every layer and head of a GPT over a text: the grid of all heads, one head large, and the text.

    Args:
        source: a GPT (`gw.load()`), an `AttentionRecord`, or an array of attention weights
            [layers, heads, queries, keys] (fewer axes are understood; signed values, too; other
            libraries' caches as well).
        text: what the GPT shall read: a string, chat messages or token ids. Without one the widget
            invites to type.
        tokens: for an array: the words that its axes stand for.
        layer: the layer to begin with; by default the most telling head is chosen.
        head: the head to begin with; also as "L18H6".
        **options: any trait below, such as `scale="log"` or `height=700`.

    The constructor returns at once; the model works in a thread of its own. `wait()` waits for it.
    Everything can be read and set from Python, and follows what is done in the browser.

    Raises:
        TypeError: something that has no attention, or a keyword that does not exist.
        IndexError: a layer or head that does not exist.

    Example:
        >>> import gptwidgets as gw
        >>> gpt = gw.load()                                               # doctest: +SKIP
        >>> heat = gw.AttentionHeatmap(gpt, "The animal didn't cross the street because it")  # doctest: +SKIP
        >>> heat.head = "L18H6"                                           # doctest: +SKIP
        >>> heat.wait().weights()[-1]                                     # doctest: +SKIP
    """

    _name = "heatmap"

    def __init__(
        self,
        source: GPT | AttentionRecord | Any = None,
        text: str | Sequence[Any] | None = None,
        *,
        tokens: Sequence[str] | None = None,
        layer: int | str | None = None,
        head: int | str | None = None,
        **options: Any,
    ) -> None:
        self._gpt = None
        self._record = record = self._take(source, text, tokens)
        self._head_chosen = layer is not None or head is not None
        self._sink_chosen = "hide_sink" in options
        self._late: dict[str, threading.Timer] = {}  # what waits until nothing changes
        if layer is None and record is not None:
            layer = record.layers[0]  # 0 may not be among them
        given = {name: place for name, place in (("layer", layer), ("head", head)) if place is not None}
        super().__init__(**{"editable": self._gpt is not None, **given, **options})
        self._pending = {name: options[name] for name in WITHIN if name in options}
        if self._gpt is not None:
            self._gpt.on_close(self._gpt_closed)
            self._say(notes=list(self._gpt.notes))
        if record is not None:
            self._show(record)
        elif text is not None and not (isinstance(text, str) and not text):
            self._begin(text)

    def _take(self, source: Any, text: Any, tokens: Any) -> AttentionRecord | None:
        """Understands the constructor's first arguments; a record where one was given."""
        if source is None:
            raise TypeError(
                "AttentionHeatmap needs a GPT (gw.load()), a record or an array of attention weights."
            )
        if isinstance(source, str):
            raise TypeError(
                "AttentionHeatmap takes a GPT first and the text second: AttentionHeatmap(gw.load(), text)."
            )
        if isinstance(source, GPT):
            if tokens is not None:
                raise TypeError("A GPT makes its own tokens; tokens=… belongs to an array.")
            if source.closed:
                raise ClosedError(f"{source.name} is closed; load it again with gw.load().")
            self._gpt = source
            return None
        if text is not None:
            raise TypeError(
                "Only a GPT can read a text; a record or an array has its own (pass tokens=… for an array)."
            )
        if isinstance(source, AttentionRecord):
            if tokens is not None:
                raise TypeError("A record has its own tokens; tokens=… belongs to an array.")
            return source
        if isinstance(source, Mapping):
            return AttentionRecord.from_cache(source, tokens)
        return AttentionRecord.from_arrays(source, tokens)

    # What follows from a change

    @t.validate("text")
    def _only_a_gpt_reads(self, proposal: Any) -> str:
        if self._gpt is None and proposal["value"]:
            raise TypeError("This heatmap shows a record or an array; only a GPT can read another text.")
        if self._gpt is not None and self._gpt.closed and not self._speaking:
            raise ClosedError(
                f"{self._gpt.name} is closed and reads no other text; load it again with gw.load()."
            )
        return proposal["value"]

    @t.observe("text")
    def _text_changed(self, change: Any) -> None:
        if not self._speaking and self.comm is not None and self._gpt is not None:
            if change["new"]:
                self._begin(change["new"])
            else:
                self._empty()

    @t.observe("layer", "head", "query", "hide_sink", "stage")
    def _changed(self, change: Any) -> None:
        if self._speaking or self.comm is None:
            return
        if change["name"] in {"layer", "head"}:
            self._head_chosen = True
        if change["name"] == "hide_sink":
            self._sink_chosen = True
            self._later(self._regrid, service.GRID)
        if self._hearing:
            self._at_rest(SPOKEN, self._speak, service.CHOSEN)
        elif (record := self._used()) is not None:
            self._speak(record)  # who sets it in Python reads it in the next line
        self._at_rest(SETTLED, self._settle, service.EXACT)

    @t.observe(*WITHIN)
    def _set_meanwhile(self, change: Any) -> None:
        if not self._speaking and self.status in {"loading", "recording"}:
            self._pending[change["name"]] = change["new"]  # meant for the text that is being read

    def _at_rest(self, seconds: float, job: Callable[[AttentionRecord], Any], priority: int) -> None:
        """Runs a job on the reader's thread once nothing has changed for so long."""
        if job.__name__ in self._late:
            self._late[job.__name__].cancel()
        late = self._late[job.__name__] = threading.Timer(seconds, self._later, (job, priority))
        late.daemon = True
        late.start()

    def close(self) -> None:
        """Takes the widget off all pages, stops its jobs, and lets go of its record."""
        if self.comm is not None:
            for late in self._late.values():
                late.cancel()
        super().close()

    def _opened(self) -> None:
        self._sorted()
        self._measure_induction(asked=False)
        super()._opened()

    def _speak(self, record: AttentionRecord) -> None:
        query = self.query if self.query is None or self.query < record.length else None
        sentence = captions.describe(record, self.layer, self.head, query, sink_hidden=self.hide_sink)
        self._say(sentence=sentence)

    def _settle(self, record: AttentionRecord) -> Any:
        """Brings `opening` and `first` up to date, so that a page that comes later shows the same."""
        name, layer, head, hide = self._record_name, self.layer, self.head, self.hide_sink
        traits = yield from opening.large(record, name, layer, head, sink_hidden=hide)
        if (name, layer, head, hide) == (self._record_name, self.layer, self.head, self.hide_sink):
            self._say(**traits)
            self._settled()

    # Requests

    def _requests(self) -> dict[str, Handler]:
        return {
            "hello": self._on_hello,
            "tiles": lambda request, _: self._on_reading(request, service.send_tiles, request["tiles"]),
            "thumbs": lambda request, _: self._on_reading(request, service.send_thumbnails, request["heads"]),
            "patch": lambda request, _: self._on_reading(request, service.send_patch, request),
            "line": lambda request, _: self._on_reading(request, service.send_line, request),
            "export": self._on_export,
            "picture": self._on_picture,
            "stop": self._on_stop,
            "again": self._on_again,
            "back": self._on_back,
            **self._score_requests(),
            **self._follow_requests(),
            **self._intervening_requests(),
            **self._explaining_requests(),
        }

    def _on_hello(self, _request: dict[str, Any], _buffers: Any) -> Reply:
        self._front_end_answers()
        return Reply({"version": VERSION, "seq": self._wire.seq})

    def _on_reading(self, request: dict[str, Any], send: Callable[..., Steps], what: Any) -> Task:
        """Anything that reads the record."""
        if request["record"] != self._record_name:
            raise service.StaleRecord("The picture is of an earlier text.")
        seen = service.variant(request["variant"])
        urgency = service.urgency(request, self.layer, self.head)
        return self._reading(lambda record: send(record, what, **seen), urgency)

    def _on_stop(self, _request: dict[str, Any], _buffers: Any) -> Reply:
        self.stop()
        return Reply()

    def _on_again(self, _request: dict[str, Any], _buffers: Any) -> Reply:
        if self._gpt is not None and self._read is not None:
            self._begin(self._read)
        return Reply()

    def _on_back(self, _request: dict[str, Any], _buffers: Any) -> Reply:
        self.back()
        return Reply()
