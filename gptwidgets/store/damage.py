"""A store's file that was damaged: noticed, mended where that can be, and else put aside, never deleted.

What users wrote lives in it, and somebody may yet save that from the file that was put aside.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gptwidgets.errors import StoreError
from gptwidgets.store import engines

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


def file_of(url: URL) -> Path | None:
    """The file that a database is; None for one in memory, or on a server."""
    kept = url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}
    return Path(str(url.database)) if kept else None


@contextmanager
def noticed(url: URL) -> Generator[None]:
    """Remembers that damage was met: whoever opens the store next looks at the whole file."""
    try:
        yield
    except StoreError as error:
        file = file_of(url)
        if file is not None and engines.broken(error):
            with suppress(OSError):
                _mark(file).touch()
        raise


def is_suspect(file: Path) -> bool:
    """True where damage was met, and nobody has looked at it yet."""
    return _mark(file).exists()


def mend(file: Path) -> tuple[str, ...]:
    """Puts a damaged file aside; one whose tables are sound gets its text index anew.

    Returns:
        What the user should know.
    """
    _mark(file).unlink(missing_ok=True)
    if not file.exists() or _is_sound(file):  # another process was quicker
        return ()
    return (f'"{file.name}" was damaged: it is kept as "{_put_aside(file)}", and this store begins anew.',)


def _is_sound(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(file, timeout=engines.BUSY_SECONDS)) as database:
            if database.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return False
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'listing_text'").fetchone():
                database.execute("INSERT INTO listing_text(listing_text) VALUES ('rebuild')")
                database.commit()
    except sqlite3.DatabaseError as error:
        if engines.broken(error):
            return False
        raise
    return True


def _put_aside(file: Path) -> str:
    """Renames a damaged file with what belongs to it.

    Returns:
        Its new name.
    """
    n = 1
    while (kept := file.with_name(f"{file.name}.broken-{n}")).exists():
        n += 1
    for suffix in ("-wal", "-shm"):
        beside = file.with_name(file.name + suffix)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + suffix))
    file.rename(kept)
    return kept.name


def _mark(file: Path) -> Path:
    return file.with_name(f".{file.name}.damaged")
