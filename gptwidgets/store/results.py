"""A page of listings, each with all that its card says, and what is here of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from gptwidgets.store import measurements, schema

_SHOWN = (
    *(
        "id",
        "name",
        "title",
        "publisher",
        "summary",
        "licence",
        "architecture",
        "parameters",
        "context_length",
    ),
    *("weight_bytes", "memory_bytes", "stars_mean", "stars_bound", "n_reviews", "status", "origin", "gated"),
    *("latest_version_id", "changed_at"),
)
FIGURES = ("tokens_per_second", "first_token_s", "peak_bytes", "bits_per_byte")  # that were measured here


class Here:
    """What is installed and what was measured on a machine, by version; few, beside what there is."""

    def __init__(self, connection: Connection, machine: str) -> None:
        table = schema.install.c
        query = select(table.version_id).where(table.machine == machine)
        self.installed = set(connection.scalars(query))
        rows = connection.execute(measurements.latest(machine))
        self.measured = {int(row.version_id): dict(row._mapping) for row in rows}

    def figure(self, versions: np.ndarray, name: str) -> np.ndarray:
        """What was measured of each of these versions, nan where nothing was."""
        found = np.full(len(versions), np.nan)
        for version, row in self.measured.items():
            if row[name] is not None:
                found[versions == version] = row[name]
        return found


def rows(connection: Connection, ids: list[int], here: Here) -> list[dict[str, Any]]:
    """All that a card says, for each of these listings in this order."""
    query = select(*(schema.listing.c[name] for name in _SHOWN)).where(schema.listing.c.id.in_(ids))
    by_id = {row.id: dict(row._mapping) for row in connection.execute(query)}
    for table, name, plural in (
        (schema.listing_use, "use_case", "use_cases"),
        (schema.listing_language, "language", "languages"),
    ):
        for row in by_id.values():
            row[plural] = []
        held = select(table).where(table.c.listing_id.in_(ids)).order_by(table.c[name])
        for of in connection.execute(held):
            by_id[of.listing_id][plural].append(of._mapping[name])
    rows = [by_id[listing] for listing in ids if listing in by_id]
    for row in rows:
        version = row.pop("latest_version_id")
        measured = here.measured.get(version, {})
        row["installed"] = version in here.installed
        for name in FIGURES:
            row[name] = measured.get(name)
        row["measured_on"] = measured.get("device")
    return rows
