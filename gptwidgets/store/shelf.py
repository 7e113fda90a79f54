"""The columns of all listings by which a search filters, sorts and counts, in memory.

A row of the database holds a whole card, so that counting facets there reads a page of the disk for each
listing; here 10,000 of them are counted in a millisecond. The database stays the truth: before each search
the shelf takes over what was changed since the last one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, select

from gptwidgets.store import schema

# On a server a transaction that began before another may end after it: what is as new as that is read again.
OVERLAP = timedelta(minutes=2)

LABELS = ("status", "licence", "publisher", "architecture", "origin")
NUMBERS = ("parameters", "context_length", "memory_bytes", "stars_bound")
SETS = {
    "use_case": (schema.listing_use.c.listing_id, schema.listing_use.c.use_case),
    "language": (schema.listing_language.c.listing_id, schema.listing_language.c.language),
}
_TABLE = schema.listing.c
_PLAIN = ("id", "latest_version_id")
_COLUMNS = [_TABLE[name] for name in (*_PLAIN, *LABELS, *NUMBERS)]  # those of the index ix_listing_shelf
_MANY = 500  # changed listings: more are read with all others


class Shelf:
    """The listings as columns; n of them, in the order of their ids.

    Attributes:
        columns: [n] each: "id", "latest_version_id" (0 where there is none); of each of `LABELS` places in
            `values`; of each of `NUMBERS` float64, nan where it is not known.
        members: of each of `SETS`, [n, places in `values`] bool.
        values: for each of `LABELS` and `SETS`, what its places mean; they only ever grow.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: datetime | None = None
        self._mark = -1
        self._ranks: np.ndarray | None = None
        self.values: dict[str, list[str]] = {name: [] for name in (*LABELS, *SETS)}
        self._places: dict[str, dict[str, int]] = {name: {} for name in self.values}
        self.columns = self._columns([])
        self.members = {name: np.zeros((0, 0), bool) for name in SETS}

    def refresh(self, connection: Connection, *, shared: bool) -> None:
        """Takes over what was changed since the last time.

        Args:
            connection: to read from.
            shared: others write, too, and perhaps at the same time.
        """
        with self._lock:
            mark = connection.scalar(select(func.max(schema.journal.c.id))) or 0
            if mark == self._mark and not shared:
                return
            rows = self._changed(connection)
            if rows is None:
                rows = connection.execute(select(*_COLUMNS).order_by(_TABLE.id)).all()
                self.columns = self._columns(rows)
                self.members = {name: np.zeros((len(rows), 0), bool) for name in SETS}
                self._fill_sets(connection, None)
            elif rows:
                self._update(rows)
                self._fill_sets(connection, [row.id for row in rows])
            self._seen, self._mark = connection.scalar(select(func.max(_TABLE.changed_at))), mark
            self._ranks = None if rows else self._ranks

    def places(self, ids: Sequence[int]) -> np.ndarray:
        """Where on the shelf these listings are, ascending; what is not on it is left out."""
        wanted = np.sort(np.asarray(ids, np.int64))
        at = np.minimum(np.searchsorted(self.columns["id"], wanted), max(len(self) - 1, 0))
        return at[self.columns["id"][at] == wanted] if len(self) else at[:0]

    def name_ranks(self, connection: Connection) -> np.ndarray:
        """[n] the place that each listing has in the order of their names."""
        if self._ranks is None or len(self._ranks) != len(self):
            ids = list(connection.scalars(select(_TABLE.id).order_by(func.lower(_TABLE.name))))
            ranks = np.zeros(len(self), np.int64)
            places = np.searchsorted(self.columns["id"], ids)
            ranks[places] = np.arange(len(ids))
            self._ranks = ranks
        return self._ranks

    def __len__(self) -> int:
        return len(self.columns["id"])

    def _changed(self, connection: Connection) -> Sequence[Row[Any]] | None:
        """What was changed; None where all is to be read."""
        if self._seen is None:
            return None
        newer = _TABLE.changed_at >= self._seen - OVERLAP
        if (connection.scalar(select(func.count()).where(newer)) or 0) > _MANY:
            return None
        rows = connection.execute(select(*_COLUMNS).where(newer).order_by(_TABLE.id)).all()
        added = sum(row.id > self._last for row in rows)
        there = connection.scalar(select(func.count()).select_from(schema.listing))
        return rows if there == len(self) + added else None  # else some were deleted

    @property
    def _last(self) -> int:
        return int(self.columns["id"][-1]) if len(self) else 0

    def _columns(self, rows: Sequence[Row[Any]]) -> dict[str, np.ndarray]:
        """Rows as columns."""
        plain = dict(zip((*_PLAIN, *LABELS, *NUMBERS), zip(*rows, strict=True), strict=False))
        return {
            "id": np.array(plain.get("id", ()), np.int64),
            "latest_version_id": np.array([n or 0 for n in plain.get("latest_version_id", ())], np.int64),
            **{name: self._coded(name, plain.get(name, ())) for name in LABELS},
            **{name: np.array(plain.get(name, ()), np.float64) for name in NUMBERS},
        }

    def _update(self, rows: Sequence[Row[Any]]) -> None:
        """Writes changed rows into their places; new ones come last, since ids only ever grow."""
        fresh = self._columns(rows)
        new = fresh["id"] > self._last
        at = np.searchsorted(self.columns["id"], fresh["id"][~new])
        for name, column in fresh.items():
            mine = self.columns[name].copy()  # a search may be reading the old one
            mine[at] = column[~new]
            self.columns[name] = np.concatenate([mine, column[new]])

    def _fill_sets(self, connection: Connection, ids: list[int] | None) -> None:
        for name, (of, value) in SETS.items():
            query = select(of, value) if ids is None else select(of, value).where(of.in_(ids))
            rows = connection.execute(query).all()
            codes = self._coded(name, [row[1] for row in rows])
            before = self.members[name]
            table = np.zeros((len(self), len(self.values[name])), bool)
            table[: before.shape[0], : before.shape[1]] = before
            table[self.places(ids or [])] = False
            table[np.searchsorted(self.columns["id"], [row[0] for row in rows]), codes] = True
            self.members[name] = table

    def _coded(self, name: str, column: Sequence[str]) -> np.ndarray:
        """A column of words as places in `values`, which takes in what it does not have yet."""
        places = self._places[name]
        for value in dict.fromkeys(column):
            if value not in places:
                places[value] = len(places)
                self.values[name].append(value)
        return np.fromiter((places[value] for value in column), np.int32, len(column))
