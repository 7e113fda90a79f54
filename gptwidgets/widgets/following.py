"""A heatmap that follows a run: it grows row by row while the model writes.

The model's thread only says that rows have come. The reader's thread computes those of the chosen head and
tells the pages of them, some 20 times a second at most; the thumbnails of all heads follow twice a second,
on a slow machine more rarely, and the scores at the end of the run. Nothing is recorded while nobody follows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.errors import ClosedError, GPTWidgetsError
from gptwidgets.kernel import captions, scores, tiles
from gptwidgets.kernel.growthumbs import GrowingThumbs
from gptwidgets.kernel.stream import Stream
from gptwidgets.widgets import opening, service
from gptwidgets.widgets.recording import OPEN, Recording
from gptwidgets.widgets.run import Run
from gptwidgets.widgets.wire import Handler, Reply, log

if TYPE_CHECKING:
    from gptwidgets.kernel.growing import Growing
    from gptwidgets.kernel.record import AttentionRecord

EVERY = 0.05  # seconds between two messages, at least
GRID = 0.5  # seconds between two looks at all heads, at least
SHARE = 0.03  # of the time, that these looks may take
MOST = 32  # rows in a message; more than these are asked for as tiles


class Follow:
    """A heatmap that follows runs until `stop()`. Made by `heat.follow(…)`.

    Attributes:
        growing: the record of the run that is followed now, or was last.

    Example:
        >>> follow = heat.follow(play)   # doctest: +SKIP
        >>> play.run().wait()            # doctest: +SKIP
        >>> follow.stop()                # doctest: +SKIP
    """

    def __init__(self, heat: Following, leave: Callable[[Follow], object] = lambda _: None) -> None:
        self.growing: Growing | None = None
        self._heat = heat
        self._leave = leave
        self._stopped = False
        self._waits = False
        self._last = 0.0
        self._lock = threading.Lock()
        self._finishing = False
        self._one_of = 1  # sequences of the run

    def stop(self) -> None:
        """Follows no further; what is shown stays. Stopping twice does nothing."""
        if self._stopped:
            return
        self._stopped = True
        self._leave(self)
        self._heat._left(self)

    def begin(self, stream: Stream, sequence: int = 0) -> None:
        """Follows one sequence of a run that has not begun.

        Args:
            stream: what `gpt.stream` returned.
            sequence: which of its sequences.
        """
        heat = self._heat
        if self._stopped or heat.comm is None:
            return
        self.growing = growing = stream.keep_record(heat._record)
        growing.sequence = sequence
        self._finishing, self._one_of = False, len(stream.seeds)
        heat._follow_run(self, growing)
        growing.listen(lambda: self._came(growing))

    def _came(self, growing: Growing) -> None:
        """Rows have come; on the model's thread."""
        with self._lock:
            if self._stopped or growing is not self.growing or self._waits:
                return
            self._waits = True
        pause = self._last + EVERY - time.monotonic()
        if pause <= 0:
            self._ask()
            return
        later = threading.Timer(pause, self._ask)
        later.daemon = True
        later.start()

    def _ask(self) -> None:
        self._last = time.monotonic()
        try:
            told = self._heat._reader.submit(self._tell, priority=OPEN)
            told.add_done_callback(lambda told: self._failed(told.exception()))
        except ClosedError:
            self._waits = False

    def _tell(self) -> Generator[None, None, None]:
        self._waits = False
        growing = self.growing  # the run's that is written now, whichever run asked
        if self._stopped or growing is None or self._heat.comm is None:
            return
        whole = growing.ended and (growing.length == growing.written or growing.closed)
        if growing.ended and not whole and not self._finishing:
            self._finishing = True
            self._complete(growing)
        if growing.length and not growing.closed and not (growing.reason and not whole):
            yield from self._heat._grow(growing, growing.record, last=whole)

    def _complete(self, growing: Growing) -> None:
        """The run was stopped, or could not be followed: what lacks is read on the model's thread."""
        gpt = self._heat._gpt
        assert gpt is not None  # noqa: S101 - only a GPT writes
        try:
            made = gpt._model_worker.submit(growing.complete)
            made.add_done_callback(lambda made: self._failed(made.exception()))
        except ClosedError:
            return

    @staticmethod
    def _failed(error: BaseException | None) -> None:
        if error is not None and not isinstance(error, GPTWidgetsError):
            log.error("A heatmap could not follow", exc_info=error)


class Following(Recording):
    """The part of a heatmap that follows runs."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self._follows: list[Follow] = []
        self._live: Growing | None = None  # the record that is shown while it grows
        self._live_run: Run | None = None
        self._live_name = ""
        self._live_told = 0  # rows that pages know of
        self._live_thumbs: GrowingThumbs | None = None
        self._live_grid = 0.0  # when all heads are looked at again
        super().__init__(*given, **options)

    def follow(self, source: Any, sequence: int = 0) -> Follow:
        """Grows row by row while a model writes.

        Args:
            source: a `Playground`, whose runs are followed one after the other; or what `gpt.stream`
                returned, before its first step.
            sequence: which of several sequences that are written side by side.

        Returns:
            What ends it: `.stop()`.

        Raises:
            TypeError: it is neither, or writes with another model.

        Example:
            >>> heat.follow(play)      # doctest: +SKIP
            >>> play.run()             # doctest: +SKIP
        """
        followers: list[Any] = getattr(source, "followers", [])
        if not isinstance(source, Stream) and not hasattr(source, "followers"):
            raise TypeError(
                f"A heatmap follows a Playground or a gpt.stream(…), not {type(source).__name__}."
            )
        if self._gpt is None or source._gpt is not self._gpt:
            raise TypeError(
                "A heatmap follows the model that it shows: make both with the same gpt = gw.load()."
            )
        if isinstance(source, Stream):
            follow = Follow(self)
            follow.begin(source, sequence)
        else:

            def begin(stream: Stream) -> None:
                follow.begin(stream, sequence if sequence < len(stream.seeds) else 0)

            def end(_: Follow) -> None:
                if begin in followers:
                    followers.remove(begin)

            follow = Follow(self, end)
            followers.append(begin)
        self._follows.append(follow)
        return follow

    def close(self) -> None:
        """Takes the widget off all pages, stops its jobs, and lets go of its record."""
        if self.comm is not None:  # else it is closed already, or was never whole
            for follow in list(self._follows):
                follow.stop()
        super().close()

    def _left(self, follow: Follow) -> None:
        if follow in self._follows:
            self._follows.remove(follow)
        if self._live is not None and self._live is follow.growing:
            self._live = None
        if not self._follows and self.comm is not None and self.info.get("following"):
            self._say(info={name: value for name, value in self.info.items() if name != "following"})

    def _follow_run(self, follow: Follow, growing: Growing) -> None:
        """A run begins that is followed; on the model's thread."""
        with self._lock:
            self._cancel_run()
            self._live, self._live_name, self._live_told = growing, "", 0
            self._live_run = None
            if growing.reason:
                self._note(growing.reason)
            elif follow._one_of > 1:
                self._note(
                    f"Of {follow._one_of} sequences the heatmap follows the {_ordinal(growing.sequence)}."
                )

    def _grow(self, growing: Growing, record: AttentionRecord, *, last: bool) -> Generator[None, None, None]:
        """Shows what a record has more than before; on the reader's thread."""
        if self._live is not growing:
            return
        if not self._live_name:
            yield from self._open_live(growing, record)
        elif self._record_name != self._live_name:
            return  # another text was set meanwhile
        else:
            yield from self._rows(record)
        if last and self._live is growing:
            yield from self._whole(record)

    def _open_live(self, growing: Growing, record: AttentionRecord) -> Generator[None, None, None]:
        """The first picture of a run: all of its prompt."""
        gpt = self._gpt
        ids = list(record.tokens.ids)
        run = Run(ids)
        run.make = growing.again
        self._live_run = run
        with self._lock:
            self._run, self._read = run, ids
            if self._record is not None:
                self._pending = {"layer": self.layer, "head": self.head, "hide_sink": self.hide_sink}
        yield from self._open(run, record)
        run.done.set()
        if self._run is not run or gpt is None:
            return
        self._live_name, self._live_told = self._record_name, record.length
        size = tiles.side(record.length, tiles.levels(record.length, opening.FIRST))
        first = np.frombuffer(self.first, np.uint8).reshape(-1, size, size)
        self._live_thumbs = GrowingThumbs(first, record.length, opening.FIRST, sink_hidden=self.hide_sink)
        self._live_grid = time.monotonic() + GRID
        self._say(info={**self.info, "following": True})

    def _rows(self, record: AttentionRecord) -> Generator[None, None, None]:
        """The rows that have come, of the chosen head; and now and then all thumbnails."""
        start, n = self._live_told, record.length
        if n <= start:
            return
        layer, head, hide = self.layer, self.head, self.hide_sink
        rows: list[np.ndarray[Any, Any]] = []
        for query in range(start, n) if n - start <= MOST else ():
            row = yield from tiles.line_steps(record, layer, head, query=query, sink_hidden=hide)
            rows.append(row)
        buffers = [np.concatenate(rows).astype("<f4").tobytes() if rows else b""]
        now = time.monotonic()
        if self._live_thumbs is not None and now >= self._live_grid:
            if self._live_thumbs.sink_hidden != hide:
                self._live_thumbs = None  # the page asks for those of the other variant; the end brings all
            else:
                buffers.append(self._live_thumbs.follow(record).tobytes())
            done = time.monotonic()
            self._live_grid = done + max(GRID, (done - now) / SHARE)
        with self._lock:
            if self._record_name != self._live_name:
                return
            self._record, self._shown, self._live_told = record, list(record.tokens.ids), n
            if self._live_run is not None:
                self._live_run.read = self._read = self._shown
            self._wire.tell("grown", {**self._told_of(record, start), "layer": layer, "head": head,
                                      "variant": opening.variant(sink_hidden=hide)}, buffers)  # fmt: skip

    def _told_of(self, record: AttentionRecord, start: int) -> dict[str, Any]:
        """What a page must know of a record that has grown."""
        tokens = record.tokens.wire()
        tail = slice(start, None)
        return {
            "record": self._record_name,
            "from": start,
            "length": record.length,
            "first_level": tiles.levels(record.length, opening.FIRST),
            "tokens": {**tokens, "pieces": tokens["pieces"][tail], "ids": tokens["ids"][tail]},
        }

    def _whole(self, record: AttentionRecord) -> Generator[None, None, None]:
        """The run is over: scores, exact thumbnails, and the traits that the next page begins with."""
        name, hide, layer, head = self._record_name, self.hide_sink, self.layer, self.head
        sampled = record.length > opening.QUICK_ABOVE
        steps = scores.table_steps(record, sampled=sampled)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                table = self._with_induction(stop.value)
                break
            yield
        traits = yield from opening.grid(record, name, sink_hidden=hide, sampled=sampled)
        traits |= yield from opening.large(record, name, layer, head, sink_hidden=hide)
        with self._lock:
            if name != self._record_name or self._live is None:
                return
            self._live, self._table, self._record = None, table, record
            if (hide, layer, head) != (self.hide_sink, self.layer, self.head):
                traits = {}
            self._say(
                info={**opening.describe(record, name, self._gpt), "following": bool(self._follows)},
                tokens=record.tokens.wire(),
                text=record.tokens.text,
                scores=opening.table(table, sampled=sampled),
                **opening.kinds(table, record.length, causal=record.causal),
                **traits,
                sentence=captions.describe(record, layer, head, sink_hidden=hide),
            )
            self._wire.tell("grown", {"record": name, "from": record.length, "length": record.length})
        self._opened()

    def _opened(self) -> None:
        """A new record is on the screen; while it grows nothing else is measured."""
        if self._live is None:
            super()._opened()

    def _follow_requests(self) -> dict[str, Handler]:
        return {"grown": self._on_grown}

    def _on_grown(self, request: dict[str, Any], _buffers: Any) -> Reply:
        """A page that came late, or missed something, asks for the tokens from one on."""
        record = self._used()
        if record is None or request["record"] != self._record_name:
            raise service.StaleRecord("The picture is of an earlier text.")
        return Reply(self._told_of(record, min(int(request["from"]), record.length)))


def _ordinal(number: int) -> str:
    return ["first", "second", "third"][number] if number < 3 else f"{number + 1}th"
