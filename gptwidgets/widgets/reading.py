"""Reading the record that is shown, on the reader's thread; recorded again where the budget took it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gptwidgets.errors import ClosedError
from gptwidgets.kernel import budget
from gptwidgets.kernel.worker import Worker
from gptwidgets.widgets.ownscores import OwnScores
from gptwidgets.widgets.service import HOVER
from gptwidgets.widgets.wire import Task

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.widgets.run import Make
    from gptwidgets.widgets.wire import Steps

arrays = Worker("gptwidgets arrays")  # reads the records that belong to no GPT, or to a closed one


class Reading(OwnScores):
    """The part of a widget that reads its record."""

    def __init__(self, **options: Any) -> None:
        self._shown: Any = None  # what the picture is of: text, messages or ids
        self._make: Make | None = None  # how its record was made
        self._again: Future[AttentionRecord] | None = None
        super().__init__(**options)

    @property
    def _reader(self) -> Worker:
        gpt = self._gpt
        return arrays if gpt is None or gpt.closed or gpt.reader.closed else gpt.reader

    def _record_again(self) -> Future[AttentionRecord]:
        """Records the same text once more, behind the scenes, after the budget took the record back."""
        with self._lock:
            if self._again is not None:
                return self._again
            gpt, text, name, make = self._gpt, self._shown, self._record_name, self._make
            if gpt is None or text is None:
                raise ClosedError(
                    "This record was closed, so its parts can no longer be read; record the text again."
                )
            again = gpt._model_worker.submit(
                lambda: gpt.record(text, progress=False) if make is None else make(False, None)
            )
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
            return Task(lambda: steps(record), self._reader, priority, soon=priority >= HOVER)
        again = self._record_again()
        return Task(lambda: steps(again.result()), self._reader, priority, again)
