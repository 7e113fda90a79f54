"""Which numbers the picture shows: the weights, or a stage on the way to them or from them to the output.

A head's stages are in kernel/stages.py. The grid of all heads shows weights always, and so does the large
picture where the record has no such stage, or where means and maxima of heads are shown, which have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets as t

from gptwidgets.kernel.stages import NO_QUERIES, NO_VALUES, STAGES, available, staged
from gptwidgets.widgets.recording import Recording

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord

WORDS = {
    "raw": "Raw: query · key, before scale and mask.",
    "scaled": "Scaled: query · key · scale, before the mask.",
    "masked": "Masked: what the softmax is taken of, in the cells that it sees.",
    "softmax": "",
    "value-weighted": "Value-weighted: the length of weight × value, what a key adds to the head's output.",
}
COMBINED = (
    'Means and maxima of heads have only the stage "softmax"; choose one head first, such as '
    'heat.head = "L18H6".'
)


class Stage(t.TraitType[Any, Any]):
    """A stage's name."""

    default_value = "softmax"

    def validate(self, obj: Any, value: Any) -> str:
        """Checks that there is such a stage, and that what is shown has it."""
        if not isinstance(value, str) or value not in STAGES:
            raise ValueError(f"A stage is one of {', '.join(STAGES)}, not {value!r}.")
        obj.check_stage(value)
        return value


class Staging(Recording):
    """The part of a widget that shows a stage."""

    stage = Stage(
        help='What the picture shows: "raw", "scaled", "masked", "softmax" (the weights) or "value-weighted".'
    ).tag(sync=True)

    def check_stage(self, stage: str) -> None:
        """Raises TypeError where the chosen head, or the record, has no such stage."""
        if stage == "softmax":
            return
        if not (isinstance(self.layer, int) and isinstance(self.head, int)):
            raise TypeError(COMBINED)
        record = self._record
        if record is not None and not record.closed and self.status == "ready":
            there = available(record)
            if stage not in there:
                raise TypeError(NO_VALUES if len(there) > 1 else NO_QUERIES)

    def _stage_shown(self) -> str:
        """The stage of the picture."""
        one = isinstance(self.layer, int) and isinstance(self.head, int)
        there = one and self.stage in self.info.get("stages", ()) and not self.info.get("following")
        return self.stage if there else "softmax"

    def _staged(self, record: AttentionRecord) -> AttentionRecord:
        return staged(record, self._stage_shown(), self.layer, self.head)
