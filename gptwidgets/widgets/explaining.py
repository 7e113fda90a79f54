"""The arithmetic behind a cell, for the page that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gptwidgets.kernel.wired import wire
from gptwidgets.widgets.service import HOVER, StaleRecord
from gptwidgets.widgets.values import whole
from gptwidgets.widgets.wire import Handler, Reply, Steps, Task

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.widgets.reading import Reading


def requests(heat: Reading) -> dict[str, Handler]:
    """The request "arithmetic" {record, layer, head, query, key}; its answer is that of `kernel/wired.py`.

    Args:
        heat: whose record is read.
    """

    def arithmetic(request: dict[str, Any], _buffers: Any) -> Task:
        if request["record"] != heat._record_name:
            raise StaleRecord("The cell is of an earlier text.")
        head = request["layer"], request["head"]
        query, key = (whole(request[name], f"A {name}") for name in ("query", "key"))
        return heat._reading(lambda record: send(record, head, query, key), HOVER)

    return {"arithmetic": arithmetic}


def send(record: AttentionRecord, head: tuple[Any, Any], query: int, key: int) -> Steps:
    """A cell's numbers and formulas; the numbers of many as float32.

    Args:
        record: the record.
        head: layer and head.
        query: the query's place.
        key: the key's place.
    """
    yield None
    told, buffers = wire(record.arithmetic(*head, query=query, key=key))
    return Reply(told, [numbers.astype("<f4").tobytes() for numbers in buffers])
