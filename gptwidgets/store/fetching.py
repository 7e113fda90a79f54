"""The process that fetches a model of the Hugging Face Hub into a stage; `hubinstall.py` starts it.

It never loads torch. What it leaves in the stage outlives it, however it ends: `model/` holds files whose
content was verified, `parts/` halves of files, named by the content that they will have. A file that is there
is not fetched again, a half goes on where it ends.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from filelock import FileLock

from gptwidgets.errors import ChecksumError, InstallError
from gptwidgets.store import hubfiles
from gptwidgets.store.children import serve
from gptwidgets.store.describing import describe_folder
from gptwidgets.store.folders import MANIFEST, Watch, seal
from gptwidgets.store.hubfiles import HubFile
from gptwidgets.store.hubwords import in_words
from gptwidgets.store.staging import need_room

_COMMIT = re.compile(r"[0-9a-f]{40}")
# Seconds that the Hub has for its first word.
ANSWER_WITHIN = 15
_CHUNK = 1 << 16  # at 250 KB a second the bar still moves four times a second, and a kill loses no more


def work(arguments: dict[str, Any], watch: Watch) -> dict[str, Any]:
    """One of the two steps: "plan" lists the files and fetches the small ones, "fetch" the weights.

    Args:
        arguments: "step", "name", "repository", "revision", "stage"; for "plan" also "gguf" (which file is
            meant, or None); for "fetch" the "plan" and the "facts" of the manifest; and "beside", a folder
            whose files may be the right ones already, or None.
        watch: told about progress.

    Returns:
        For "plan" {"kind", "revision", "licence", "gated", "files", "small", "weights"}; for "fetch" the
        manifest, or {} where the weights are to be converted first.
    """
    from huggingface_hub import constants

    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK
    stage = Path(arguments["stage"])
    # Should this process's elder brother still be ending: his parent was killed, and let the model's lock go.
    with (
        FileLock(stage / ".lock", timeout=30),
        in_words(arguments["repository"], arguments["revision"], folder=stage, asking=False),
    ):
        (stage / "model").mkdir(exist_ok=True)
        (stage / "model" / MANIFEST).unlink(missing_ok=True)
        (stage / "parts").mkdir(exist_ok=True)
        return {"plan": _plan, "fetch": _fetch}[arguments["step"]](arguments, stage, watch)


def _plan(arguments: dict[str, Any], stage: Path, watch: Watch) -> dict[str, Any]:
    name, repository, revision = arguments["name"], arguments["repository"], arguments["revision"]
    listed = _cached_list(repository, revision) if arguments["gguf"] is None else None
    if listed is None:
        watch.tell("asking the Hugging Face Hub", 0, None, "")
        with in_words(repository, revision):
            listed = _list(repository, revision)
    files: dict[str, HubFile] = listed["files"]
    choice = hubfiles.choose(files.values(), name, arguments["gguf"])
    bring = _Bringing(arguments, listed["revision"], choice.small, watch)
    for file in choice.small:
        bring(file, stage / "model" / file.name)
    weights = choice.weights or hubfiles.shards(stage / "model", files, name)
    return {
        "kind": choice.kind,
        "revision": listed["revision"],
        "licence": listed["licence"],
        "gated": listed["gated"],
        "files": sorted(files),
        "small": [asdict(file) for file in choice.small],
        "weights": [asdict(file) for file in weights],
    }


def _fetch(arguments: dict[str, Any], stage: Path, watch: Watch) -> dict[str, Any]:
    plan = arguments["plan"]
    small, weights = ([HubFile(**file) for file in plan[key]] for key in ("small", "weights"))
    folder = stage / ("model" if plan["kind"] == "safetensors" else "gguf")
    folder.mkdir(exist_ok=True)
    every = [*small, *weights]
    bring = _Bringing(arguments, plan["revision"], every, watch)
    for file in small:
        bring(file, stage / "model" / file.name)
    for file in weights:
        bring(file, folder / file.name)
    wanted = {file.name for file in every}
    for left in [path for path in (stage / "model").iterdir() if path.name not in wanted]:
        left.unlink()  # of another revision, from an earlier try
    if plan["kind"] == "gguf":
        return {}
    facts = {**describe_folder(stage / "model").as_manifest(), **arguments["facts"]}
    return seal(stage / "model", facts, watch, hashed=bring.hashed)


def _list(repository: str, revision: str | None) -> dict[str, Any]:
    """What the Hub says of a repository: its commit, its licence, its files."""
    from huggingface_hub import HfApi

    found = HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=ANSWER_WITHIN)
    if not found.sha or not _COMMIT.fullmatch(found.sha) or not found.siblings:
        raise InstallError(
            f'What the Hugging Face Hub says of "{repository}" makes no sense; try again later.'
        )
    files: dict[str, HubFile] = {}
    for file in found.siblings:
        sha256 = file.lfs.sha256 if file.lfs is not None else None
        if file.size is not None and (sha256 or file.blob_id):
            files[file.rfilename] = HubFile(file.rfilename, file.size, sha256, file.blob_id)
    card: Any = found.card_data
    licence = (card.get("license_name") or card.get("license")) if card is not None else None
    return {
        "revision": found.sha,
        "licence": licence if isinstance(licence, str) else "",
        "gated": bool(found.gated),
        "files": files,
    }


def _cached_list(repository: str, revision: str | None) -> dict[str, Any] | None:
    """The same from Hugging Face's own cache, where that holds a whole model of this very commit.

    There a file's content is named by its hash, so that it can be verified without a network.
    """
    from huggingface_hub import try_to_load_from_cache

    if revision is None or not _COMMIT.fullmatch(revision):
        return None
    config = try_to_load_from_cache(repository, "config.json", revision=revision)
    if not isinstance(config, str):
        return None
    files: dict[str, HubFile] = {}
    for path in Path(config).parent.iterdir():
        key = path.resolve().name
        if path.is_file() and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", key):
            large = len(key) == 64
            files[path.name] = HubFile(
                path.name, path.stat().st_size, key if large else None, None if large else key
            )
    if "config.json" not in files:
        return None
    if hubfiles.INDEX in files:
        try:
            hubfiles.shards(Path(config).parent, files, repository)
        except InstallError:
            return None
    elif hubfiles.WHOLE not in files:
        return None
    return {"revision": revision, "licence": "", "gated": False, "files": files}


class _Bringing:
    """Brings files into the stage: from where they lie already, or from the Hub.

    Attributes:
        hashed: SHA-256 by name of what was brought.
    """

    def __init__(
        self, arguments: dict[str, Any], revision: str, files: Sequence[HubFile], watch: Watch
    ) -> None:
        self.hashed: dict[str, str] = {}
        self._repository, self._revision, self._watch = arguments["repository"], revision, watch
        self._stage = Path(arguments["stage"])
        self._beside = None if arguments["beside"] is None else Path(arguments["beside"])
        self._total, self._before = sum(file.bytes for file in files), 0
        need_room(self._stage, sum(self._to_fetch(file) for file in files))

    def __call__(self, file: HubFile, to: Path) -> None:
        digest = self._there(file, to) or self._taken(file, to) or self._fetched(file, to)
        self.hashed[file.name] = digest
        self._before += file.bytes
        self._tell(0)

    def _tell(self, done: int) -> None:
        self._watch.tell("downloading", self._before + done, self._total, "bytes")

    def _to_fetch(self, file: HubFile) -> int:
        """Bytes that a file will take on the disk which it does not take yet."""
        for folder in ("model", "gguf"):
            if (self._stage / folder / file.name).is_file():
                return 0
        if self._found_here(file):
            return 0
        part = self._part(file)
        return file.bytes - (part.stat().st_size if part.is_file() else 0)

    def _part(self, file: HubFile) -> Path:
        return self._stage / "parts" / file.key

    def _there(self, file: HubFile, to: Path) -> str | None:
        if not to.exists():
            return None
        digest = hubfiles.is_right(to, file, self._watch)
        if digest is None:
            to.unlink()
        return digest

    def _found_here(self, file: HubFile) -> list[Path]:
        """Where the file may lie already: in the folder that is replaced, or in Hugging Face's cache."""
        from huggingface_hub import constants, try_to_load_from_cache
        from huggingface_hub.file_download import repo_folder_name

        places = [self._beside / file.name] if self._beside is not None else []
        repository = repo_folder_name(repo_id=self._repository, repo_type="model")
        places.append(Path(constants.HF_HUB_CACHE) / repository / "blobs" / file.key)
        cached = try_to_load_from_cache(self._repository, file.name, revision=self._revision)
        if isinstance(cached, str):
            places.append(Path(cached))
        return [place.resolve() for place in places if place.is_file()]

    def _taken(self, file: HubFile, to: Path) -> str | None:
        for place in self._found_here(file):
            digest = hubfiles.is_right(place, file, self._watch)
            if digest is None:
                continue
            part = to.with_name(f".{to.name}.taken")
            part.unlink(missing_ok=True)
            try:
                os.link(place, part)  # takes no room
            except OSError:  # on another disk, or a file system without links
                need_room(self._stage, file.bytes)
                shutil.copyfile(place, part)
                if hubfiles.is_right(part, file, self._watch) is None:
                    part.unlink()
                    continue
            self._put(part, file, to)
            return digest
        return None

    def _fetched(self, file: HubFile, to: Path) -> str:
        part = self._part(file)
        resumed = part.is_file() and 0 < part.stat().st_size <= file.bytes
        if not resumed:
            part.unlink(missing_ok=True)
        self._download(file, part)
        digest = hubfiles.is_right(part, file, self._watch)
        if digest is None and resumed:  # the half was not what it seemed: once more from the start
            part.unlink()
            self._download(file, part)
            digest = hubfiles.is_right(part, file, self._watch)
        if digest is None:
            part.unlink()
            raise ChecksumError(
                f"{file.name} came otherwise than the Hugging Face Hub lists it (its SHA-256 is not "
                f"{file.key[:8]}…), and is not used; try again."
            )
        self._put(part, file, to)
        return digest

    def _put(self, part: Path, file: HubFile, to: Path) -> None:
        if file.name.endswith(".safetensors"):
            try:
                hubfiles.check_safetensors(part, file.name)
            except BaseException:
                part.unlink()
                raise
        part.replace(to)

    def _download(self, file: HubFile, part: Path) -> None:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils import build_hf_headers

        url = hf_hub_url(self._repository, file.name, revision=self._revision)
        headers = {**build_hf_headers(library_name="gptwidgets"), "Accept-Encoding": "identity"}
        try:
            with part.open("ab") as made:
                made.flush()
            with part.open("r+b") as opened:
                there = opened.seek(0, os.SEEK_END)
                self._tell(there)
                content: Any = _Counted(opened, self._tell)
                http_get(url, content, resume_size=there, headers=headers, expected_size=file.bytes)
        except BaseException:
            with suppress(OSError):
                if part.stat().st_size > file.bytes:  # the server went on and on
                    part.unlink()
            raise


class _Counted:
    """A file that says how long it has become."""

    def __init__(self, file: IO[bytes], tell: Callable[[int], None]) -> None:
        self._file, self._tell = file, tell

    def write(self, content: bytes) -> int:
        """Writes, and says so; goes straight to the disk, so that a kill loses no more than this."""
        written = self._file.write(content)
        self._file.flush()
        self._tell(self._file.tell())
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


if __name__ == "__main__":
    sys.exit(serve(work))
