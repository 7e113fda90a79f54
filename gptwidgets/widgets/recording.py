"""From a text to the first picture: jobs on the model's thread, then on the reader's; progress, stop, errors.

The latest text wins: a new one stops the recording that runs, and what a stopped one still brings is
dropped. A record that the memory budget took back is recorded again when somebody asks for its parts.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any, Self

import traitlets as t

from gptwidgets.errors import Cancelled, ClosedError, TextError
from gptwidgets.kernel import captions, scores, tiles
from gptwidgets.kernel.worker import Report
from gptwidgets.widgets import opening
from gptwidgets.widgets.base import told
from gptwidgets.widgets.progress import throttled
from gptwidgets.widgets.returning import CLOSED, Returning
from gptwidgets.widgets.run import Run, in_full
from gptwidgets.widgets.wire import plain

if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Future

    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.widgets.run import Make

PLACES = (
    "hide_sink",
    "layer",
    "head",
    "query",
    "key",
    "direction",
    "view",
    "cut",
    "stage",
)  # these depend on the record
BREATH = 0.4  # seconds that a page has to paint the first look, before what is exact takes the processor
OPEN = 40  # the first picture goes before everything else on the reader


class Recording(Returning):
    """The part of a widget that records a text and tells how it goes."""

    progress = told(t.Dict(help="stage, done, total, unit, seconds_left of the running job; {} without one."))
    error = told(t.Dict(help="type, message and action of what went wrong; {} when nothing did."))
    tokens = told(t.Dict(help="Columns of the tokens: pieces, ids, groups, special."))
    sentence = told(t.Unicode(help="What a screen reader hears of the chosen head and token."))
    first = told(t.Bytes(b"", help="Thumbnails of all heads, uint8 [layers · heads, s, s]."))
    first_name = told(t.Unicode(help='What `first` shows: "record|variant|exact".'))
    opening = told(t.Bytes(b"", help="The chosen head whole, uint8 [s, s] with s at most 512."))
    opening_name = told(t.Unicode(help='What `opening` shows: "record|variant|layer|head|level|exact".'))

    _notes_elsewhere = False  # whether another widget on the page says what is to know of the model

    # What a user asks

    @property
    def record(self) -> AttentionRecord:
        """The record that is shown. Waits for it; records again where the budget took it back.

        Raises:
            GPTWidgetsError: what went wrong with the recording; `back()` returns to the text before.
        """
        try:
            self.wait()
        except (Cancelled, ClosedError):  # no text can be read any more, so the picture is of no earlier one
            if self.comm is None or self._record is None or self._gpt is None or not self._gpt.closed:
                raise
        record = self._record
        return record if record is not None and not record.closed else self._record_again().result()

    def wait(self, timeout: float | None = None) -> Self:
        """Waits until the picture is ready.

        Args:
            timeout: seconds; None waits as long as it takes. Interrupting the cell stops the job.

        Returns:
            The widget itself.

        Raises:
            TimeoutError: it takes longer.
            GPTWidgetsError: what went wrong with the recording.
            ClosedError: after `close()`.
        """
        if self.comm is None:
            raise ClosedError(CLOSED)
        until = None if timeout is None else time.monotonic() + timeout
        try:
            while True:
                run = self._run
                if run is None:
                    raise TextError("There is nothing to wait for: set heat.text first.")
                if run.done.wait(0.05):
                    break
                if until is not None and time.monotonic() > until:
                    raise TimeoutError(f"Not ready after {timeout:g} s; heat.wait() waits on.")
        except KeyboardInterrupt:
            self.stop()
            raise
        if run.error is not None:
            raise run.error.with_traceback(None)
        return self

    def stop(self) -> None:
        """Stops what is running: a recording, exact scores. What was there before stays."""
        self._cancel_run()
        self._wire.cancel_all()

    def close(self) -> None:
        """Takes the widget off all pages, stops its jobs, and lets go of its record."""
        if self.comm is not None:
            self.stop()
            self._record = None
        super().close()

    # The flow

    def _begin(self, text: Any) -> None:
        """Starts a recording, and stops the one that runs."""
        run = Run(text)
        with self._lock:
            self._cancel_run()
            self._run, self._read = run, text
            named = {"text": text} if isinstance(text, str) else {}
            self._say(status="recording", progress={"stage": "recording", "done": 0.0}, error={}, **named)
        gpt = self._gpt
        assert gpt is not None  # noqa: S101 - the text of a record or an array cannot be set
        tell = throttled(lambda progress: self._progress(run, progress))
        run.make = make = self._maker(text)
        try:
            made = gpt._model_worker.submit(lambda: make(tell, run.token), token=run.token)
            made.add_done_callback(lambda made: self._made(run, made))
        except ClosedError as error:
            self._over(run, error)

    def _maker(self, text: Any) -> Make:
        """What records a text, the way in which that is wished now."""
        gpt = self._gpt
        assert gpt is not None  # noqa: S101 - nobody else records
        return lambda progress, cancel: gpt.record(text, progress=progress, cancel=cancel)

    def _model_notes(self) -> list[str]:
        """Sentences to know about the model, unless another widget beside this one says them."""
        return [] if self._gpt is None or self._notes_elsewhere else list(self._gpt.notes)

    def _leave_out_model_notes(self) -> None:
        """Another widget on the same page says them."""
        self._notes_elsewhere = True
        if self._gpt is not None:
            self._say(notes=[note for note in self.notes if note not in self._gpt.notes])

    def _notes_of(self, record: AttentionRecord) -> list[str]:
        """What is to be known of a record."""
        return record.notes

    def _empty(self) -> None:
        """No text: what was there goes, and the invitation to write comes back."""
        with self._lock:
            self.stop()
            self._run = self._read = self._shown = self._record = self._table = None
            self._record_name, self._pending = "", {}
            nothing = {name: {} for name in ("info", "tokens", "scores", "kinds", "progress", "error")}
            pictures = {"first": b"", "first_name": "", "opening": b"", "opening_name": ""}
            fresh = {"kind_of": [], "sentence": "", "query": None, "key": None, "view": []}
            self._say(status="empty", notes=self._model_notes(), **nothing, **pictures, **fresh)

    def _made(self, run: Run, made: Future[AttentionRecord]) -> None:
        error = made.exception()
        if error is None:
            self._show(made.result(), run)
        else:
            self._over(run, error)

    def _show(self, record: AttentionRecord, run: Run | None = None) -> None:
        """Prepares the first picture, on the reader's thread."""
        if run is None:
            run = self._run = Run()
            self._say(status="loading")
        try:
            shown = self._reader.submit(lambda: self._open(run, record), priority=OPEN, token=run.token)
            shown.add_done_callback(lambda ended: self._refine(run, record, ended.exception()))
        except ClosedError as error:
            self._over(run, error)

    def _refine(self, run: Run, record: AttentionRecord, error: BaseException | None) -> None:
        """After a first look at a text of middle length: everything exactly; long ones wait to be asked."""
        if error is not None or not opening.QUICK_ABOVE < record.length <= tiles.SAMPLE_ABOVE:
            self._over(run, error)
            return

        def go() -> None:
            if run is not self._run or self.comm is None:
                self._over(run, None)
                return
            try:  # without the run's token: who stops a recording does not want half a picture
                exact = self._reader.submit(lambda: self._exactly(record))
                exact.add_done_callback(lambda _: self._over(run, None))
            except ClosedError:
                self._over(run, None)

        later = threading.Timer(BREATH, go)
        later.daemon = True
        later.start()

    def _shown_again(self, run: Run) -> None:
        record = self._used()
        if record is not None and self.scores.get("sampled"):
            self._refine(run, record, None)  # the other text may have come before it was exact
        else:
            super()._shown_again(run)

    def _open(self, run: Run, record: AttentionRecord) -> Generator[None, None, None]:
        """Everything that the first picture needs, then one message."""
        name = uuid.uuid4().hex[:12]
        sampled = record.length > opening.QUICK_ABOVE
        hide = self._pending.get(
            "hide_sink",
            # of a single token nothing would be left
            self.hide_sink
            if self._sink_chosen
            else record.causal and not record.signed and record.length > 1,
        )
        tell = throttled(lambda progress: self._progress(run, progress))
        steps = scores.table_steps(record, sampled=sampled)
        while True:
            try:
                tell(Report("preparing the picture", next(steps), 1.0))
            except StopIteration as stop:
                table = self._with_induction(stop.value)
                break
            yield
        layer, head = self._which(record, table)
        traits = yield from opening.grid(record, name, sink_hidden=hide, sampled=sampled)
        traits |= yield from opening.large(
            record, name, layer, head, sink_hidden=hide, sampled=record.length > opening.EXACT_ABOVE
        )
        with self._lock:
            run.token.check()
            if run is not self._run:
                return
            self._record, self._record_name, self._table, self._shown = record, name, table, run.read
            self._make = run.make
            pending, self._pending = self._pending, {}
            fresh = {"query": None, "key": None, "view": [], "layer": layer, "head": head, "hide_sink": hide}
            self._say(
                info=opening.describe(record, name, self._gpt),
                tokens=record.tokens.wire(),
                scores=opening.table(table, sampled=sampled),
                **opening.kinds(table, record.length, causal=record.causal),
                **({} if self._read is None or isinstance(self._read, str) else {"text": record.tokens.text}),
                **fresh,
                **traits,
                sentence=captions.describe(record, layer, head, sink_hidden=hide),
                notes=[*self._model_notes(), *self._notes_of(record)],
                progress={},
                error={},
                status="ready",
            )
            for trait in pending.keys() - {"layer", "head", "hide_sink"}:
                with contextlib.suppress(IndexError, TypeError, ValueError, t.TraitError):  # not in this text
                    setattr(self, trait, pending[trait])
        self._wire.tell("record", {"record": name})
        self._opened()

    def _which(self, record: AttentionRecord, table: Any) -> tuple[Any, Any]:
        """The head to begin with: the one that somebody chose, where there is such a one."""
        chosen = self._head_chosen or "layer" in self._pending
        layer, head = self._pending.get("layer", self.layer), self._pending.get("head", self.head)
        try:
            return record.find(layer, head) if chosen else captions.most_telling(table, record)
        except (IndexError, TypeError):
            return captions.most_telling(table, record)

    def _opened(self) -> None:
        """A new record is on the screen."""

    def _progress(self, run: Run, progress: dict[str, Any]) -> None:
        if run is self._run and not run.token.cancelled:
            self._say(progress=progress)

    def _over(self, run: Run, error: BaseException | None) -> None:
        """A recording has ended, well or not."""
        gpt = self._gpt
        if isinstance(error, Cancelled) and gpt is not None and gpt._model_worker.closed:
            error = ClosedError(f"{gpt.name} was closed meanwhile; load it again with gw.load().")
        if error is not None:
            run.error = plain(error)
            with self._lock:
                if run is self._run:
                    closed = gpt is not None and gpt.closed
                    text = self._pictured() if closed else {}
                    self._point_back(run.error)
                    self._say(
                        status="closed" if closed else "error", progress={}, error=in_full(run.error), **text
                    )
        run.done.set()
