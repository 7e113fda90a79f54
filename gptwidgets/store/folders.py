"""Model folders that say what they are: sealed with a manifest, and checked against it.

The manifest, gptwidgets.json, is written last. It names every file with its size and SHA-256, and says where
the model came from.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gptwidgets.errors import ChecksumError, InstallError
from gptwidgets.store import paths

MANIFEST = "gptwidgets.json"
FORMAT = 1


def _silent(_stage: str, _done: float, _total: float | None, _unit: str) -> None:
    return


def _never() -> None:
    return


@dataclass(frozen=True)
class Watch:
    """Whoever watches a long piece of work.

    Attributes:
        tell: told (stage, done, total or None, unit) as it goes on.
        stop: asked between steps; raises where the work is to stop.
    """

    tell: Callable[[str, float, float | None, str], None] = _silent
    stop: Callable[[], None] = _never


NOBODY = Watch()


def manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a model folder; None where there is none, so that it is not (wholly) ours."""
    try:
        found = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("format") == FORMAT else None


def check(folder: Path, *, thorough: bool = False) -> None:
    """Compares a folder with its manifest.

    Sizes and times of change are compared in a moment. A file whose time differs was copied, or changed: it
    is hashed, and where it is right its time is put right, or remembered (in a folder that is only read).

    Args:
        folder: a model folder with a manifest.
        thorough: hash every file whatever its time says.

    Raises:
        ChecksumError: a file is missing or not what was installed.
    """
    sealed = manifest(folder) or {"files": {}}
    for name, facts in sealed["files"].items():
        path = folder / name
        try:
            found = path.stat()
        except OSError:
            raise ChecksumError(f'"{name}" is missing from "{folder}"; {_AGAIN}') from None
        if found.st_size == facts["bytes"] and not thorough:
            if abs(found.st_mtime - facts["time"]) < 2:  # some file systems keep no finer times
                continue
            if _remembered().get(str(path)) == [found.st_mtime_ns, facts["sha256"]]:
                continue
        if found.st_size != facts["bytes"] or sha256(path) != facts["sha256"]:
            raise ChecksumError(f'"{name}" in "{folder}" is not as it was installed; {_AGAIN}')
        try:
            os.utime(path, (facts["time"], facts["time"]))
        except OSError:
            _remember(path, [found.st_mtime_ns, facts["sha256"]])


def _remembered() -> dict[str, Any]:
    """Files of shared folders that were hashed and right: [time of change, SHA-256] by path."""
    try:
        found = json.loads((paths.home() / "verified.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(path: Path, facts: list[Any]) -> None:
    with suppress(OSError, InstallError):  # then it is hashed again the next time
        file = paths.writable(paths.home()) / f"verified.{os.getpid()}.part"
        file.write_text(json.dumps({**_remembered(), str(path): facts}), "utf-8")
        file.replace(paths.home() / "verified.json")


_AGAIN = "delete that folder and load the model again."


def sha256(path: Path, watch: Watch = NOBODY) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    total, done, size = hashlib.sha256(), 0, path.stat().st_size
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            watch.stop()
            total.update(block)
            done += len(block)
            watch.tell(f"checking {path.name.lstrip('.')}", done, size, "bytes")
    return total.hexdigest()


def expect(path: Path, wanted: str, name: str, watch: Watch = NOBODY) -> None:
    """Raises ChecksumError where a file is not the one that is pinned."""
    found = sha256(path, watch)
    if found != wanted:
        raise ChecksumError(
            f"{name} is not the file that was asked for: its SHA-256 is {found[:8]}…, not {wanted[:8]}…; "
            "it is not used, get it again."
        )


def seal(
    folder: Path,
    facts: dict[str, Any],
    watch: Watch = NOBODY,
    *,
    hashed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Writes the manifest of a finished folder and sees to it that everything is on the disk.

    Args:
        folder: a model's, without a manifest.
        facts: what the manifest says besides.
        watch: told about progress, and asked whether to stop.
        hashed: SHA-256 by name of files that were hashed a moment ago.

    Returns:
        The manifest.
    """
    files: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            watch.stop()
            path.chmod(0o644)  # safetensors writes 600; a shared folder is read by others
            with path.open("rb+") as file:
                os.fsync(file.fileno())
            name, found = path.relative_to(folder).as_posix(), path.stat()
            files[name] = {
                "bytes": found.st_size,
                "sha256": (hashed or {}).get(name) or sha256(path, watch),
                "time": int(found.st_mtime),
            }
    sealed = {"format": FORMAT, **facts, "installed": int(time.time()), "files": files}
    with (folder / MANIFEST).open("w", encoding="utf-8") as file:
        json.dump(sealed, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    (folder / MANIFEST).chmod(0o644)  # as the others, whatever the umask is
    return sealed
