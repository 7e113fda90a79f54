"""Listings and their versions, as they are read; filing.py writes them.

A listing shows the facts of its newest published version; while it has none, those of its newest. So a new
version that waits for review changes nothing for the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, func, select

from gptwidgets.errors import StoreError, UnknownModelError
from gptwidgets.store import published, schema

if TYPE_CHECKING:
    from gptwidgets.store.database import Database


@dataclass(frozen=True)
class Listing:
    """One GPT of the store, with the facts of the version that it shows.

    Attributes:
        name: what `gw.load` takes.
        title: what a person calls it.
        publisher: who made it.
        summary: one sentence.
        licence: as SPDX, or LicenseRef-….
        architecture: transformers' model_type.
        parameters: how many numbers it has; None where that is not known.
        context_length: tokens it was trained to read at once.
        source: where its files come from; "kind" is "hub", "wheel", …, and pins go with it.
        id: of its row; 0 for one that no store holds.
        card: Markdown.
        status: one of `schema.STATUSES`.
        origin: one of `schema.ORIGINS`.
        gated: its publisher gives it only to those who accept the licence there.
        use_cases: of `schema.USE_CASES`.
        languages: ISO 639 codes.
        weight_bytes: of all weights.
        stars_mean: of its reviews; None where there are none.
        stars_bound: what to sort by (see ranking.py).
        n_reviews: how many there are.
        revision: a commit of the Hub; "" where it is pinned at install.
        version_id: of the version it shows.
    """

    name: str
    title: str
    publisher: str
    summary: str
    licence: str
    architecture: str
    parameters: int | None
    context_length: int | None
    source: dict[str, Any]
    id: int = 0
    card: str = ""
    status: str = "published"
    origin: str = "user"
    gated: bool = False
    use_cases: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    weight_bytes: int | None = None
    stars_mean: float | None = None
    stars_bound: float | None = None
    n_reviews: int = 0
    revision: str = ""
    version_id: int = 0


@dataclass(frozen=True)
class File:
    """A file of a version.

    Attributes:
        path: within the model's folder, with slashes.
        bytes: its size.
        sha256: in hexadecimal; None where it is not known before it is fetched.
    """

    path: str
    bytes: int
    sha256: str | None = None


@dataclass(frozen=True)
class Version:
    """One version of a listing; once it is published, it does not change."""

    id: int
    listing_id: int
    name: str  # of the listing
    revision: str
    source: dict[str, Any]
    architecture: str
    parameters: int | None
    context_length: int | None
    dtype: str | None
    weight_bytes: int | None
    config: dict[str, Any] | None
    tensors: dict[str, Any] | None
    manifest: dict[str, Any] | None
    files: tuple[File, ...]
    status: str
    words: str | None
    made_by: str
    made_at: datetime


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a listing says of itself; the fields are those of `Listing`."""

    title: str
    publisher: str
    summary: str
    licence: str
    card: str = ""
    gated: bool = False
    use_cases: Sequence[str] = ()
    languages: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a new version consists of; the fields are those of `Version`."""

    source: Mapping[str, Any]
    architecture: str
    revision: str = ""
    parameters: int | None = None
    context_length: int | None = None
    dtype: str | None = None
    weight_bytes: int | None = None
    config: Mapping[str, Any] | None = None
    tensors: Mapping[str, Any] | None = None
    manifest: Mapping[str, Any] | None = None
    files: Sequence[File] = field(default=())


def find(database: Database, name: str) -> Listing | None:
    """The listing of this name, in whatever case; None where there is none."""
    with database.reading() as connection:
        row = connection.execute(
            select(schema.listing).where(func.lower(schema.listing.c.name) == name.lower())
        ).one_or_none()
        return None if row is None else _listing(database, connection, row)


def get(database: Database, name: str) -> Listing:
    """As `find`.

    Raises:
        UnknownModelError: there is none.
    """
    found = find(database, name)
    if found is None:
        raise UnknownModelError(f'The store has no listing "{name}"; look with search("{name}").')
    return found


def versions(database: Database, listing_id: int) -> list[Version]:
    """All versions of a listing, the newest first."""
    return _versions(database, schema.version.c.listing_id == listing_id)


def version(database: Database, version_id: int) -> Version:
    """One version.

    Raises:
        StoreError: there is none of this id.
    """
    found = _versions(database, schema.version.c.id == version_id)
    if not found:
        raise StoreError(f"The store has no version {version_id}.")
    return found[0]


def _listing(database: Database, connection: Connection, row: Row[Any]) -> Listing:
    shown = connection.execute(
        select(schema.version.c.source, schema.version.c.revision).where(
            schema.version.c.id == row.latest_version_id
        )
    ).one_or_none()
    return Listing(
        **{name: row._mapping[name] for name in _PLAIN},
        use_cases=_set(connection, schema.listing_use.c.use_case, row.id),
        languages=_set(connection, schema.listing_language.c.language, row.id),
        source=published.resolved(database, shown.source) if shown is not None else {},
        revision=shown.revision if shown is not None else "",
        version_id=row.latest_version_id or 0,
    )


_ELSEWHERE = {"use_cases", "languages", "source", "revision", "version_id"}
_PLAIN = [name for name in Listing.__dataclass_fields__ if name not in _ELSEWHERE]


def _set(connection: Connection, column: ColumnElement[str], listing_id: int) -> tuple[str, ...]:
    table: Any = column.table  # pyright: ignore[reportAttributeAccessIssue]
    return tuple(connection.scalars(select(column).where(table.c.listing_id == listing_id).order_by(column)))


def _versions(database: Database, which: ColumnElement[bool]) -> list[Version]:
    table = schema.version
    with database.reading() as connection:
        query = select(table, schema.listing.c.name).join(schema.listing).where(which)
        rows = connection.execute(query.order_by(table.c.id.desc())).all()
        files: dict[int, list[File]] = {row.id: [] for row in rows}
        held: Iterable[Any] = connection.execute(
            select(schema.file).where(schema.file.c.version_id.in_(files)).order_by(schema.file.c.path)
        )
        for row in held:
            files[row.version_id].append(File(row.path, row.bytes, row.sha256))
    found: list[Version] = []
    for row in rows:
        columns: dict[str, Any] = {**row._mapping, "source": published.resolved(database, row.source)}
        found.append(Version(**columns, files=tuple(files[row.id])))
    return found
