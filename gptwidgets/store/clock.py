"""The one clock of the store.

A computer's clock jumps: it is set back an hour, or was a day off until the network corrected it. So order
in the store goes by id, never by time; and times within a database do not go backwards by small jumps.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from gptwidgets.store import schema

# A jump back that is larger tells that the earlier times were wrong, not this one: to hold the clock there
# would stamp everything with a year that has yet to come.
LARGEST_JUMP = timedelta(days=1)


def now(connection: Connection) -> datetime:
    """The time in UTC; not before the last that the journal of this database tells, but for a large jump.

    Args:
        connection: within a transaction.
    """
    there = read()
    last = connection.scalar(select(schema.journal.c.at).order_by(schema.journal.c.id.desc()).limit(1))
    return last if last is not None and there < last <= there + LARGEST_JUMP else there


def read() -> datetime:
    """What the computer's clock says, in UTC."""
    return datetime.now(UTC)
