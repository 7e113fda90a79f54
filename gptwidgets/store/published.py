"""Where the files of published models lie: beside a store's own file, or in a folder that a class shares."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gptwidgets.errors import InstallError, StoreError

if TYPE_CHECKING:
    from gptwidgets.store.database import Database

VARIABLE = "GPTWIDGETS_STORE_FILES"


def root(database: Database) -> Path:
    """The folder that a store's models are published to.

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
        return Path(named).expanduser()
    if database.memory:
        raise StoreError(
            "This store lives in memory, and what is published there is gone when it is closed: open one in "
            "a file."
        )
    return Path(str(database.url.database)).resolve().parent / "published"


def kept(database: Database, folder: Path) -> str:
    """A folder's path as the store keeps it: others may reach a shared folder under another path."""
    return folder.relative_to(root(database)).as_posix() if database.shared else str(folder)


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
