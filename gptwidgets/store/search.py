"""Searching the store: by words, facets and figures, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Connection, func, select

from gptwidgets.errors import StoreError
from gptwidgets.store import facets, results, schema, textindex, typos, vocabulary, wording
from gptwidgets.store.machine import machine as this_machine
from gptwidgets.store.results import Here
from gptwidgets.store.shelf import Shelf
from gptwidgets.store.wish import SORTS, Wish

if TYPE_CHECKING:
    from gptwidgets.store.database import Database

_COLUMN = {
    "stars": "stars_bound",
    "parameters": "parameters",
    "memory": "memory_bytes",
    "context": "context_length",
    "newest": "id",
}
# Words for a size, and how many parameters they mean: at least, and fewer than.
SIZES = {
    "tiny": (0, 2e8),
    "small": (0, 2e9),
    "little": (0, 2e9),
    "big": (7e9, np.inf),
    "large": (7e9, np.inf),
}
WRONG = 3  # words of a search may be; more are no typing mistakes
_MEASURED = {
    "tokens_per_second": "tokens_per_second",
    "first_token": "first_token_s",
    "bits_per_byte": "bits_per_byte",
}
# The column that each sort by a figure goes by.
FIGURES = {**_COLUMN, **_MEASURED}


@dataclass(frozen=True)
class Found:
    """A page of what was found.

    Attributes:
        rows: a dictionary for each listing of the page.
        total: how many there are in all, at most `facets.MOST`.
        capped: there are more than that.
        corrected: the words that were looked for instead, where those that were typed are in no listing.
        facets: for each facet its values and their counts.
    """

    rows: list[dict[str, Any]]
    total: int
    capped: bool
    corrected: str | None
    facets: dict[str, facets.Counts] = field(default_factory=dict)


class Search:
    """Searches of one database.

    Example:
        >>> Search(database).find(Wish(words="chat", max_memory=4e9)).total             # doctest: +SKIP
        14
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._shelf = Shelf()

    def find(self, wish: Wish, *, offset: int = 0, limit: int = 50, machine: str | None = None) -> Found:
        """Looks for listings.

        Args:
            wish: which, and in which order.
            offset: of the page's first.
            limit: listings of a page, at most 1,000.
            machine: whose installs and measurements count; None for this one's.

        Raises:
            StoreError: something is asked for that there is not; says what there is.
        """
        if offset < 0 or not 1 <= limit <= 1000:
            raise StoreError("A page begins at 0 or later (offset) and has 1 to 1,000 listings (limit).")
        with self._database.reading() as connection:
            shelf = self._shelf
            shelf.refresh(connection, shared=self._database.shared)
            here = Here(connection, machine or this_machine())
            at, corrected = self._with_words(connection, wish.words)
            wish = wish if corrected is None else replace(wish, words=corrected)
            masks = _masks(shelf, wish, at, here)
            every = np.logical_and.reduce(list(masks.values())) if masks else np.ones(len(at), bool)
            chosen = at[every]
            page = self._order(connection, wish, chosen, here)[offset : offset + limit]
            rows = results.rows(connection, shelf.columns["id"][page].tolist(), here)
            counted = facets.count(shelf, masks, at, list(here.installed))
        return Found(
            rows,
            total=min(len(chosen), facets.MOST),
            capped=len(chosen) > facets.MOST,
            corrected=corrected,
            facets=counted,
        )

    def rows(self, names: Sequence[str], machine: str | None = None) -> list[dict[str, Any]]:
        """The same rows for listings by name, in this order; what is not there is left out."""
        wanted = [name.lower() for name in names]
        table = schema.listing.c
        with self._database.reading() as connection:
            named = connection.execute(
                select(func.lower(table.name), table.id).where(func.lower(table.name).in_(wanted))
            )
            ids = {row[0]: row[1] for row in named}
            here = Here(connection, machine or this_machine())
            return results.rows(connection, [ids[name] for name in wanted if name in ids], here)

    def _with_words(self, connection: Connection, typed: str) -> tuple[np.ndarray, str | None]:
        """The places of the listings that have the words, and what these were corrected to."""
        words = wording.split(typed)
        if not words:
            nothing = typed.strip() != ""  # signs only: no listing has them
            return np.arange(0 if nothing else len(self._shelf)), None
        found = self._with_all(connection, words)
        if len(found):
            return found, None
        for meant in _meant(connection, words):
            found = self._with_all(connection, meant)
            if len(found):
                return found, " ".join(meant)
        return found, None

    def _with_all(self, connection: Connection, words: list[str]) -> np.ndarray:
        """The places of the listings with all these words; "small" is also what has few parameters."""
        telling = [word for word in words if word not in SIZES]
        if telling:
            found = self._shelf.places(wording.matching(connection, telling))
        else:
            found = np.arange(len(self._shelf))
        for word in (word for word in words if word in SIZES):
            least, most = SIZES[word]
            parameters = self._shelf.columns["parameters"][found]
            called = self._shelf.places(wording.matching(connection, [word]))
            found = found[((parameters >= least) & (parameters < most)) | np.isin(found, called)]
        return found

    def _order(self, connection: Connection, wish: Wish, at: np.ndarray, here: Here) -> np.ndarray:
        """The places in the order that is wished; what has no figure comes last, however it is sorted."""
        columns = self._shelf.columns
        ids = columns["id"][at]
        if wish.sort == "name":
            order = np.argsort(self._shelf.name_ranks(connection)[at])
            return at[order[::-1] if wish.descending else order]
        stars = np.nan_to_num(columns["stars_bound"][at], nan=0.0)
        if wish.sort == "relevance":
            return at[np.lexsort((ids, -stars, -self._called(connection, wish.words, at)))]
        if wish.sort in _MEASURED:
            figure = here.figure(columns["latest_version_id"][at], _MEASURED[wish.sort])
        else:
            figure = columns[_COLUMN[wish.sort]][at].astype(np.float64)
        descending = SORTS[wish.sort] if wish.descending is None else wish.descending
        return at[np.lexsort((ids, -stars, -figure if descending else figure))]

    def _called(self, connection: Connection, words: str, at: np.ndarray) -> np.ndarray:
        """How far a listing is called so: 2 for this very name, 1 where name or title has all words."""
        called = np.zeros(len(at))
        known = wording.split(words)
        if known:
            called += np.isin(at, self._shelf.places(wording.matching(connection, known, in_title=True)))
            exact = func.lower(schema.listing.c.name) == words.strip().lower()
            ids = list(connection.scalars(select(schema.listing.c.id).where(exact)))
            called += np.isin(self._shelf.columns["id"][at], ids)
        return called


def _meant(connection: Connection, words: list[str]) -> Iterator[list[str]]:
    """What may have been meant by words that are not all in one listing, the likeliest first."""
    choices = [[word] for word in words]
    wrong = [
        n for n, word in enumerate(words) if word not in SIZES and not wording.matching(connection, [word])
    ]
    if not wrong or len(wrong) > WRONG:
        return
    for n in wrong:
        plain = textindex.folded(words[n])
        choices[n] = typos.nearest(plain, vocabulary.like(connection, plain))
    yield from (list(choice) for choice in product(*choices))


def _masks(shelf: Shelf, wish: Wish, at: np.ndarray, here: Here) -> dict[str, np.ndarray]:
    """Of each filter that is set, which of the listings pass, [found] bool."""
    masks: dict[str, np.ndarray] = {}
    for name in ("status", "licence", "publisher", "architecture"):
        value = getattr(wish, name)
        if value is not None:
            masks[name] = shelf.columns[name][at] == _place(shelf, name, value)
    for name in ("use_case", "language"):
        value = getattr(wish, name)
        if value is not None:
            place = _place(shelf, name, value)
            masks[name] = shelf.members[name][at, place] if place >= 0 else np.zeros(len(at), bool)
    if wish.max_memory is not None:
        masks["max_memory"] = shelf.columns["memory_bytes"][at] <= wish.max_memory
    if wish.min_memory is not None:
        masks["min_memory"] = shelf.columns["memory_bytes"][at] > wish.min_memory
    if wish.min_context is not None:
        masks["min_context"] = shelf.columns["context_length"][at] >= wish.min_context
    if wish.min_parameters is not None or wish.max_parameters is not None:
        parameters = shelf.columns["parameters"][at]
        least, most = wish.min_parameters or 0, wish.max_parameters or np.inf
        masks["parameters"] = (parameters >= least) & (parameters < most)
    if wish.installed is not None:
        versions = shelf.columns["latest_version_id"][at]
        masks["installed"] = np.isin(versions, list(here.installed)) == wish.installed
    return masks


def _place(shelf: Shelf, name: str, value: str) -> int:
    """Where a value is among those of its column, in whatever case; -1 where there is none."""
    lower = [known.lower() for known in shelf.values[name]]
    return lower.index(value.lower()) if value.lower() in lower else -1
