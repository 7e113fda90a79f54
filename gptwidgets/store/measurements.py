"""What models did on machines: saved with what they ran on, so that figures are compared with their like."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, func, insert, select

from gptwidgets.errors import StoreError
from gptwidgets.store import clock, journal, listings, schema

if TYPE_CHECKING:
    from gptwidgets.store.database import Database


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One run of one version.

    Attributes:
        machine: which (see machine.py).
        device: in words, as torch names it.
        dtype: of the weights.
        torch: its version.
        transformers: its version.
        tokens_per_second: written, after the first.
        first_token_s: seconds until the first.
        peak_bytes: the most memory that it took.
        bits_per_byte: on the text that the package ships; fewer are better.
        text_bytes: on how many of that text's; a slow model reads less than all. None in what was measured
            before that was kept.
    """

    machine: str
    device: str
    dtype: str
    torch: str
    transformers: str
    tokens_per_second: float | None = None
    first_token_s: float | None = None
    peak_bytes: int | None = None
    bits_per_byte: float | None = None
    text_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Measurement(Figures):
    """A run that was saved: by whom, when, and of what."""

    id: int
    version_id: int
    person: str
    made_at: datetime


def save(database: Database, version_id: int, figures: Figures) -> Measurement:
    """Saves a run.

    Raises:
        StoreError: there is no such version, or a figure is none.
    """
    found, told = listings.version(database, version_id), dict[str, Any](vars(figures))
    for name in ("tokens_per_second", "first_token_s", "peak_bytes", "bits_per_byte"):
        value = told[name]
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise StoreError(f"A measurement's {name} is {value}; that is no figure, measure again.")
    table = schema.measurement
    with database.writing("measure", found.name, device=figures.device) as connection:
        now = clock.now(connection)
        values: dict[str, Any] = {**told, "version_id": version_id, "person": database.user, "made_at": now}
        added = journal.new_id(connection.execute(insert(table).values(values)))
        journal.complete(connection, added)
    return Measurement(id=added, **values)


def measurements(
    database: Database, listing_id: int | None = None, *, machine: str | None = None, limit: int = 1000
) -> list[Measurement]:
    """The runs that were saved, the newest first: of one listing, or one machine, or all."""
    table = schema.measurement
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if listing_id is not None:
        query = query.join(schema.version, schema.version.c.id == table.c.version_id)
        query = query.where(schema.version.c.listing_id == listing_id)
    if machine is not None:
        query = query.where(table.c.machine == machine)
    with database.reading() as connection:
        return [Measurement(**row._mapping) for row in connection.execute(query)]


def latest(machine: str) -> Select[Any]:
    """The newest run of each version on a machine, as rows of `schema.measurement` to join and sort by."""
    table = schema.measurement
    newest = select(func.max(table.c.id)).where(table.c.machine == machine).group_by(table.c.version_id)
    return select(table).where(table.c.id.in_(newest))
