"""All records share one memory budget: the least recently used ones go, the newest always stays."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Sized(Protocol):
    """What a budget asks of a record."""

    @property
    def nbytes(self) -> int:
        """How many bytes it holds now."""
        ...

    def close(self) -> None:
        """Gives them back."""
        ...


@dataclass
class _Entry:
    record: weakref.ref[Sized]
    told: list[Callable[[], object]] = field(default_factory=list)


class Budget:
    """Keeps records within a limit of bytes, by closing those that were not used for longest.

    It holds records weakly: one that nobody holds any more simply goes.

    Attributes:
        limit: bytes; may be changed at any time, `trim()` applies it.

    Example:
        >>> budget = Budget(limit=1_000_000_000)
        >>> budget.used
        0
    """

    def __init__(self, limit: int = 1_000_000_000) -> None:
        self.limit = limit
        self._entries: OrderedDict[int, _Entry] = OrderedDict()  # the least recently used first
        self._lock = threading.RLock()

    @property
    def used(self) -> int:
        """Bytes that the records hold now."""
        with self._lock:
            return sum(record.nbytes for record in self._alive())

    def add(self, record: Sized, on_gone: Callable[[], object] | None = None) -> None:
        """Takes a record in as the newest, and makes room for it.

        Args:
            record: anything with `nbytes` and `close()`.
            on_gone: called when the budget has closed the record; its owner may then record again.
        """
        key = id(record)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.record() is not record:
                entry = _Entry(weakref.ref(record, lambda gone: self._drop(key, gone)))
                self._entries[key] = entry
            if on_gone is not None:
                entry.told.append(on_gone)
            self._entries.move_to_end(key)
        self.trim()

    def touch(self, record: Sized) -> None:
        """Says that a record was just used."""
        with self._lock:
            if id(record) in self._entries:
                self._entries.move_to_end(id(record))

    def trim(self) -> None:
        """Closes the least recently used records until the rest is within the limit, the newest excepted."""
        gone: list[_Entry] = []
        with self._lock:
            used = self.used
            for key, entry in list(self._entries.items())[:-1]:
                if used <= self.limit:
                    break
                record = entry.record()
                del self._entries[key]
                if record is not None:
                    used -= record.nbytes
                    record.close()
                    gone.append(entry)
        for entry in gone:  # outside the lock: an owner may record again at once
            for tell in entry.told:
                tell()

    def _drop(self, key: int, gone: weakref.ref[Sized]) -> None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.record is gone:  # ids are used again
                del self._entries[key]

    def _alive(self) -> list[Sized]:
        found = (entry.record() for entry in list(self._entries.values()))
        return [record for record in found if record is not None]


records = Budget()
