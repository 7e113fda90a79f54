"""Where a store looks for models: its catalogue, this machine and the Hugging Face Hub, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gptwidgets.errors import StoreError
from gptwidgets.store import facets, filing, joining, listings
from gptwidgets.store.beyond import Beyond, listed
from gptwidgets.store.database import Database
from gptwidgets.store.describing import describe_folder
from gptwidgets.store.listings import Facts, File, Listing, Words
from gptwidgets.store.machine import machine
from gptwidgets.store.search import Found, Search
from gptwidgets.store.sources import Found as Model
from gptwidgets.store.wish import Wish

SOURCES = ("embedded", "machine", "hub")
_HUB_MOST = 100  # models that the Hub is asked for at once
Row = dict[str, Any]


class Seeking:
    """A store's searches and look-ups.

    Args:
        database: the store's.
        beyond: what there is besides.
    """

    def __init__(self, database: Database, beyond: Beyond) -> None:
        self.beyond = beyond
        self._database = database
        self._search = Search(database)

    def find(
        self, wish: Wish, source: str | None, *, offset: int, limit: int
    ) -> tuple[Found, tuple[str, ...]]:
        """A page of what is wished for, and sentences on what could not be looked through.

        Args:
            wish: which, and in which order.
            source: "embedded" for the catalogue alone, "machine", "hub"; None for the catalogue and what
                lies on this machine besides.
            offset: of the page's first.
            limit: of the page, at most 1,000.
        """
        if source not in {None, *SOURCES}:
            raise StoreError(f'There is no source "{source}"; take one of {", ".join(SOURCES)}, or None.')

        def page(first: int, most: int) -> Found:
            return self._search.find(wish, machine=machine(), offset=first, limit=most)

        if source == "embedded":
            return page(offset, limit), ()
        if source is None:
            here = self.beyond.machine()
            known = listed(self._database, here.found) if here.found else {}
            outside = [joining.row(model) for model in here.found if model.name not in known]
            found = joining.joined(page, outside, wish, offset=offset, limit=limit)
            return found, _said(here.problem)
        page(0, 1)  # refuses what cannot be asked
        if source == "machine":
            answer = self.beyond.machine()
            rows = [row for row in self._rows_of(answer.found) if joining.says(row, wish.words)]
        else:
            answer = self.beyond.hub(wish.words, min(_HUB_MOST, offset + limit))
            rows = self._rows_of(answer.found)
        ordered = joining.ordered(rows, wish)
        total = min(len(ordered), facets.MOST)
        more = source == "hub" and len(answer.found) >= min(_HUB_MOST, offset + limit)
        counts = joining.counted({}, rows, wish)
        found = Found(ordered[offset : offset + limit], total, capped=more, corrected=None, facets=counts)
        return found, _said(answer.problem)

    def rows(self, names: Sequence[str]) -> list[Row]:
        """The same rows by name, of listings and of other models that were found."""
        there = {row["name"].lower(): row for row in self._search.rows(names, machine())}
        models = {name: self.beyond.known(name) for name in names if name.lower() not in there}
        there |= {name.lower(): joining.row(model) for name, model in models.items() if model is not None}
        return [there[name.lower()] for name in names if name.lower() in there]

    def get(self, name: str, *, whole: bool = False) -> Listing | Model:
        """A listing, or a model from elsewhere.

        Args:
            name: as a search gave it.
            whole: with the card and the configuration, for which the Hub may be asked.

        Raises:
            UnknownModelError: nobody has it.
        """
        listing = listings.find(self._database, name)
        if listing is not None:
            return listing
        found = self.beyond.known(name)
        if found is None or whole:
            found = self.beyond.describe(name) or found
        return found or listings.get(self._database, name)

    def to_install(self, model: Model) -> Model:
        """A model from elsewhere under the name that it will have here.

        Raises:
            StoreError: a listing has this name.
        """
        name = joining.name_here(model.name)
        if name != model.name and listings.find(self._database, name) is not None:
            raise StoreError(f'There is a model "{name}" in the store: rename "{model.name}" to install it.')
        source = {**model.source, "found": True} if model.source["kind"] == "folder" else model.source
        return replace(model, name=name, source=source)

    def take_in(self, model: Model, installed: Row) -> None:
        """Lists a model that was installed from elsewhere, so that it can be measured and reviewed.

        On a shared store nothing is listed that nobody has reviewed: there it is only installed.

        Args:
            model: as it was installed.
            installed: the facts of `install.Note`.
        """
        database = self._database
        if database.shared or listings.find(database, model.name) is not None:
            return
        folder = Path(installed["folder"])
        described, files = describe_folder(folder), installed["files"]
        source = {name: value for name, value in model.source.items() if name != "found"}
        if source["kind"] == "hub":
            source["revision"] = installed["revision"]
        elif source["kind"] == "folder":
            source["files"] = files
        said = {
            name: getattr(model, name) for name in ("title", "publisher", "summary", "gated", "languages")
        }
        licence = model.licence or str(installed.get("licence", ""))
        words = Words(**said, licence=licence, card=model.card or _card(folder))
        facts = Facts(
            source=source,
            revision=installed["revision"],
            weight_bytes=described.weight_bytes,
            config=described.config,
            files=[File(name, one["bytes"], one["sha256"]) for name, one in files.items()],
            **described.as_manifest(),
        )
        filing.add(database, model.name, words, facts, origin=model.origin, status="published")

    def _rows_of(self, models: Sequence[Model]) -> list[Row]:
        """Of each its listing's row where the catalogue has it, each once."""
        known = listed(self._database, models) if models else {}
        rows = {row["name"]: row for row in self._search.rows(list(set(known.values())), machine())}
        found: dict[str, Row] = {}
        for model in models:
            row = rows.get(known.get(model.name, "")) or joining.row(model)
            found.setdefault(row["name"], row)
        return list(found.values())


def _card(folder: Path) -> str:
    try:
        return (folder / "README.md").read_text("utf-8", "replace")[:1_000_000]
    except OSError:
        return ""


def _said(problem: str | None) -> tuple[str, ...]:
    return () if problem is None else (problem,)
