"""The arithmetic behind a cell: which cell is chosen, how far it is unfolded, and its numbers for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets as t

from gptwidgets.kernel.wired import wire
from gptwidgets.widgets.service import HOVER, StaleRecord
from gptwidgets.widgets.staging import Staging
from gptwidgets.widgets.values import whole
from gptwidgets.widgets.wire import Handler, Reply, Steps, Task

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord

PARTS = 7  # of a cell's arithmetic at most: vectors, raw, scaled, masked, softmax, value-weighted, output
SIGNED = (
    "These are values with a sign, such as the difference of two records, and no weights of a softmax: "
    "a cell of them has no arithmetic."
)


class Unfolded(t.TraitType[Any, Any]):
    """How many parts of the arithmetic are shown: none to all of them; what is beyond counts as the end."""

    default_value = PARTS

    def validate(self, _obj: Any, value: Any) -> int:
        """Takes a whole number to the nearest that there is."""
        return min(max(whole(value, "A step"), 0), PARTS)


class Explaining(Staging):
    """The part of a widget that shows a cell's arithmetic."""

    step = Unfolded(
        help="How far the arithmetic of the chosen cell is unfolded: 0 is the question, 7 is everything."
    ).tag(sync=True)

    @property
    def cell(self) -> tuple[int, int] | None:
        """The chosen cell as (query, key), or None; its arithmetic stands under the picture.

        Example:
            >>> heat.cell = (12, 3)  # doctest: +SKIP
            >>> heat.cell = None     # doctest: +SKIP
        """
        return None if self.query is None or self.key is None else (self.query, self.key)

    @cell.setter
    def cell(self, cell: Any) -> None:
        checked: list[int | None] = [None, None]
        if cell is not None:
            places = list(cell) if isinstance(cell, tuple | list) else []
            if len(places) != 2 or None in places:
                raise TypeError(f"A cell is (query, key), two tokens' positions, or None, not {cell!r}.")
            checked = [
                getattr(type(self), name)._validate(self, place)
                for name, place in zip(("query", "key"), places, strict=True)
            ]
        with self._lock, self.hold_sync(), self.hold_trait_notifications():
            self.query, self.key = checked

    def _explaining_requests(self) -> dict[str, Handler]:
        """The request "arithmetic" {record, layer, head, query, key}; its answer is in `kernel/wired.py`."""
        return {"arithmetic": self._on_arithmetic}

    def _on_arithmetic(self, request: dict[str, Any], _buffers: Any) -> Task:
        if request["record"] != self._record_name:
            raise StaleRecord("The cell is of an earlier text.")
        head = request["layer"], request["head"]
        query, key = (whole(request[name], f"A {name}") for name in ("query", "key"))
        return self._reading(lambda record: send(record, head, query, key), HOVER)


def send(record: AttentionRecord, head: tuple[Any, Any], query: int, key: int) -> Steps:
    """A cell's numbers and formulas; the numbers of many as float32.

    Args:
        record: the record.
        head: layer and head.
        query: the query's place.
        key: the key's place.

    Raises:
        TypeError: the record is of values with a sign, or means and maxima are asked for.
    """
    yield None
    if record.signed:
        raise TypeError(SIGNED)
    told, buffers = wire(record.arithmetic(*head, query=query, key=key))
    return Reply(told, [numbers.astype("<f4").tobytes() for numbers in buffers])
