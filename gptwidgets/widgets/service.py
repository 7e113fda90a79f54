"""Answers to what a page asks about a record: tiles, thumbnails, exact values; packed into few messages."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.kernel import tiles
from gptwidgets.kernel.stages import staged
from gptwidgets.widgets.values import whole
from gptwidgets.widgets.wire import Reply, Steps

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord

PACK = 64 * 1024  # bytes; a message is at least this long, where there is that much …
PACK_MOST = 512 * 1024  # … and at most this long
PATIENCE = 0.1  # seconds; what is ready is sent after this time even if it is little
SAMPLED_SIDE = 4096  # tokens; a tile that covers more comes from sampled rows first

# Which of two waiting jobs goes first.
HOVER, CHOSEN, GRID, EXACT = 30, 20, 10, 0


class StaleRecord(GPTWidgetsError, LookupError):
    """The page asks about a record that is no longer the widget's."""


def urgency(request: dict[str, Any], layer: Any, head: Any) -> int:
    """How soon a request is answered: exact values under the pointer, then the chosen head, then the grid.

    Args:
        request: a request of the kind patch, line, tiles or thumbs.
        layer: the chosen layer.
        head: the chosen head.
    """
    if request["kind"] in {"patch", "line"}:
        return HOVER
    wanted = request.get("tiles")
    chosen = isinstance(wanted, list) and any(
        tile[:2] == [layer, head] for tile in wanted if isinstance(tile, list)
    )
    return CHOSEN if chosen else GRID


def variant(name: str) -> dict[str, Any]:
    """What a variant's name on the wire says, as keywords: "plain", "no_sink", or one with ":" and a stage.

    Example:
        >>> variant("no_sink:raw")
        {'sink_hidden': True, 'stage': 'raw'}
    """
    sink, _, stage = str(name).partition(":")
    return {"sink_hidden": sink == "no_sink", **({"stage": stage} if stage else {})}


class Pack:
    """Collects pictures until there are enough for a message."""

    def __init__(self, field: str) -> None:
        self.field = field
        self.clear()

    def clear(self) -> None:
        """Begins a new message."""
        self.entries: list[list[Any]] = []
        self.parts: list[bytes] = []
        self.size = 0
        self.since = time.monotonic()

    def add(self, entry: list[Any], picture: np.ndarray) -> None:
        """Appends one picture [rows, cols] and what it is called."""
        self.entries.append(entry)
        self.parts.append(picture.tobytes())
        self.size += picture.size

    @property
    def due(self) -> bool:
        """True when what is here should be sent now."""
        return self.size >= PACK or (self.size > 0 and time.monotonic() - self.since > PATIENCE)

    def take(self) -> Reply:
        """The message, and a new one is begun."""
        reply = Reply({self.field: self.entries}, [b"".join(self.parts)])
        self.clear()
        return reply


def send_tiles(
    record: AttentionRecord, wanted: Iterable[list[Any]], *, sink_hidden: bool, stage: str = "softmax"
) -> Steps:
    """Computes tiles and sends them as they come; large coarse ones from sampled rows first.

    Args:
        record: the record.
        wanted: [layer, head, level, row, col] each.
        sink_hidden: leave the first token out and renormalise.
        stage: which numbers, see kernel/stages.py; each tile then says its head's largest magnitude, too.
    """
    pack = Pack("tiles")
    all_ = [
        (*tile[:2], *_numbers(tile)) for tile in _entries(wanted, ["layer", "head", "level", "row", "col"])
    ]
    slow = [tile for tile in all_ if tiles.TILE << tile[2] > SAMPLED_SIDE and record.length > SAMPLED_SIDE]
    order = [(tile, True) for tile in slow] + [
        (tile, False) for tile in sorted(all_, key=lambda tile: tile in slow)
    ]
    for (layer, head, level, row, col), sampled in order:
        picture, exact = yield from tiles.tile(
            record, layer, head, level, row, col, sink_hidden=sink_hidden, sampled=sampled, stage=stage
        )
        most = [] if stage == "softmax" else [float(staged(record, stage, *record.find(layer, head)).vmax)]
        pack.add([layer, head, level, row, col, *picture.shape, int(exact), *most], picture)
        if pack.due:
            yield pack.take()
    return pack.take()


def send_thumbnails(record: AttentionRecord, heads: Iterable[list[Any]], *, sink_hidden: bool) -> Steps:
    """Computes thumbnails and sends many in a message.

    Args:
        record: the record.
        heads: [layer, head] each.
        sink_hidden: leave the first token out and renormalise.
    """
    pack = Pack("thumbs")
    wanted = [(layer, head) for layer, head in _entries(heads, ["layer", "head"])]
    for found in tiles.thumbnails(record, wanted, sink_hidden=sink_hidden):
        if found:
            layer, head, picture = found
            exact = record.length <= tiles.SAMPLE_ABOVE or ("summary", layer, False) in record.cache
            pack.add([layer, head, *picture.shape, int(exact)], picture)
        yield pack.take() if pack.due else None
    return pack.take()


def send_patch(
    record: AttentionRecord, request: dict[str, Any], *, sink_hidden: bool, stage: str = "softmax"
) -> Steps:
    """The exact values of 64 × 64 cells, float32, for hovering."""
    row, col = (whole(request[name], f"A {name}") for name in ("row", "col"))
    values = yield from tiles.patch_steps(
        record, request["layer"], request["head"], row, col, sink_hidden=sink_hidden, stage=stage
    )
    return Reply({"row": row, "col": col, "size": tiles.PATCH}, [_floats(values)])


def send_line(
    record: AttentionRecord, request: dict[str, Any], *, sink_hidden: bool, stage: str = "softmax"
) -> Steps:
    """What one token looks at (`query`) or who looks at it (`key`), exact, float32 [T]."""
    which: dict[str, Any] = {
        name: whole(request[name], f"A {name}") for name in ("query", "key") if request.get(name) is not None
    }
    if len(which) != 1:
        raise ValueError("A line is of one query or of one key.")
    values = yield from tiles.line_steps(
        record, request["layer"], request["head"], sink_hidden=sink_hidden, stage=stage, **which
    )
    return Reply(which, [_floats(values)])


def _entries(wanted: Any, names: list[str]) -> list[list[Any]]:
    """Checks that a page asks for a list of lists of this many parts."""
    if not isinstance(wanted, list):
        raise TypeError(f"This is asked for as a list of [{', '.join(names)}].")
    for entry in wanted:
        if not isinstance(entry, list) or len(entry) != len(names):
            raise ValueError(f"This is asked for as [{', '.join(names)}], not as {entry!r}.")
    return wanted


def _numbers(tile: list[Any]) -> list[int]:
    level, row, col = (whole(number, "A tile's name") for number in tile[2:])
    if not 0 <= level <= tiles.COARSEST:
        raise IndexError(f"There is no level {level}.")
    return [level, row, col]


def _floats(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()
