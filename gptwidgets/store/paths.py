"""Where models live on this machine.

GPTWIDGETS_HOME moves everything. GPTWIDGETS_MODELS names a folder that is only read and is searched first:
a teacher installs once, copies `models/` there, and a class downloads nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from gptwidgets.errors import InstallError


def home() -> Path:
    """The user's data folder of gptwidgets; it need not exist yet."""
    moved = os.environ.get("GPTWIDGETS_HOME")
    return (
        Path(moved).expanduser() if moved else Path(platformdirs.user_data_dir("gptwidgets", appauthor=False))
    )


def models() -> Path:
    """Where installed models are written, a folder each."""
    return home() / "models"


def shared_models() -> Path | None:
    """A folder of models that are there already and are only read; None where there is none."""
    shared = os.environ.get("GPTWIDGETS_MODELS")
    return Path(shared).expanduser() if shared else None


def folder_name(name: str) -> str | None:
    """The name of a model's folder in `models()`; None where a name can be none.

    Example:
        >>> folder_name("gpt2"), folder_name("owner/name"), folder_name("../gpt2")
        ('gpt2', 'owner--name', None)
    """
    within = name.replace("/", "--") if name.count("/") == 1 else name
    odd = any(character in within for character in '/\\:*?"<>|') or not within.isprintable()
    if odd or not within or len(within) > 200 or within[0] in ".- " or within[-1] in ".- ":
        return None
    return within


def writable(folder: Path, how: str = "set GPTWIDGETS_HOME to a folder that can be") -> Path:
    """Makes a folder, or says that it cannot be written.

    Args:
        folder: with whatever is above it.
        how: what to do where it cannot.

    Raises:
        InstallError: with what to do.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "it is read-only")
    except OSError as error:
        raise InstallError(
            f'Nothing can be written to "{folder}" ({error.strerror or error}); {how}.'
        ) from None
    return folder
