"""The effect of each head, as a score of the grid: a job that somebody asks for, with progress and Stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gptwidgets.errors import ClosedError
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.controls import Controls
from gptwidgets.widgets.measuring import LATER
from gptwidgets.widgets.progress import throttled
from gptwidgets.widgets.wire import Handler, Reply, Steps, Task

if TYPE_CHECKING:
    import pandas as pd


class Effects(Controls):
    """The part of a widget that measures what each head does."""

    def __init__(self, **options: Any) -> None:
        self._effects: Any = None  # of the text that is shown: index (layer, head)
        super().__init__(**options)

    def head_effects(self, target: str | int | None = None) -> pd.DataFrame:
        """What switching off each head alone does, by `gpt.head_effects`; then a score of the grid, "effect".

        It is measured on the model without the heads that are off here, by the ablation that is chosen here.

        Args:
            target: a word of one token, or a token's id, that may come next; by default the one that the
                model finds most probable.

        Returns:
            As `gpt.head_effects` returns it: below zero the head spoke for the target.

        Raises:
            TypeError: a record or an array, which has no model to change.

        Example:
            >>> heat.head_effects()["effect"].nsmallest(4)      # doctest: +SKIP
        """
        self.wait()
        gpt = self._gpt
        if gpt is None:
            raise TypeError("Effects need a GPT; this heatmap shows a record or an array.")
        token = CancelToken()
        gpt._model_worker.submit(
            lambda: self._effect_steps(token, target), priority=LATER, token=token
        ).result()
        return self._effects

    def _effect_requests(self) -> dict[str, Handler]:
        return {"effects": self._on_effects, **self._control_requests()}

    def _on_effects(self, _request: dict[str, Any], _buffers: Any) -> Task:
        gpt = self._gpt
        if gpt is None or gpt.closed:
            raise ClosedError("There is no open model here whose heads could be switched off.")
        token = CancelToken()
        return Task(lambda: self._effect_steps(token), gpt._model_worker, LATER, token=token)

    def _effect_steps(self, token: CancelToken, target: str | int | None = None) -> Steps:
        gpt, record, read = self._gpt, self._record, self._read
        if gpt is None or record is None:
            raise ClosedError("There is no text here any more to measure effects on.")
        ids = [int(i) for i in record.tokens.ids]
        tell = throttled(lambda progress: self._say(progress=progress))
        yield None
        try:
            if target is None:
                target = int(gpt.next_token(ids, k=1)["id"].iloc[0])
            made = gpt.head_effects(ids, target, ablation=self.ablation, progress=tell, cancel=token)
        finally:
            self._say(progress={})
        with self._lock:
            if read is self._read:
                self._effects = made
                self._take_scores(self._record_name, self._table, sampled=bool(self.scores.get("sampled")))
        return Reply({"of": str(made.attrs.get("of", ""))})

    def _with_induction(self, table: pd.DataFrame) -> pd.DataFrame:
        table = super()._with_induction(table)
        effects = self._effects
        return table if effects is None else table.assign(effect=effects["effect"].reindex(table.index))
