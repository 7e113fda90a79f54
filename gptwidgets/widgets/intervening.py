"""Heads switched off and edges cut in a widget: what one sees is the text as the changed model reads it.

What is off is a state of the widget, and not of the model: its own readings are under it, and nobody else's.
A change is measured first (see `Measuring`), then the text is recorded anew, quietly: places stay, and the
picture before stands until the next one is whole.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Self

import traitlets as t

from gptwidgets.errors import Cancelled, ClosedError, OutOfMemory
from gptwidgets.kernel.intervention import NOTHING, Intervention
from gptwidgets.widgets.changes import Cut, HeadsOff
from gptwidgets.widgets.effects import MADE_BY, Effects
from gptwidgets.widgets.measuring import MAP
from gptwidgets.widgets.recording import PLACES
from gptwidgets.widgets.run import Run, in_full
from gptwidgets.widgets.unasked import induction_of
from gptwidgets.widgets.wire import Handler, Reply, plain

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from gptwidgets.kernel.gpt import GPT
    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.widgets.run import Make

CHANGES = ("heads_off", "cut", "ablation", "compare")
STEPS_BACK = 100
POLL = 0.05  # seconds


class Intervening(Effects):
    """The part of a widget that changes the model that it shows."""

    heads_off = HeadsOff(help='Heads switched off: [layer, head] each; also as "L18H6".').tag(sync=True)
    cut = Cut(help="Edges that are cut: [layer, head, query, key] each.").tag(sync=True)
    ablation = t.Enum(
        ["mean", "zero", "resample"],
        "mean",
        help="What stands for a switched-off head's output: its mean over a reference text, zero, or its "
        "outputs at some places of that text.",
    ).tag(sync=True)
    switching = t.Bool(
        False, help="The mode in which a click on the grid switches a head off, and a box on the map cuts."
    ).tag(sync=True)
    compare = t.Enum(
        ["with", "without", "difference"],
        "with",
        help="What the pictures show: the model with what is switched off, without it, or the first minus "
        "the second.",
    ).tag(sync=True)

    def __init__(self, **options: Any) -> None:
        self._history: list[tuple[Any, Any]] = []
        self._records: dict[Intervention, AttentionRecord] = {}  # of the text that is shown
        self._in_force: dict[str, Any] = {}  # what the picture was made with
        self._asked: tuple[Intervention, str] = (NOTHING, "with")
        self._held = 0
        super().__init__(**options)
        self._before = (self.heads_off, self.cut)
        self._asked = self._wish()

    # What a user asks

    def undo(self) -> Self:
        """Takes back the last change of `heads_off` or `cut`; does nothing where there was none.

        Returns:
            The widget itself.

        Example:
            >>> heat.heads_off = ["L18H6"]      # doctest: +SKIP
            >>> heat.undo().heads_off           # doctest: +SKIP
            []
        """
        with self._lock:
            if self._history:
                self._before = before = self._history.pop()
                with self._at_once():
                    self.heads_off, self.cut = before
                self._say(undoable=len(self._history))
        return self

    def clear(self) -> Self:
        """Switches all heads on, and restores all edges; `undo()` takes it back.

        Returns:
            The widget itself.
        """
        with self._at_once():
            self.heads_off, self.cut = [], []
        return self

    def switch_off(self, k: Any, by: str = "induction") -> Self:
        """Switches off the k heads with the highest score, besides those that are off already.

        Args:
            k: how many.
            by: a score: "induction", which is measured first where it was not, "entropy", "first" …; of
                "effect" (see `head_effects`) the heads that speak most for the word, the lowest ones.

        Returns:
            The widget itself.

        Raises:
            ValueError: no such score, or not so many heads.
            TypeError: a record or an array, which has no model to change.

        Example:
            >>> heat.switch_off(4, by="induction").wait().effect["words"]    # doctest: +SKIP
            '4 heads off (mean): L17H3, L17H4, L18H6, L23H2'
        """
        self.wait()
        if by not in self.SCORES:
            raise ValueError(f"by is a score, one of {', '.join(self.SCORES)}, not {by!r}.")
        table = self._table
        if by == "induction" and by not in table and self._gpt is not None and not self._gpt.closed:
            induction_of(self._gpt).now()
            self._take_induction(None)
            table = self._table
        if by not in table:
            how = f" yet: heat.{MADE_BY[by]}(…) makes it" if by in MADE_BY else ""
            raise ValueError(f"The heads have no score “{by}”{how}.")
        known = table[by].dropna()
        if not isinstance(k, int) or not 1 <= k <= len(known):
            raise ValueError(f"k is a number of heads from 1 to {len(known)}, not {k!r}.")
        strongest = known.nsmallest(k) if by == "effect" else known.nlargest(k)  # what speaks for the word
        highest = [(int(layer), int(head)) for layer, head in strongest.index]
        self.heads_off = [*self.heads_off, *highest]
        return self

    @property
    def intervention(self) -> Intervention:
        """What is changed here, as for `gpt.compare(text, heat.intervention)`; empty for nothing."""
        off: Any = [tuple(one) for one in self.heads_off]
        cut: Any = [tuple(one) for one in self.cut]
        ablation: Any = self.ablation if off else "zero"  # means nothing where no head is off
        return Intervention(frozenset(off), ablation, frozenset(cut))

    # What follows from a change

    @t.observe(*CHANGES)
    def _changed_inside(self, _change: Any) -> None:
        if self._speaking or self.comm is None or self._held:
            return
        with self._lock:
            now = (self.heads_off, self.cut)
            if now != self._before:
                self._history = [*self._history, self._before][-STEPS_BACK:]
                self._before = now
                self._say(undoable=len(self._history))
            self._apply()

    @t.observe("switching")
    def _mode_changed(self, _change: Any) -> None:
        if self.comm is not None and self.switching and self.status == "ready":
            self._measure()  # what the model says untouched, to hold the first change against

    @contextlib.contextmanager
    def _at_once(self) -> Generator[None]:
        """Takes several changes as one."""
        with self._lock:
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1
            self._changed_inside(None)

    def _wish(self) -> tuple[Intervention, str]:
        """What is to be seen, in one form for all ways to say it."""
        made = self.intervention
        return made, self.compare if made else "with"

    def _apply(self) -> None:
        """Measures and records what was changed, unless that is what there is."""
        wish = self._wish()
        if wish == self._asked:
            return
        inside, self._asked = wish[0] != self._asked[0], wish
        gpt, run = self._gpt, self._run
        if gpt is None or gpt.closed or run is None or self._read is None:
            return
        if self.status == "recording":  # another text, which is to be read like this from the beginning
            self._begin(run.read)
            return
        if self._record is None:  # asleep, or stopped before there was anything
            return
        if inside:
            self._measure()
        self._record_quietly(gpt)

    def _record_quietly(self, gpt: GPT) -> None:
        run = Run(self._shown)
        run.quiet = True
        run.make = make = self._maker(self._shown)
        self._cancel_run()
        self._run = run
        self._pending = {name: getattr(self, name) for name in PLACES}
        self._say(error={})

        def made(future: Any) -> None:
            if (error := future.exception()) is None:
                self._show(future.result(), run)
            else:
                self._over(run, error)

        try:
            job = gpt._model_worker.submit(lambda: make(False, run.token), priority=MAP, token=run.token)
            job.add_done_callback(made)
        except ClosedError as error:
            self._over(run, error)

    def _maker(self, text: Any) -> Make:
        """What records a text as it is wished now; records that are there already are not made again."""
        gpt = self._gpt
        assert gpt is not None  # noqa: S101 - nobody else records
        changed, compare = self._asked = self._wish()
        standing, kept = gpt.intervention, self._records

        def one(under: Intervention, progress: Any, cancel: Any) -> AttentionRecord:
            record = kept.get(under)
            if record is None or record.closed:
                for stale in kept.keys() - {standing}:
                    del kept[stale]  # at most the untouched one, and one other
                with gpt.under(under):
                    record = kept[under] = gpt.record(text, progress=progress, cancel=cancel)
            return record

        def make(progress: Any, cancel: Any) -> AttentionRecord:
            if compare == "without":
                return one(standing, progress, cancel)
            both = standing | changed
            if compare == "with":
                return one(both, progress, cancel)
            untouched, record = one(standing, progress, cancel), one(both, progress, cancel)
            if untouched.closed:
                raise OutOfMemory(
                    "The records with and without the change do not both fit into the memory budget for "
                    "records: take a shorter text."
                )
            return record.difference(untouched)

        return make

    def _begin(self, text: Any) -> None:
        if self._read is not None and not _same(text, self._read):
            self._forget_steps()
            self._effects = {}
            self._say(cut=[])  # those were between places of another text
        if "cut" in self._pending:
            self._say(cut=self.traits()["cut"]._validate(self, self._pending.pop("cut")))
        self._records, self._before = {}, (self.heads_off, self.cut)
        super()._begin(text)

    def _restore(self, state: Mapping[str, Any]) -> None:
        with self._at_once():
            super()._restore(state)  # type: ignore[misc] - of `Shared`

    def _empty(self) -> None:
        super()._empty()
        self._records = {}
        self._forget_steps()
        self._say(cut=[], effect={})
        self._before, self._asked = (self.heads_off, self.cut), self._wish()

    def _forget_steps(self) -> None:
        self._history = []
        self._say(undoable=0)

    def _notes_of(self, record: AttentionRecord) -> list[str]:
        """What is off is said where it is switched; the rest is to be known."""
        shown = self._records.get(self._asked[0], record) if self._asked[1] == "difference" else record
        said = f"Recorded with {shown.intervention.words()}." if self._asked[0] else ""
        return [note for note in shown.notes if note != said]

    def _used(self) -> AttentionRecord | None:
        """The record if it is there; a difference is no longer there when one of its two is not."""
        both = self._in_force.get("compare") == "difference"
        if both and any(one.closed for one in self._records.values()):
            return None
        return super()._used()

    def _opened(self) -> None:
        quiet = self._run is not None and self._run.quiet
        self._in_force = {name: getattr(self, name) for name in CHANGES}
        super()._opened()
        if not quiet and (self.switching or self._asked[0]):
            self._measure()

    def _over(self, run: Run, error: BaseException | None) -> None:
        """A change that cannot be made is taken back, and said; the picture is as it was."""
        if error is None or not run.quiet or (self._gpt is not None and self._gpt.closed):
            super()._over(run, error)
            return
        run.error = plain(error)
        with self._lock:
            if run is self._run:
                stopped = isinstance(error, Cancelled)
                said = {} if stopped else {**in_full(run.error), "action": ""}
                self._stop_measuring()
                self._say(**self._in_force, error=said, progress={})
                self._before, self._asked = (self.heads_off, self.cut), self._wish()
                if self._history:
                    self._history.pop()
                    self._say(undoable=len(self._history))
                self._measure()
        run.done.set()

    def wait(self, timeout: float | None = None) -> Self:
        """Waits until the picture is ready, and what a change does has been measured; see `Recording`."""
        run = self._run
        try:
            super().wait(timeout)
        except BaseException:
            if run is self._run and run is not None and run.quiet and run.error is not None:
                self._run = again = Run(self._shown)  # said once; the picture before is there
                again.done.set()
            raise
        return self._wait_measured(timeout)

    def close(self) -> None:
        """Takes the widget off all pages, stops its jobs, and lets go of its records."""
        self._stop_measuring()
        self._records = {}
        super().close()

    def _fall_asleep(self) -> None:
        super()._fall_asleep()  # type: ignore[misc] - of `Displayed`
        if self._record is None:
            self._records = {}

    # Requests

    def _intervening_requests(self) -> dict[str, Handler]:
        def undo(_request: dict[str, Any], _buffers: Any) -> Reply:
            self.undo()
            return Reply()

        return {"undo": undo, **self._effect_requests()}


def _same(one: Any, other: Any) -> bool:
    """Whether two texts, messages or lists of ids are the same; arrays are where they are one."""
    return one is other or (isinstance(one, str | list) and isinstance(other, str | list) and one == other)
