"""What each head does, as scores of the grid: jobs that somebody asks for, with progress and Stop.

effect  what switching the head off does to the next word's log-probability (`gpt.head_effects`)
direct  what it adds straight to that word's logit (`gpt.direct_logits`)
value   how much it writes into the residual stream (`gpt.value_norms`)
"""

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

MADE_BY = {"effect": "head_effects", "direct": "direct_logits", "value": "value_norms", "own": "show_scores"}
COLUMNS = {"effect": "effect", "direct": "direct", "value": "norm"}


class Effects(Controls):
    """The part of a widget that measures what each head does."""

    def __init__(self, **options: Any) -> None:
        self._effects: dict[str, Any] = {}  # of the text that is shown: tables with index (layer, head)
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
        return self._measured_heads("effect", target)

    def direct_logits(self, target: str | int | None = None, versus: str | int | None = None) -> pd.DataFrame:
        """What each head adds straight to a word's logit, by `gpt.direct_logits`; then the score "direct".

        Args:
            target: as for `head_effects`.
            versus: another word, whose logit is taken off.

        Returns:
            As `gpt.direct_logits` returns it: above zero the head speaks for the target.

        Raises:
            TypeError: a record or an array, which has no model.

        Example:
            >>> heat.direct_logits("Mary", "John")["direct"].nlargest(4)      # doctest: +SKIP
        """
        return self._measured_heads("direct", target, versus)

    def value_norms(self) -> pd.DataFrame:
        """How much each head writes, by `gpt.value_norms`; then a score of the grid, "value".

        Returns:
            As `gpt.value_norms` returns it.

        Raises:
            TypeError: a record or an array, which has no model.

        Example:
            >>> heat.value_norms()["norm"].nlargest(4)      # doctest: +SKIP
        """
        return self._measured_heads("value")

    def _measured_heads(self, name: str, *words: Any) -> pd.DataFrame:
        self.wait()
        gpt = self._gpt
        if gpt is None:
            raise TypeError(f"{MADE_BY[name]} needs a GPT; this heatmap shows a record or an array.")
        token = CancelToken()
        gpt._model_worker.submit(
            lambda: self._effect_steps(name, token, *words), priority=LATER, token=token
        ).result()
        return self._effects[name]

    def _effect_requests(self) -> dict[str, Handler]:
        return {"effects": self._on_effects, **self._control_requests()}

    def _on_effects(self, request: dict[str, Any], _buffers: Any) -> Task:
        gpt, name = self._gpt, request.get("of", "effect")
        if gpt is None or gpt.closed:
            raise ClosedError("There is no open model here whose heads could be switched off.")
        if name not in COLUMNS:
            raise ValueError(f"Heads are measured by one of {', '.join(COLUMNS)}, not {name!r}.")
        token = CancelToken()
        return Task(lambda: self._effect_steps(name, token), gpt._model_worker, LATER, token=token)

    def _effect_steps(
        self, name: str, token: CancelToken, target: str | int | None = None, versus: str | int | None = None
    ) -> Steps:
        gpt, record, read = self._gpt, self._record, self._read
        if gpt is None or record is None:
            raise ClosedError("There is no text here any more to measure effects on.")
        ids = [int(i) for i in record.tokens.ids]
        tell = throttled(lambda progress: self._say(progress=progress))
        yield None
        try:
            if target is None and name != "value":
                target = int(gpt.next_token(ids, k=1)["id"].iloc[0])
            if name == "value":
                made = gpt.value_norms(record, progress=tell, cancel=token)
            elif target is not None and name == "direct":
                made = gpt.direct_logits(ids, target, versus, cancel=token)
            else:
                made = gpt.head_effects(ids, target, ablation=self.ablation, progress=tell, cancel=token)
        finally:
            self._say(progress={})
        with self._lock:
            if read is self._read:
                self._effects = {**self._effects, name: made}
                self._take_scores(self._record_name, self._table, sampled=bool(self.scores.get("sampled")))
        return Reply({"of": str(made.attrs.get("of", ""))})

    def _with_induction(self, table: pd.DataFrame) -> pd.DataFrame:
        table = super()._with_induction(table)
        known = self._effects.items()
        return table.assign(**{name: made[COLUMNS[name]].reindex(table.index) for name, made in known})
