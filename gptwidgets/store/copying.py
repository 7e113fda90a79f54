"""Installing a model that lies in a folder: somebody's own, or one that a class shares."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from gptwidgets.errors import ChecksumError, InstallError, UnsafeModelError
from gptwidgets.store.describing import describe_folder
from gptwidgets.store.folders import MANIFEST, Watch, manifest, seal, sha256
from gptwidgets.store.hubfiles import PICKLES, SMALL, check_safetensors, safe_name
from gptwidgets.store.hubinstall import Judge
from gptwidgets.store.published import located
from gptwidgets.store.staging import need_room


def from_folder(
    name: str, source: dict[str, Any], stage: Path, *, licence: str, watch: Watch, judge: Judge | None = None
) -> None:
    """Builds `stage/"model"`, sealed: a copy of the files that are pinned.

    Args:
        name: the model's.
        source: {"kind": "folder", "path", "files": {name: {"bytes", "sha256"}}}; without "files" those of the
            folder's own manifest. With "found": True a folder of the user's own that nobody has pinned yet:
            what it holds now is taken.
        stage: of `staging.staged`, kept: a file that was copied is not copied again.
        licence: as SPDX.
        watch: told about progress, and asked whether to stop.
        judge: may raise before a folder that nobody has pinned is copied.

    Raises:
        InstallError: the folder is not there, or says nothing of its files, or the disk has no room.
        ChecksumError: a file is not the one that is pinned.
        UnsafeModelError: a file is a pickle, or would be written elsewhere.
    """
    folder = located(source["path"])
    files: dict[str, Any] = source.get("files") or (manifest(folder) or {}).get("files") or {}
    if not files and source.get("found"):
        files = _pinned(folder, watch, judge)
    if not files:
        raise InstallError(
            f'The folder "{folder}" of {name} is not there, or has no manifest; is its disk there?'
        )
    for file in files:
        if not safe_name(file) or file.endswith(PICKLES):
            raise UnsafeModelError(
                f'{name} has a file "{file!r:.80}", which is not installed: it is not safe.'
            )
    model = stage / "model"
    model.mkdir(exist_ok=True)
    (model / MANIFEST).unlink(missing_ok=True)
    total, done = sum(facts["bytes"] for facts in files.values()), 0
    need_room(stage, total)
    hashed: dict[str, str] = {}
    for file, facts in files.items():
        hashed[file] = _copy(folder / file, model / file, facts, watch, (done, total))
        done += facts["bytes"]
        if file.endswith(".safetensors"):
            check_safetensors(model / file, file)
    for path in list(model.rglob("*")):
        if path.is_file() and path.relative_to(model).as_posix() not in files:
            path.unlink()  # of another version, from an earlier try
    sealed = manifest(folder) or {}
    facts = {**describe_folder(model).as_manifest(), "name": name, "licence": licence}
    origin = {"kind": "folder", "path": str(folder), "version": source.get("revision") or ""}
    seal(model, {**facts, "notes": sealed.get("notes", []), "source": origin}, watch, hashed=hashed)


def _pinned(folder: Path, watch: Watch, judge: Judge | None) -> dict[str, Any]:
    """What a folder that nobody has published holds of a model, with the hash of each file."""
    there = sorted(path.name for path in folder.glob("*") if path.is_file())
    if judge is not None:
        judge(folder, there)
    wanted = [name for name in there if name.endswith((*SMALL, ".safetensors", ".md")) and name != MANIFEST]
    return {
        name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name, watch)}
        for name in wanted
    }


def _copy(source: Path, to: Path, facts: dict[str, Any], watch: Watch, so_far: tuple[int, int]) -> str:
    """Copies a file, unless an earlier try did, and says its SHA-256, which is the pinned one."""
    if to.is_file() and to.stat().st_size == facts["bytes"] and sha256(to, watch) == facts["sha256"]:
        return facts["sha256"]
    to.parent.mkdir(parents=True, exist_ok=True)
    digest, (done, total) = hashlib.sha256(), so_far
    part = to.with_name(f".{to.name}.copy")
    try:
        with source.open("rb") as read, part.open("wb") as written:
            while block := read.read(1 << 20):
                written.write(block)
                digest.update(block)
                done += len(block)
                watch.stop()
                watch.tell("copying", done, total, "bytes")
    except FileNotFoundError:
        raise InstallError(
            f'"{source}" is not there any more; the model cannot be installed from it.'
        ) from None
    if digest.hexdigest() != facts["sha256"]:
        part.unlink()
        raise ChecksumError(
            f'"{source}" is not the file that was published: its SHA-256 is {digest.hexdigest()[:8]}…, not '
            f"{facts['sha256'][:8]}…; ask its publisher to publish it anew."
        )
    part.replace(to)
    return facts["sha256"]
