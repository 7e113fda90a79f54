"""Reviews: one to five stars and words, one a person and version; edited, taken back, reported, settled.

A listing counts each person once, with what he says of its newest version that he reviewed.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from gptwidgets.errors import RefusedError, StoreError
from gptwidgets.store import clock, filing, journal, listings, people, ranking, schema

if TYPE_CHECKING:
    from gptwidgets.store.database import Database

LONGEST = 5_000  # characters of words
_TOO_LONG = f"Words have at most {LONGEST:,} characters, and these have {{:,}}; say it shorter."
# Invisible marks that turn the reading direction: they can make a sentence look like another.
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Review:
    """What one person says of one version.

    Attributes:
        id: of its row.
        version_id: of what it is about.
        revision: of that version.
        person: who.
        stars: 1 to 5.
        words: plain text, perhaps none; never Markdown or HTML.
        made_at: when it was first written, in UTC.
        changed_at: when it was last changed.
        reports: how many reports of it wait for a reviewer.
    """

    id: int
    version_id: int
    revision: str
    person: str
    stars: int
    words: str
    made_at: datetime
    changed_at: datetime
    reports: int


@dataclass(frozen=True)
class Report:
    """Somebody's word that a review is abuse.

    Attributes:
        id: of its row.
        review_id: of the review that it is about.
        person: who reported it.
        words: why.
        made_at: when, in UTC.
        settled: whether a reviewer has decided.
        name: of the listing that was reviewed.
        author: who wrote the review.
        stars: of the review.
        review: its words.
    """

    id: int
    review_id: int
    person: str
    words: str
    made_at: datetime
    settled: bool
    name: str
    author: str
    stars: int
    review: str


def write(database: Database, version_id: int, stars: int, words: str = "") -> Review:
    """Writes this person's review of a version, or writes it anew.

    Args:
        database: the store's.
        version_id: which version.
        stars: 1 to 5.
        words: plain text.

    Raises:
        StoreError: too many stars or words, or a version that is not published.
    """
    if isinstance(stars, bool) or not isinstance(stars, int) or stars not in ranking.STARS:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StoreError(f"Give 1 to 5 stars, as a whole number; not {stars!r}.")
    said, found = cleaned(words), listings.version(database, version_id)
    if found.status not in {"published", "withdrawn"}:
        raise StoreError(f"Only what is published can be reviewed, and this version is {found.status}.")
    table = schema.review
    new = postgresql.insert if database.shared else sqlite.insert
    with database.writing("review", found.name, stars=stars) as connection:
        filing.lock(connection, found.listing_id)
        now = clock.now(connection)
        row = {"version_id": version_id, "person": database.user, "stars": stars, "words": said}
        written = connection.scalar(
            new(table)
            .values(**row, made_at=now, changed_at=now)
            .on_conflict_do_update(
                index_elements=[table.c.version_id, table.c.person],
                set_={"stars": stars, "words": said, "changed_at": now},
            )
            .returning(table.c.id)
        )
        _count(connection, found.listing_id)
        journal.complete(connection, written)
    return _rows(database, _select().where(table.c.id == written))[0]


def remove(database: Database, version_id: int) -> None:
    """Takes this person's review of a version back.

    Raises:
        StoreError: there is none.
    """
    table, found = schema.review, listings.version(database, version_id)
    with database.writing("take review back", found.name) as connection:
        mine = (table.c.version_id == version_id) & (table.c.person == database.user)
        gone = connection.scalar(delete(table).where(mine).returning(table.c.id))
        if gone is None:
            raise StoreError("You have not reviewed this version.")
        journal.complete(connection, gone)
        filing.lock(connection, found.listing_id)
        _count(connection, found.listing_id)


def reviews(database: Database, listing_id: int, *, limit: int = 100, offset: int = 0) -> list[Review]:
    """The reviews of all versions of a listing, what was written last first."""
    query = _select().where(schema.version.c.listing_id == listing_id)
    newest = query.order_by(schema.review.c.changed_at.desc(), schema.review.c.id.desc())
    return _rows(database, newest.limit(limit).offset(offset))


def distribution(database: Database, listing_id: int) -> dict[int, int]:
    """How many people give how many stars.

    Returns:
        A number for each of 1, 2, 3, 4, 5 stars.
    """
    with database.reading() as connection:
        return _distribution(connection, listing_id)


def report(database: Database, review_id: int, words: str = "") -> int:
    """Reports a review as abuse; who reports it again says it in other words.

    Returns:
        The report's id.

    Raises:
        StoreError: there is no such review.
    """
    said, table = cleaned(words), schema.report
    found = _rows(database, _select().where(schema.review.c.id == review_id))
    if not found:
        raise StoreError(f"There is no review {review_id}.")
    subject = listings.version(database, found[0].version_id).name
    new = postgresql.insert if database.shared else sqlite.insert
    with database.writing("report review", subject, review_id) as connection:
        written = connection.scalar(
            new(table)
            .values(
                review_id=review_id,
                person=database.user,
                words=said,
                made_at=clock.now(connection),
                settled=False,
            )
            .on_conflict_do_update(
                index_elements=[table.c.review_id, table.c.person], set_={"words": said, "settled": False}
            )
            .returning(table.c.id)
        )
    return int(written or 0)


def reports(database: Database, *, settled: bool = False) -> list[Report]:
    """The reports that wait for a reviewer, oldest first; those that were settled on request."""
    people.need_reviewer(database, "see reports")
    table = schema.report
    with database.reading() as connection:
        about = (
            schema.listing.c.name,
            schema.review.c.person.label("author"),
            schema.review.c.stars,
            schema.review.c.words.label("review"),
        )
        joined = table.join(schema.review).join(schema.version)
        joined = joined.join(schema.listing, schema.listing.c.id == schema.version.c.listing_id)
        query = select(table, *about).select_from(joined).where(table.c.settled == settled)
        rows = connection.execute(query.order_by(table.c.id))
        return [Report(**row._mapping) for row in rows]


def settle(database: Database, report_id: int, *, remove: bool = False) -> None:
    """Settles a report: the review stays, or goes.

    Args:
        database: the store's.
        report_id: which report.
        remove: the review, with all its reports; the journal keeps who wrote it, and nothing of its words.

    Raises:
        RefusedError: who asks is no reviewer, or wrote the review.
        StoreError: there is no such report.
    """
    people.need_reviewer(database, "settle a report")
    table = schema.report
    with database.reading() as connection:
        review_id = connection.scalar(select(table.c.review_id).where(table.c.id == report_id))
    found = _rows(database, _select().where(schema.review.c.id == review_id))
    if not found:
        raise StoreError(f"There is no report {report_id}.")
    review, version = found[0], listings.version(database, found[0].version_id)
    if database.shared and review.person == database.user and not remove:
        raise RefusedError("This report is about your own review; another reviewer settles it.")
    told = {"review": review.id, "of": review.person, "removed": remove}
    with database.writing("settle report", version.name, report_id, **told) as connection:
        if remove:
            filing.lock(connection, version.listing_id)
            connection.execute(delete(schema.review).where(schema.review.c.id == review.id))
            _count(connection, version.listing_id)
        else:
            connection.execute(update(table).where(table.c.id == report_id).values(settled=True))


def cleaned(words: str) -> str:
    r"""Words as they are kept: plain text that looks like what it is.

    Raises:
        StoreError: there are too many.

    Example:
        >>> cleaned("  fine\x00\r\n ")
        'fine'
    """
    if not isinstance(words, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise StoreError(f"Words are text, not {type(words).__name__}.")
    if len(words) > 2 * LONGEST:  # whatever is left out of it
        raise StoreError(_TOO_LONG.format(len(words)))
    lines = words.replace("\r\n", "\n").replace("\r", "\n")
    # no control characters (PostgreSQL keeps no NUL) and no halves of characters (which nothing can encode)
    kept = "".join(
        mark
        for mark in lines
        if mark in "\n\t" or (unicodedata.category(mark) not in {"Cc", "Cs"} and mark not in _TURNING)
    ).strip()
    if len(kept) > LONGEST:
        raise StoreError(_TOO_LONG.format(len(kept)))
    return kept


def _select() -> Select[Any]:
    waiting = (
        select(func.count())
        .where(schema.report.c.review_id == schema.review.c.id, schema.report.c.settled.is_(False))
        .scalar_subquery()
    )
    return select(schema.review, schema.version.c.revision, waiting.label("reports")).join(
        schema.version, schema.version.c.id == schema.review.c.version_id
    )


def _rows(database: Database, query: Select[Any]) -> list[Review]:
    with database.reading() as connection:
        return [Review(**row._mapping) for row in connection.execute(query)]


def _distribution(connection: Connection, listing_id: int) -> dict[int, int]:
    review, version = schema.review, schema.version
    newest = (
        select(func.max(review.c.version_id).label("version_id"), review.c.person)
        .join(version, version.c.id == review.c.version_id)
        .where(version.c.listing_id == listing_id)
        .group_by(review.c.person)
        .subquery()
    )
    counted = (
        select(review.c.stars, func.count())
        .join(newest, (newest.c.version_id == review.c.version_id) & (newest.c.person == review.c.person))
        .group_by(review.c.stars)
    )
    found = dict.fromkeys(ranking.STARS, 0)
    for stars, n in connection.execute(counted):
        found[stars] = n
    return found


def _count(connection: Connection, listing_id: int) -> None:
    """Writes what the listing is sorted by; its row is locked, so that nobody counts at the same time."""
    counts = _distribution(connection, listing_id)
    connection.execute(
        update(schema.listing)
        .where(schema.listing.c.id == listing_id)
        .values(
            stars_mean=ranking.mean(counts),
            stars_bound=ranking.bound(counts),
            n_reviews=sum(counts.values()),
            changed_at=clock.now(connection),
        )
    )
