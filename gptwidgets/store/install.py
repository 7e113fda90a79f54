"""Installing models, whatever they come from, and converting GGUF files that the user has.

Converting needs torch, which the store does not know: whoever calls hands a function in.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from gptwidgets.errors import InstallError
from gptwidgets.store import licences, paths
from gptwidgets.store.copying import from_folder
from gptwidgets.store.folders import NOBODY, Watch, check, manifest, seal, sha256
from gptwidgets.store.hubinstall import Convert, Judge, from_hub
from gptwidgets.store.hubwords import page
from gptwidgets.store.staging import need_room, restored, staged
from gptwidgets.store.wheels import from_wheel

# What is told of a finished install: name, folder, bytes, revision, source, files.
Note = Callable[[dict[str, Any]], object]


class Wanted(Protocol):
    """What installing must know of a listing."""

    @property
    def name(self) -> str:
        """What `gw.load` takes."""
        ...

    @property
    def licence(self) -> str:
        """As SPDX."""
        ...

    @property
    def source(self) -> dict[str, Any]:
        """Where its files come from: "kind" is "hub", "wheel", "folder" or "gguf", and pins go with it."""
        ...


def installed(name: str) -> Path | None:
    """The folder of an installed model: in GPTWIDGETS_MODELS, else in the user's data folder, else None.

    In the shared folder a plain transformers folder (with a config.json) counts, too: a teacher may put
    anything there.

    Raises:
        ChecksumError: it is there, but not as it was installed.
    """
    folder = placed(name)
    if folder is not None:
        check(folder)
    return folder


def placed(name: str) -> Path | None:
    """The same without a look at its files."""
    within = paths.folder_name(name)
    if within is None:
        return None
    shared = paths.shared_models()
    if shared is not None:
        folder = shared / within
        if manifest(folder) is not None or (folder / "config.json").is_file():
            return folder
    restored(paths.models(), within)
    folder = paths.models() / within
    return folder if manifest(folder) is not None else None


def install(
    listing: Wanted,
    convert: Convert,
    *,
    judge: Judge | None = None,
    local_wheel: Path | None = None,
    accept_licence: bool = False,
    revision: str | None = None,
    again: bool = False,
    note: Note | None = None,
    watch: Watch = NOBODY,
) -> Path:
    """Makes sure that a model is installed.

    What is fetched is kept when it is stopped or killed, and the next try goes on from there; the model
    itself comes into its place in one step.

    Args:
        listing: of the catalogue.
        convert: turns a GGUF file into a model folder.
        judge: may refuse a model of the Hub before its weights are fetched.
        local_wheel: the wheel of a model that comes in one, where the user has fetched it himself.
        accept_licence: the user accepts the licence, where that wants it.
        revision: of a model of the Hub: another commit, tag or branch than the listing's.
        again: even where it is there: whatever is not as it was is fetched anew.
        note: told the facts of the install once the model is in its place.
        watch: told about progress, and asked whether to stop.

    Returns:
        The model's folder.

    Raises:
        InstallError: no network, no pip, no room, a licence to be accepted first; says what to do.
        ChecksumError: a file is not the one that is pinned.
        UnsafeModelError: its weights are pickles.
    """
    source, within = listing.source, paths.folder_name(listing.name)
    if within is None:
        raise InstallError(f'A model cannot be installed under the name "{listing.name}".')
    wanted = revision or source.get("revision") or None
    found = None if again else placed(listing.name)
    if found is not None and _is_wanted(found, wanted):
        check(found)
        return _noted(found, listing.name, note)
    need_acceptance(listing, accept_licence=accept_licence)
    from_the_hub = source["kind"] == "hub"
    root, begun = paths.models(), manifest(paths.models() / within)

    def there(folder: Path) -> bool:
        """Whether another process has done it while this one waited."""
        sealed = manifest(folder)
        return sealed is not None and (sealed != begun if again else _is_wanted(folder, wanted))

    with staged(root, within, watch, keep=source["kind"] != "wheel", there=there) as stage:
        if stage is None:
            pass
        elif from_the_hub:
            from_hub(
                listing.name,
                source,
                stage,
                licence=listing.licence,
                accept_licence=accept_licence,
                revision=wanted,
                beside=root / within,
                convert=convert,
                judge=judge,
                watch=watch,
            )
        elif source["kind"] == "folder":
            from_folder(listing.name, source, stage, licence=listing.licence, watch=watch, judge=judge)
        elif source["kind"] == "gguf":
            from_file(
                listing.name, Path(source["path"]), stage, convert, licence=listing.licence, watch=watch
            )
        elif source["kind"] == "wheel":
            from_wheel(
                listing.name,
                source,
                stage,
                licence=listing.licence,
                local_wheel=local_wheel,
                convert=convert,
                watch=watch,
            )
        else:
            raise InstallError(
                f'{listing.name} comes from "{source["kind"]}", which cannot be installed here.'
            )
    return _noted(root / within, listing.name, note)


def need_acceptance(listing: Wanted, *, accept_licence: bool) -> None:
    """Asks for the licence to be accepted where it wants that, as far as is known before the Hub is asked.

    Raises:
        InstallError: it was not accepted; says where it can be read.
    """
    source, gated = listing.source, bool(getattr(listing, "gated", False))
    wants = gated or (bool(listing.licence) and licences.wants_acceptance(listing.licence))
    if source["kind"] == "hub" and wants and not accept_licence:
        raise InstallError(licences.refusal(listing.name, listing.licence, page(source["repository"])))


def _is_wanted(folder: Path, revision: str | None) -> bool:
    """True where a model that is there is of the wanted revision, as far as that can be said."""
    source: Any = (manifest(folder) or {}).get("source")
    if revision is None or not isinstance(source, dict):
        return True
    pinned = {"hub": "revision", "folder": "version"}.get(str(source.get("kind")))
    return pinned is None or source.get(pinned) == revision


def _noted(folder: Path, name: str, note: Note | None) -> Path:
    sealed = manifest(folder)
    if note is not None and sealed is not None and folder.parent == paths.models():
        source = sealed.get("source", {})
        note(
            {
                "name": name,
                "folder": str(folder),
                "bytes": sum(file["bytes"] for file in sealed["files"].values()),
                "revision": source.get("revision") or source.get("version") or "",
                "source": source,
                "files": sealed["files"],
            }
        )
    return folder


def from_file(
    name: str, file: Path, stage: Path, convert: Convert, *, licence: str, watch: Watch = NOBODY
) -> None:
    """Builds `stage/"model"`, sealed, from a GGUF file of the user's own."""
    if not file.is_file():
        raise InstallError(f'The file "{file}" of {name} is not there any more.')
    facts = _read(file, stage / "model", convert, sha256(file, watch))
    origin = {"kind": "gguf", "path": str(file), **facts["source"]}
    seal(stage / "model", {**facts, "name": name, "licence": licence, "source": origin}, watch)


def _read(file: Path, folder: Path, convert: Convert, digest: str) -> dict[str, Any]:
    """Converts a GGUF file, and gives the facts for its manifest."""
    need_room(folder.parent, 8 * file.stat().st_size)  # four bits a number become thirty-two
    shutil.rmtree(folder, ignore_errors=True)  # of a try that was killed
    facts = convert(file, folder)
    kind = facts.get("quantisation")
    plain = kind in {"F32", "F16", "BF16"}
    facts["source"] = {"file": file.name, "sha256": digest}
    facts["notes"] = [] if plain else [f"dequantised from {kind}; differs from the original weights"]
    return facts


def converted(file: Path, convert: Convert, *, watch: Watch = NOBODY) -> Path:
    """The folder that a GGUF file was converted to; converts it the first time.

    The cache goes by the file's SHA-256: a file that was moved is not converted again, one that changed is.

    Returns:
        A model folder in the user's data folder.
    """
    digest = sha256(file, watch)
    root = paths.home() / "converted"
    folder = root / digest[:24]
    if manifest(folder) is not None:
        check(folder)
        return folder
    with staged(root, folder.name, watch) as stage:
        if stage is not None:
            seal(stage / "model", {**_read(file, stage / "model", convert, digest), "name": file.stem})
    return folder
