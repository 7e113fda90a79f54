"""What models take of the disk, whether they are as they were installed, and how they go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from gptwidgets.errors import InstallError, UnknownModelError
from gptwidgets.store import paths, staging
from gptwidgets.store.folders import MANIFEST, NOBODY, Watch, manifest, sha256

Kind = Literal["installed", "half fetched", "converted", "shared", "Hugging Face cache"]


@dataclass(frozen=True)
class Use:
    """A model on the disk.

    Attributes:
        name: what `gw.load` takes; of a converted file its own name.
        kind: "installed"; "half fetched", which the next install goes on with; "converted" from a GGUF file;
            "shared" (in GPTWIDGETS_MODELS, which is only read); "Hugging Face cache".
        bytes: what it takes.
        folder: where it lies.
        removable: whether `remove(name)` removes it.
        revision: the commit or version it is pinned to, or "".
        installed: when, in UTC, or None.
    """

    name: str
    kind: Kind
    bytes: int
    folder: Path
    removable: bool
    revision: str = ""
    installed: datetime | None = None


def use() -> list[Use]:
    """All that models take of the disk here, the largest first.

    Example:
        >>> sum(model.bytes for model in use() if model.kind == "installed")    # doctest: +SKIP
        541836288
    """
    found = [*_installed(), *_halves(), *_converted(), *_shared(), *_hugging_face()]
    return sorted(found, key=lambda model: -model.bytes)


@dataclass(frozen=True)
class Verified:
    """A file of an installed model.

    Attributes:
        file: its name.
        state: "right", "changed", "missing", or "added" since it was installed.
        bytes: its size on the disk.
        sha256: of its content now; "" where it is missing.
    """

    file: str
    state: Literal["right", "changed", "missing", "added"]
    bytes: int
    sha256: str


def verify(name: str, watch: Watch = NOBODY) -> list[Verified]:
    """Hashes every file of an installed model, whatever its time of change says.

    Raises:
        UnknownModelError: it is not installed.
    """
    folder = _folder(name)
    sealed: dict[str, Any] = (manifest(folder) or {"files": {}})["files"]
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    rows: list[Verified] = []
    for file in sorted(there.union(sealed) - {MANIFEST}):
        path, facts = folder / file, sealed.get(file)
        if file not in there:
            rows.append(Verified(file, "missing", 0, ""))
            continue
        digest = sha256(path, watch)
        state = "added" if facts is None else "right" if digest == facts["sha256"] else "changed"
        rows.append(Verified(file, state, path.stat().st_size, digest))
    return rows


def remove(name: str) -> int:
    """Removes an installed model, and whatever was fetched of it; a model that is open keeps running.

    Args:
        name: of an installed or half fetched model, or of a converted file.

    Returns:
        How many bytes that freed.

    Raises:
        UnknownModelError: it is not installed.
        InstallError: it cannot be removed: it is not ours, or it is being installed.
    """
    within = paths.folder_name(name)
    root = paths.models()
    if within is not None and ((root / within).exists() or staging.kept(root, within).exists()):
        return staging.discard(root, within)
    for model in [*_converted(), *_shared(), *_hugging_face()]:
        if model.name == name and model.removable:
            return staging.discard(model.folder.parent, model.folder.name)
        if model.name == name:
            whose = "is shared and only read" if model.kind == "shared" else "belongs to Hugging Face's tools"
            how = "" if model.kind == "shared" else f" (`hf cache rm model/{name}`)"
            raise InstallError(f'{name} lies in "{model.folder}", which {whose}; remove it there{how}.')
    raise UnknownModelError(f'"{name}" is not installed here; gw.Store().disk() lists what is.')


def _folder(name: str) -> Path:
    from gptwidgets.store.install import placed

    folder = placed(name)
    if folder is None or manifest(folder) is None:
        raise UnknownModelError(f'"{name}" is not installed here; gw.Store().disk() lists what is.')
    return folder


def _of(folder: Path, name: str, kind: Kind, *, removable: bool) -> Use:
    sealed: dict[str, Any] = manifest(folder) or {}
    source, when = sealed.get("source"), sealed.get("installed")
    source = source if isinstance(source, dict) else {}
    return Use(
        name=str(sealed.get("name") or name),
        kind=kind,
        bytes=staging.size(folder),
        folder=folder,
        removable=removable,
        revision=str(source.get("revision") or source.get("version") or ""),
        installed=datetime.fromtimestamp(when, UTC) if isinstance(when, int) else None,
    )


def _folders(root: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(path for path in root.iterdir() if path.is_dir())
    return []


def _installed() -> Iterator[Use]:
    for folder in _folders(paths.models()):
        if not folder.name.startswith("."):
            yield _of(folder, folder.name, "installed", removable=True)


def _halves() -> Iterator[Use]:
    for folder in _folders(paths.models()):
        if folder.name.startswith(".") and folder.name.endswith(".part"):
            name = folder.name[1 : -len(".part")].replace("--", "/")
            yield Use(name, "half fetched", staging.size(folder), folder, removable=True)


def _converted() -> Iterator[Use]:
    for folder in _folders(paths.home() / "converted"):
        if not folder.name.startswith("."):
            yield _of(folder, folder.name, "converted", removable=True)


def _shared() -> Iterator[Use]:
    shared = paths.shared_models()
    for folder in _folders(shared) if shared is not None else ():
        if (folder / "config.json").is_file():
            yield _of(folder, folder.name, "shared", removable=False)


def _hugging_face() -> Iterator[Use]:
    from huggingface_hub import constants

    for folder in _folders(Path(constants.HF_HUB_CACHE)):
        if folder.name.startswith("models--"):
            name = folder.name.removeprefix("models--").replace("--", "/", 1)
            yield Use(name, "Hugging Face cache", staging.size(folder), folder, removable=False)
