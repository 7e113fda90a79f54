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
from gptwidgets.widgets.wire import Handler, Reply, Steps, Task, in_words

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Future

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
        self._induction: pd.Series | None = None  # of the model, not of the text: measured once, on request
        self._measuring = False
        self._record_name = ""
        super().__init__(**options)

    def _reading(self, steps: Callable[[AttentionRecord], Steps], priority: int) -> Task:
        raise NotImplementedError

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
        return (
            table if self._induction is None else table.assign(induction=self._induction.reindex(table.index))
        )

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

    def _measure_induction(self) -> None:
        """Measures on the model's thread how much each head is an induction head; once a model."""
        gpt = self._gpt
        if gpt is None or gpt.closed or self._table is None or "induction" in self._table or self._measuring:
            return
        self._measuring = True
        measured = gpt._model_worker.submit(lambda: gpt.induction_scores()["induction"])
        measured.add_done_callback(self._take_induction)

    def _take_induction(self, measured: Future[Any]) -> None:
        self._measuring = False
        error = measured.exception()
        if error is not None:
            self._say(notes=[*self.notes, f"Induction was not measured: {in_words(error)['message']}"])
        else:
            self._induction = measured.result()
            self._take_scores(self._record_name, self._table, sampled=bool(self.scores.get("sampled")))
