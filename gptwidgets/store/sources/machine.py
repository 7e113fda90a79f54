"""The models that lie on this machine: installed, of the class, in Hugging Face's cache, in given folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.store import paths
from gptwidgets.store.describing import Described, describe_folder
from gptwidgets.store.folders import manifest
from gptwidgets.store.ggufheader import describe_gguf
from gptwidgets.store.sources.found import Found

_DEEP = 3  # folders below a given one that are looked into


class Machine:
    """What is here already, described by config and headers: no torch, no weights are read.

    Args:
        folders: more places to look for models and GGUF files in, besides GPTWIDGETS_MODELS, the installed
            models and Hugging Face's cache.

    Example:
        >>> [found.name for found in Machine().search("gpt2")]                  # doctest: +SKIP
        ['gpt2', 'openai-community/gpt2']
    """

    title = "this machine"

    def __init__(self, folders: Iterable[str | os.PathLike[str]] = ()) -> None:
        self._folders = [Path(folder).expanduser() for folder in folders]

    def search(self, words: str, *, limit: int = 50) -> list[Found]:
        """The models whose name, publisher or architecture says these words."""
        wanted = words.split()
        found: dict[str, Found] = {}
        for model in self._all():
            if model.says(wanted):
                found.setdefault(model.name, model)
                if len(found) >= limit:
                    break
        return list(found.values())

    def describe(self, name: str) -> Found | None:
        """One model, by the name that `search` gave it."""
        for model in self._all():
            if model.name == name:
                return model
        return None

    def _all(self) -> Iterator[Found]:
        shared = paths.shared_models()
        for root in [shared, paths.models()] if shared is not None else [paths.models()]:
            for folder in _inside(root):
                if not folder.name.startswith(".") and (folder / "config.json").is_file():
                    yield _folder(folder, folder.name)
        yield from _hugging_face()
        for folder in self._folders:
            yield from _given(folder, _DEEP)


def _inside(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _given(place: Path, deep: int) -> Iterator[Found]:
    if place.suffix.lower() == ".gguf" and place.is_file():
        with suppress(GPTWidgetsError, OSError):  # what only bears the name is no model
            yield _gguf(place)
    elif (place / "config.json").is_file():
        yield _folder(place, str(place))
    elif deep and not place.is_symlink():
        for path in _inside(place):
            if path.is_dir() or path.suffix.lower() == ".gguf":
                yield from _given(path, deep - 1)


def _folder(folder: Path, name: str) -> Found:
    sealed: dict[str, Any] = manifest(folder) or {}
    source = sealed.get("source")
    source = source if isinstance(source, dict) else {}
    name = str(sealed.get("name") or name)
    revision = str(source.get("revision") or source.get("version") or "")
    return _found(
        name,
        folder.name,
        describe_folder(folder),
        folder,
        licence=str(sealed.get("licence", "")),
        revision=revision,
    )


def _hugging_face() -> Iterator[Found]:
    """The whole models of Hugging Face's cache, each in its newest revision."""
    from huggingface_hub import constants

    for root in _inside(Path(constants.HF_HUB_CACHE)):
        if not root.name.startswith("models--"):
            continue
        snapshots = [path for path in _inside(root / "snapshots") if (path / "config.json").is_file()]
        whole = [path for path in snapshots if any(path.glob("*.safetensors"))]
        if whole:
            newest = max(whole, key=lambda path: path.stat().st_mtime)
            name = root.name.removeprefix("models--").replace("--", "/", 1)
            source = {"kind": "hub", "repository": name, "revision": newest.name}
            described = describe_folder(newest)
            yield _found(name, name.split("/")[-1], described, newest, revision=newest.name, source=source)


def _gguf(file: Path) -> Found:
    described, title = describe_gguf(file)
    source = {"kind": "gguf", "path": str(file)}
    return _found(str(file), title or file.stem, described, file, source=source)


def _found(
    name: str,
    title: str,
    described: Described,
    place: Path,
    *,
    licence: str = "",
    revision: str = "",
    source: dict[str, Any] | None = None,
) -> Found:
    card = ""
    with suppress(OSError):
        card = (place / "README.md").read_text("utf-8", "replace")[:1_000_000]
    return Found(
        name=name,
        title=title,
        publisher=name.split("/", maxsplit=1)[0] if name.count("/") == 1 else "",
        summary=f'In "{place}".',
        licence=licence,
        origin="machine",
        architecture=described.architecture,
        parameters=described.parameters,
        context_length=described.context_length,
        weight_bytes=described.weight_bytes or None,
        dtype=described.dtype,
        source=source or {"kind": "folder", "path": str(place)},
        revision=revision,
        card=card,
        config=described.config,
    )
