"""Which machine this is: installs and measurements belong to one."""

from __future__ import annotations

import platform
import uuid

from gptwidgets.errors import InstallError
from gptwidgets.store import paths


def machine() -> str:
    """A name for this computer together with the user's data folder; the same each time.

    It is a random number kept in the data folder, and says nothing about the computer. Where nothing can be
    kept it comes from the computer's name and the folder's.
    """
    file = paths.home() / "machine"
    try:
        if not file.exists():
            mine = paths.writable(paths.home()) / f"machine.{uuid.uuid4().hex}.part"
            mine.write_text(uuid.uuid4().hex, "utf-8")
            try:
                file.hardlink_to(mine)  # the first of several processes wins
            except FileExistsError:
                pass
            except OSError:  # a file system without links
                mine.replace(file)
            finally:
                mine.unlink(missing_ok=True)
        return uuid.UUID(file.read_text("utf-8").strip()).hex
    except (OSError, ValueError, InstallError):
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{platform.node()} {paths.home()}").hex
