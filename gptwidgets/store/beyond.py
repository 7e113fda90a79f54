"""Models that the catalogue does not list: those that lie on this machine, and those of the Hugging Face Hub.

The machine is looked through once in a while, the Hub is asked when somebody wants it; what either said last
is kept, so that a model that was found can be opened, judged and installed without asking again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from gptwidgets.errors import InstallError
from gptwidgets.store import schema
from gptwidgets.store.sources import Answer, Found, HuggingFace, Machine, Source, ask, describe

if TYPE_CHECKING:
    from gptwidgets.store.database import Database

KEPT = 10.0  # seconds, after which the machine is looked through again
WITHIN = 2.0  # seconds that a search waits for the machine's disks
HUB_WITHIN = 5.0  # seconds that one waits for the Hub
MOST = 500  # models of one machine that are listed
REMEMBERED = 1000  # models of the Hub


class Beyond:
    """What there is besides the catalogue of one store.

    Args:
        folders: more places of this machine to look for models and GGUF files in.

    Example:
        >>> [found.name for found in Beyond().machine(database).found]          # doctest: +SKIP
        ['openai-community/gpt2']
    """

    def __init__(self, folders: Iterable[str | os.PathLike[str]] = ()) -> None:
        self._machine: Source = Machine(folders)
        self._hub: Source = HuggingFace()
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._here = Answer(self._machine.title, ())
        self._seen: dict[str, Found] = {}

    def machine(self) -> Answer:
        """All that lies on this machine; a sentence where its disks are too slow."""
        with self._lock:
            if time.monotonic() - self._looked > KEPT:
                (self._here,) = ask([self._machine], limit=MOST, within=WITHIN)
                self._looked = time.monotonic()
            return self._here

    def hub(self, words: str, limit: int) -> Answer:
        """What the Hub finds for these words; a sentence where it cannot be asked."""
        (answer,) = ask([self._hub], words, limit=limit, within=HUB_WITHIN)
        with self._lock:
            for found in answer.found:
                before = self._seen.pop(found.name, None)
                whole = before is not None and before.revision == found.revision and before.config is not None
                self._seen[found.name] = before if whole and before is not None else found
            for name in list(self._seen)[:-REMEMBERED]:
                del self._seen[name]
        return answer

    def known(self, name: str) -> Found | None:
        """What was said last of a model, without asking anybody; the machine's own before the Hub's."""
        here = (found for found in self.machine().found if found.name.lower() == name.lower())
        return next(here, None) or self._seen.get(name)

    def describe(self, name: str) -> Found | None:
        """All that can be said of a model, of the Hub with its card; None where nobody has one of this name.

        Raises:
            InstallError: only the Hub could know it, and cannot be asked; the sentence says why.
        """
        known = self.known(name)
        if (known is not None and (known.origin == "machine" or known.config is not None)) or (
            name.count("/") != 1
        ):
            return known
        found, problems = describe([self._hub], name, within=HUB_WITHIN)
        if problems and known is None:
            raise InstallError(problems[0])
        if found is not None:
            with self._lock:
                self._seen[name] = found
        return found or known

    def changed(self) -> None:
        """Something was installed or removed: the machine is looked through again."""
        with self._lock:
            self._looked = float("-inf")


def listed(database: Database, found: Iterable[Found]) -> dict[str, str]:
    """Those of these models that the catalogue lists, under their own name or their repository's.

    Returns:
        Their names, and the names of the listings.
    """
    models = list(found)
    names = {model.name.lower(): model.name for model in models}
    repositories: dict[str, list[str]] = {}
    for model in models:
        if model.source.get("kind") == "hub":
            repositories.setdefault(str(model.source["repository"]), []).append(model.name)
    table, version = schema.listing.c, schema.version.c
    origin = version.source["repository"].as_string()
    known: dict[str, str] = {}
    with database.reading() as connection:
        if repositories:
            rows = connection.execute(
                select(table.name, origin)
                .select_from(schema.listing.join(schema.version, version.id == table.latest_version_id))
                .where(origin.in_(repositories))
            )
            known |= {name: row[0] for row in rows for name in repositories[row[1]]}
        rows = connection.execute(select(table.name).where(func.lower(table.name).in_(names)))
        known |= {names[row[0].lower()]: row[0] for row in rows}
    return known
