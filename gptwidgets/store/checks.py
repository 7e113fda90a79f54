"""What was checked of a version before it is published: each check's name, whether it passed, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select

from gptwidgets.store import clock, schema

if TYPE_CHECKING:
    from gptwidgets.store.database import Database


@dataclass(frozen=True)
class Check:
    """One check of a version.

    Attributes:
        name: what was checked.
        passed: whether it may be published, as far as this goes.
        reason: what was seen, and what to do where it did not pass.
        ran_at: when, in UTC.
    """

    name: str
    passed: bool
    reason: str
    ran_at: datetime


def save(database: Database, version_id: int, subject: str, results: Sequence[tuple[str, bool, str]]) -> None:
    """Writes down what was checked, in place of what was written before.

    Args:
        database: the store's.
        version_id: which version.
        subject: the listing's name, for the journal.
        results: (name, passed, reason) of each check, in order.
    """
    table = schema.check_result
    failed = [name for name, passed, _ in results if not passed]
    with database.writing("check", subject, version_id, failed=failed) as connection:
        connection.execute(delete(table).where(table.c.version_id == version_id))
        now = clock.now(connection)
        rows = [
            {"version_id": version_id, "name": name, "passed": passed, "reason": reason, "ran_at": now}
            for name, passed, reason in results
        ]
        if rows:
            connection.execute(insert(table), rows)


def of(database: Database, listing_id: int) -> list[Check]:
    """The checks of a listing's newest version that was checked, in their order."""
    table, version = schema.check_result, schema.version
    newest = (
        select(func.max(table.c.version_id))
        .join(version, version.c.id == table.c.version_id)
        .where(version.c.listing_id == listing_id)
    )
    with database.reading() as connection:
        rows = connection.execute(
            select(table).where(table.c.version_id == newest.scalar_subquery()).order_by(table.c.id)
        )
        return [Check(row.name, row.passed, row.reason, row.ran_at) for row in rows]
