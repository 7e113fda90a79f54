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
from gptwidgets.kernel import budget, captions, scores, tiles
from gptwidgets.kernel.worker import CancelToken, Report, Worker
from gptwidgets.widgets import opening
from gptwidgets.widgets.base import told
from gptwidgets.widgets.progress import throttled
from gptwidgets.widgets.scoring import Scoring
from gptwidgets.widgets.wire import Task, in_words, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future

    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.widgets.wire import Steps

PLACES = ("hide_sink", "layer", "head", "query", "key", "direction", "view")  # these depend on the record
BREATH = 0.4  # seconds that a page has to paint the first look, before what is exact takes the processor
OPEN = 40  # the first picture goes before everything else on the reader

ACTIONS = {
    "OutOfMemory": "Take a shorter text, or close other models and records.",
    "Cancelled": "Record it again, or change the text.",
    "TextError": "Change the text.",
    "ClosedError": "Load the model again with gw.load() and make a new widget.",
}
ANYWAY = "Change the text; if that does not help, restart the kernel."

arrays = Worker("gptwidgets arrays")  # reads the records that belong to no GPT, or to a closed one


class Run:
    """One recording: a flag to stop it, whether it is over, and what went wrong."""

    def __init__(self) -> None:
        self.token = CancelToken()
        self.done = threading.Event()
        self.error: BaseException | None = None


class Recording(Scoring):
    """The part of a widget that records a text and tells how it goes."""

    progress = told(t.Dict(help="stage, done, total, unit, seconds_left of the running job; {} without one."))
    error = told(t.Dict(help="type, message and action of what went wrong; {} when nothing did."))
    tokens = told(t.Dict(help="Columns of the tokens: pieces, ids, groups, special."))
    sentence = told(t.Unicode(help="What a screen reader hears of the chosen head and token."))
    first = told(t.Bytes(b"", help="Thumbnails of all heads, uint8 [layers · heads, s, s]."))
    first_name = told(t.Unicode(help='What `first` shows: "record|variant|exact".'))
    opening = told(t.Bytes(b"", help="The chosen head whole, uint8 [s, s] with s at most 512."))
    opening_name = told(t.Unicode(help='What `opening` shows: "record|variant|layer|head|level|exact".'))

    def __init__(self, **options: Any) -> None:
        self._run: Run | None = None
        self._read: Any = None  # what is recorded: text, messages or ids
        self._record_name = ""
        self._again: Future[AttentionRecord] | None = None
        self._pending: dict[str, Any] = {}  # to be set once the next record is there
        super().__init__(**options)

    # What a user asks

    @property
    def record(self) -> AttentionRecord:
        """The record that is shown. Waits for it; records again where the budget took it back.

        Raises:
            GPTWidgetsError: what went wrong with the recording.
        """
        self.wait()
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
            raise ClosedError("This heatmap was closed; make a new one.")
        until = None if timeout is None else time.monotonic() + timeout
        if self._run is None:
            raise TextError("There is nothing to wait for: set heat.text first.")
        try:
            while not (run := self._run).done.wait(0.05):
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

    def _cancel_run(self) -> None:
        if self._run is not None:
            self._run.token.cancel()

    @property
    def _reader(self) -> Worker:
        gpt = self._gpt
        return arrays if gpt is None or gpt.closed or gpt.reader.closed else gpt.reader

    def _begin(self, text: Any) -> None:
        """Starts a recording, and stops the one that runs."""
        run = Run()
        with self._lock:
            self._cancel_run()
            self._run, self._read = run, text
            named = {"text": text} if isinstance(text, str) else {}
            self._say(status="recording", progress={"stage": "recording", "done": 0.0}, error={}, **named)
        gpt = self._gpt
        assert gpt is not None  # noqa: S101 - the text of a record or an array cannot be set
        tell = throttled(lambda progress: self._progress(run, progress))
        try:
            made = gpt._model_worker.submit(
                lambda: gpt.record(text, progress=tell, cancel=run.token), token=run.token
            )
            made.add_done_callback(lambda made: self._made(run, made))
        except ClosedError as error:
            self._over(run, error)

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
            self._record, self._record_name, self._table = record, name, table
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
                notes=[*(self._gpt.notes if self._gpt else ()), *record.notes],
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
                    words = in_words(run.error)
                    closed = gpt is not None and gpt.closed
                    told = {**words, "action": ACTIONS.get(words["type"], ANYWAY)}
                    self._say(status="closed" if closed else "error", progress={}, error=told)
        run.done.set()

    def _record_again(self) -> Future[AttentionRecord]:
        """Records the same text once more, behind the scenes, after the budget took the record back."""
        with self._lock:
            if self._again is not None:
                return self._again
            gpt, text, name = self._gpt, self._read, self._record_name
            if gpt is None or text is None:
                raise ClosedError(
                    "This record was closed, so its parts can no longer be read; record the text again."
                )
            again = gpt._model_worker.submit(lambda: gpt.record(text, progress=False))
            self._again = again

        def take(made: Future[AttentionRecord]) -> None:
            with self._lock:
                self._again = None
                if made.exception() is None and name == self._record_name:
                    self._record = made.result()

        again.add_done_callback(take)
        return again

    def _used(self) -> AttentionRecord | None:
        """The record if it is there, noted as used."""
        record = self._record
        if record is None or record.closed:
            return None
        budget.records.touch(record)
        return record

    def _later(self, job: Callable[[AttentionRecord], Any], priority: int) -> None:
        """Runs a job on the reader's thread that is of no use once the record or the model is gone."""
        record = self._used() if self._record_name else None
        if record is not None and not self._reader.closed:
            self._reader.submit(lambda: job(record), priority=priority)

    def _reading(self, steps: Callable[[AttentionRecord], Steps], priority: int) -> Task:
        """A request that reads the record: on the reader's thread, after recording again where needed."""
        record = self._used()
        if record is not None:
            return Task(lambda: steps(record), self._reader, priority)
        again = self._record_again()
        return Task(lambda: steps(again.result()), self._reader, priority, again)

    def _gpt_closed(self) -> None:
        """The model was closed under the widget: the last picture stays, and says so."""
        self._cancel_run()
        error = {"type": "ClosedError", "message": "The model was closed.", "action": ACTIONS["ClosedError"]}
        info = {**self.info, "model": False} if self.info else {}
        self._say(status="closed", progress={}, error=error, info=info)
