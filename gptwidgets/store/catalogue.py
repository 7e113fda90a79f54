"""The embedded catalogue: well-known open GPTs by name, in SQLite in the user's data folder.

The package ships the facts (facts.json); the database is made from them, and made anew when they change.
It holds nothing else, so a broken or older one is simply replaced, and where nothing can be written it lives
in memory.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Self

from gptwidgets.errors import InstallError, UnknownModelError
from gptwidgets.store import paths

_SCHEMA = """
CREATE TABLE facts (digest TEXT NOT NULL);
CREATE TABLE listing (
    name TEXT PRIMARY KEY COLLATE NOCASE,
    title TEXT NOT NULL,
    publisher TEXT NOT NULL,
    summary TEXT NOT NULL,
    licence TEXT NOT NULL,          -- an SPDX identifier
    architecture TEXT NOT NULL,     -- transformers' model_type
    parameters INTEGER NOT NULL,
    context_length INTEGER NOT NULL,
    source TEXT NOT NULL            -- JSON: where its files come from
) STRICT;
"""
_COLUMNS = "name, title, publisher, summary, licence, architecture, parameters, context_length, source"
_FIND = f"SELECT {_COLUMNS} FROM listing WHERE name = ?"  # noqa: S608 - nothing but our own constants
_ADD = f"INSERT INTO listing ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - likewise


@dataclass(frozen=True)
class Listing:
    """One GPT of the catalogue.

    Attributes:
        name: what `gw.load` takes.
        title: what a person calls it.
        publisher: who made it.
        summary: one sentence.
        licence: as SPDX.
        architecture: transformers' model_type.
        parameters: how many numbers it has.
        context_length: tokens it was trained to read at once.
        source: where its files come from; "kind" is "hub" or "wheel", and pins go with it.
    """

    name: str
    title: str
    publisher: str
    summary: str
    licence: str
    architecture: str
    parameters: int
    context_length: int
    source: dict[str, Any]


class Catalogue:
    """Looks listings up by name.

    Example:
        >>> with Catalogue.open() as catalogue:                         # doctest: +SKIP
        ...     catalogue.find("gpt2").publisher
        'OpenAI'
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    @classmethod
    def open(cls) -> Catalogue:
        """Opens the user's catalogue, filling it from the packaged facts where it is not up to date."""
        facts = (files("gptwidgets.store") / "facts.json").read_text("utf-8")
        digest = hashlib.sha256((_SCHEMA + facts).encode()).hexdigest()
        try:
            path = paths.writable(paths.home()) / "catalogue.sqlite3"
            try:
                return cls(_current(str(path), facts, digest))
            except sqlite3.OperationalError:  # locked for too long, no room: the file is not to blame
                raise
            except sqlite3.DatabaseError:
                path.unlink(missing_ok=True)
                return cls(_current(str(path), facts, digest))
        except (InstallError, OSError, sqlite3.Error):
            return cls(_current(":memory:", facts, digest))

    def find(self, name: str) -> Listing | None:
        """The listing of this name, in whatever case; None where there is none."""
        row = self._database.execute(_FIND, [name]).fetchone()
        return None if row is None else Listing(*row[:-1], source=json.loads(row[-1]))

    def names(self) -> list[str]:
        """All names, sorted."""
        return [name for (name,) in self._database.execute("SELECT name FROM listing ORDER BY name")]

    def unknown(self, name: str) -> UnknownModelError:
        """The sentence for a name that means nothing, with the nearest names."""
        names = self.names()
        near = get_close_matches(name.lower(), names, n=3, cutoff=0.5)
        hint = f"did you mean {_or(near)}?" if near else f"the catalogue has {_or(names)}."
        return UnknownModelError(
            f'There is no model named "{name}": {hint} A folder, a .gguf file or a Hugging Face id '
            '("owner/name") work, too.'
        )

    def close(self) -> None:
        """Closes the database."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def default_name() -> str:
    """The name of the model that `gw.load()` loads."""
    facts = json.loads((files("gptwidgets.store") / "facts.json").read_text("utf-8"))
    return str(facts["default"])


def _current(path: str, facts: str, digest: str) -> sqlite3.Connection:
    """A connection to a database that holds exactly these facts."""
    database = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        database.execute("BEGIN IMMEDIATE" if _digest(database) != digest else "BEGIN")
        if _digest(database) != digest:  # under the lock: another process may have been quicker
            _fill(database, facts, digest)
        database.execute("COMMIT")
    except BaseException:
        database.close()
        raise
    return database


def _digest(database: sqlite3.Connection) -> str | None:
    with closing(database.cursor()) as cursor:
        if not cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchone():
            return None
        row = cursor.execute("SELECT digest FROM facts").fetchone()
    return None if row is None else str(row[0])


def _fill(database: sqlite3.Connection, facts: str, digest: str) -> None:
    for table in ("facts", "listing"):
        database.execute(f"DROP TABLE IF EXISTS {table}")
    for statement in _SCHEMA.split(";"):
        database.execute(statement)
    database.execute("INSERT INTO facts VALUES (?)", [digest])
    for fact in json.loads(facts)["listings"]:
        row = [*(fact[key] for key in _COLUMNS.split(", ")[:-1]), json.dumps(fact["source"])]
        database.execute(_ADD, row)


def _or(names: list[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
