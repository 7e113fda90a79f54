"""Where the files of published models lie: beside a store's own file, or in a folder that a class shares.

That of a version is `published/<name>/<revision>`, with a number behind it where another store has one of the
same name there; it is made in one step and never changes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import ChecksumError, InstallError, StoreError
from gptwidgets.store import paths, safety
from gptwidgets.store.folders import NOBODY, Watch

if TYPE_CHECKING:
    from gptwidgets.store.database import Database
    from gptwidgets.store.listings import Version

VARIABLE = "GPTWIDGETS_STORE_FILES"

# A store in memory has its files in a temporary folder, for as long as it lives.
_TEMPORARY: weakref.WeakKeyDictionary[Database, Path] = weakref.WeakKeyDictionary()


def root(database: Database) -> Path:
    """The folder that a store's models are published to; it is there, and can be written.

    Raises:
        StoreError: there is none; says how to have one.
    """
    if database.shared:
        named = os.environ.get(VARIABLE)
        if not named:
            raise StoreError(
                f"The files of a shared store lie in a folder that all can reach: set {VARIABLE} to it, here "
                "and where they are installed."
            )
        return _writable(database, Path(named).expanduser())
    if not database.memory:
        return _writable(database, _beside(database))
    if database not in _TEMPORARY:
        made = _TEMPORARY[database] = Path(tempfile.mkdtemp(prefix="gptwidgets-"))
        weakref.finalize(database, shutil.rmtree, made, ignore_errors=True)
    return _TEMPORARY[database]


def _beside(database: Database) -> Path:
    return Path(str(database.url.database)).resolve().parent / "published"


def place_for(database: Database, name: str, revision: str) -> Path:
    """Where the files of a new version go: a folder that is not there yet.

    What is there already under its name is another store's that has its files here, too, or of this one as it
    was before somebody put back an older copy of it: nothing of that is touched.
    """
    around = root(database) / name
    n, folder = 1, around / revision
    while folder.exists():
        n += 1
        folder = around / f"{revision}-{n}"
    return folder


def made_for(database: Database, folder: Path) -> None:
    """Makes the folder around that of a version.

    Raises:
        StoreError: nothing can be written there.
    """
    around = _writable(database, folder.parent)
    if database.shared:
        with suppress(OSError):  # a class reads what one of it has written
            around.chmod(0o755)


def _writable(database: Database, folder: Path) -> Path:
    how = f"set {VARIABLE} to a folder that all can write to" if database.shared else "see to its permissions"
    try:
        return paths.writable(folder, how)
    except InstallError as error:
        raise StoreError(str(error)) from None


def kept(database: Database, folder: Path) -> str:
    """A folder's path as the store keeps it: others may reach it under another, and a home may be moved."""
    return str(folder) if database.memory else folder.relative_to(root(database)).as_posix()


def resolved(database: Database, source: dict[str, Any]) -> dict[str, Any]:
    """A version's source, with the whole path of what lies beside a store's own file.

    Where a shared folder is, each machine says when it is read (see `located`).
    """
    if database.shared or source.get("kind") != "folder" or "path" not in source:
        return source
    return {**source, "path": str(_beside(database) / source["path"])}


def located(path: str) -> Path:
    """Where a published folder is on this machine.

    Raises:
        InstallError: it lies in a shared folder, and nobody has said where that is.
    """
    found = Path(path)
    if found.is_absolute():
        return found
    named = os.environ.get(VARIABLE)
    if not named:
        raise InstallError(
            f"The files of this store lie in a folder that is shared: set {VARIABLE} to it, and try again."
        )
    return Path(named).expanduser() / found


def place(version: Version) -> Path:
    """The folder of a version's files, be they as they were or not."""
    return located(str(version.source["path"]))


def verified(version: Version, watch: Watch = NOBODY) -> Path:
    """The folder of a version's files, each of which is as the store pinned it.

    Raises:
        ChecksumError: one is not; says which.
        InstallError: nobody has said where the folder is.
    """
    folder = place(version)
    fault = next(safety.changes(folder, version.files, watch), None)
    if fault is not None:
        raise ChecksumError(f"{version.name} {version.revision} is not as it was published: {fault}")
    return folder
