"""Looks models up by name, for `gw.load`: it works whatever state the store is in.

Where the store cannot be opened (a newer gptwidgets wrote it, its server is down) the embedded catalogue
stands in, in memory, and `notes` says why.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Self

from sqlalchemy import select
from sqlalchemy.engine import URL

from gptwidgets.errors import StoreError, UnknownModelError
from gptwidgets.store import facts, listings, schema
from gptwidgets.store.database import Database
from gptwidgets.store.listings import Listing

__all__ = ["Catalogue", "Listing", "default_name"]

default_name = facts.default_name


class Catalogue:
    """The listings of the user's store, by name.

    Example:
        >>> with Catalogue.open() as catalogue:                         # doctest: +SKIP
        ...     catalogue.find("gpt2").publisher
        'OpenAI'
    """

    def __init__(self, database: Database, notes: tuple[str, ...] = ()) -> None:
        self.database = database
        self.notes = (*notes, *database.notes)

    @classmethod
    def open(cls) -> Catalogue:
        """Opens the user's store, or the embedded catalogue where that cannot be."""
        try:
            return cls(Database.open())
        except StoreError as error:
            return cls(Database.open(URL.create("sqlite"), user="somebody"), (str(error),))

    def find(self, name: str) -> Listing | None:
        """The listing of this name, in whatever case; None where there is none."""
        return listings.find(self.database, name)

    def names(self) -> list[str]:
        """The names of all that can be loaded, sorted."""
        table = schema.listing
        query = select(table.c.name).where(table.c.status == "published").order_by(table.c.name)
        with self.database.reading() as connection:
            return list(connection.scalars(query))

    def unknown(self, name: str) -> UnknownModelError:
        """The sentence for a name that means nothing, with the nearest names."""
        names = self.names()
        near = get_close_matches(name.lower(), names, n=3, cutoff=0.5)
        hint = f"did you mean {_or(near)}?" if near else f"see the {len(names)} of gw.Store().search()."
        sentence = (
            f'There is no model named "{name}": {hint} A folder, a .gguf file or a Hugging Face id '
            '("owner/name") work, too.'
        )
        return UnknownModelError(" ".join([sentence, *self.notes]))

    def close(self) -> None:
        """Closes the store."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _or(names: list[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
