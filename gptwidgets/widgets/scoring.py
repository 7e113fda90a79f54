"""What kind of head each one is, as a widget shows it: scores, kinds, and induction once it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets as t

from gptwidgets.kernel import scores
from gptwidgets.kernel.worker import Report
from gptwidgets.widgets import opening, service
from gptwidgets.widgets.base import told
from gptwidgets.widgets.looks import Looks
from gptwidgets.widgets.progress import throttled
from gptwidgets.widgets.unasked import induction_of
from gptwidgets.widgets.wire import Handler, Reply, Steps, Task, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import pandas as pd

    from gptwidgets.kernel.record import AttentionRecord


class Scoring(Looks):
    """The part of a widget that scores heads."""

    scores = told(
        t.Dict(help="Scores of the heads: columns, rows [layer, head, value…], sampled, induction.")
    )
    kinds = told(t.Dict(help="For each kind of head, what to look for."))
    kind_of = told(t.List(help="[layer, head, kind] of each head."))

    def __init__(self, **options: Any) -> None:
        self._table: Any = None  # the scores as a DataFrame
        self._record_name = ""
        super().__init__(**options)

    def _reading(self, steps: Callable[[AttentionRecord], Steps], priority: int) -> Task:
        raise NotImplementedError

    def _settled(self) -> None:
        """What is seen will stay for a while."""

    def _score_requests(self) -> dict[str, Handler]:
        return {"scores": self._on_scores, "induction": self._on_induction}

    @t.observe("sort", "filter")
    def _sorted(self, _change: Any = None) -> None:
        if "induction" in {self.sort, *self.filter[:1]}:
            self._measure_induction()

    def _exactly(
        self, record: AttentionRecord, tell: Callable[[Report], None] = lambda _: None
    ) -> Generator[None, None, None]:
        """Scores and thumbnails from all rows, in place of those of a first look."""
        name, steps = self._record_name, scores.table_steps(record, sampled=False)
        while name == self._record_name:
            try:
                tell(Report("exact scores", next(steps), 1.0))
            except StopIteration as stop:
                self._take_scores(name, stop.value, sampled=False)
                yield from self._regrid(record)
                return
            yield

    def _regrid(self, record: AttentionRecord) -> Generator[None, None, None]:
        """All thumbnails anew: from all rows, or with the first token or without it."""
        name, hide = self._record_name, self.hide_sink
        sampled = bool(self.scores.get("sampled"))
        traits = yield from opening.grid(record, name, sink_hidden=hide, sampled=sampled)
        if (name, hide) == (self._record_name, self.hide_sink):
            self._say(**traits)

    def _take_scores(self, name: str, table: pd.DataFrame, *, sampled: bool) -> None:
        """Publishes new scores, unless they are of an earlier text."""
        with self._lock:
            if name != self._record_name:
                return
            self._table = table = self._with_induction(table)
            named = opening.kinds(table, self.info["length"], causal=self.info["causal"])
            self._say(scores=opening.table(table, sampled=sampled), **named)

    def _with_induction(self, table: pd.DataFrame) -> pd.DataFrame:
        """The scores with those that are the model's, not the text's, as far as they were measured."""
        measured = induction_of(self._gpt).scores if self._gpt is not None and not self._gpt.closed else None
        if measured is None and self._table is not None and "induction" in self._table:
            measured = self._table["induction"]  # by a model that is closed now
        return table if measured is None else table.assign(induction=measured.reindex(table.index))

    def _on_scores(self, request: dict[str, Any], _buffers: Any) -> Task | Reply:
        """Exact scores of a long text: a job with progress."""
        if not self.scores.get("sampled") or not request.get("exact", True):
            return Reply()

        def steps(record: AttentionRecord) -> Steps:
            try:
                yield from self._exactly(record, throttled(lambda progress: self._say(progress=progress)))
            finally:
                self._say(progress={})
            return Reply()

        return self._reading(steps, service.EXACT)

    def _on_induction(self, _request: dict[str, Any], _buffers: Any) -> Reply:
        self._measure_induction()
        return Reply()

    def _measure_induction(self, *, asked: bool = True) -> None:
        """Has the model measured, once for all widgets: how much is each head an induction head?"""
        gpt = self._gpt
        if self._table is None or "induction" in self._table:
            return
        if gpt is not None and not gpt.closed:
            induction_of(gpt).want(self._take_induction, asked=asked)
        elif asked:
            it = "a record of one text is all there is here" if gpt is None else f"{gpt.name} is closed"
            self._note(
                f"Induction cannot be measured: it takes an open model to read random tokens, and {it}."
            )

    def _take_induction(self, error: BaseException | None) -> None:
        if self.comm is None or not self.scores:  # closed, or asleep
            return
        if error is not None:
            self._note(f"Induction was not measured: {in_words(error)['message']}")
            return
        before = self._kind()
        self._take_scores(self._record_name, self._table, sampled=bool(self.scores.get("sampled")))
        if before != self._kind():
            self._settled()  # the caption is another one

    def _kind(self) -> str:
        """The chosen head's kind; "" where it has none."""
        here = self.layer, self.head
        return next((kind for layer, head, kind in self.kind_of if (layer, head) == here), "")

    def _note(self, sentence: str) -> None:
        with self._lock:
            if sentence not in self.notes:
                self._say(notes=[*self.notes, sentence])
