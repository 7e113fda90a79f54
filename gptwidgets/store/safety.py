"""Whether the files of a model are safe to be handed on: only data, all pinned, and nobody's secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gptwidgets.errors import ChecksumError, UnsafeModelError
from gptwidgets.store.folders import MANIFEST, NOBODY, Watch, check, manifest
from gptwidgets.store.hubfiles import check_safetensors, safe_name

Result = tuple[str, bool, str]  # a check's name, whether it passed, and why

DATA = {".safetensors", ".json", ".txt", ".model", ".md", ".jinja", ".tiktoken", ".vocab", ""}
CODE = {
    *(
        ".py",
        ".pyc",
        ".so",
        ".dll",
        ".dylib",
        ".exe",
        ".sh",
        ".bat",
        ".js",
        ".mjs",
        ".html",
        ".ipynb",
        ".jar",
    ),
    *(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".h5", ".msgpack"),
}
TEXT_AT_MOST = 5_000_000  # bytes; a larger file is a vocabulary and no place for a password

# By what a secret is known; a reason names its kind and its file, and never says it.
SECRETS = {
    "a Hugging Face token": re.compile(rb"\bhf_[A-Za-z0-9]{30,}"),
    "an API key": re.compile(rb"\bsk-(?:proj-|ant-)?[A-Za-z0-9_-]{32,}"),
    "an AWS key": re.compile(rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a GitHub token": re.compile(rb"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})"),
    "a Google key": re.compile(rb"\bAIza[A-Za-z0-9_-]{35}\b"),
    "a private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "a password": re.compile(
        rb"(?i)[\"']?(?:password|passwd|secret_key|api_key)[\"']?\s*[:=]\s*[\"'][^\"'\s]{6,}[\"']"
    ),
}


def examine(folder: Path, watch: Watch = NOBODY) -> list[Result]:
    """All checks of files that need no model.

    Args:
        folder: of a draft, sealed.
        watch: asked whether to stop.
    """
    return [
        _result(
            "files are safe", _unsafe(folder), "Its weights are safetensors, and its other files are data."
        ),
        _result("no code", _code(folder), "Nothing in it runs."),
        _result("hashes", _changed(folder, watch), "Every file is as it was when the draft was made."),
        _result("no secrets", _secrets(folder, watch), "No key, token or password was seen in it."),
    ]


def _result(name: str, faults: Iterator[str], passed: str) -> Result:
    found = list(dict.fromkeys(faults))
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
    return (name, not found, " ".join(found[:3]) + more if found else passed)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())


def _unsafe(folder: Path) -> Iterator[str]:
    weights = 0
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name == MANIFEST:
            continue
        if path.is_symlink():
            yield f'"{name}" is a link; put the file itself there.'
        elif not safe_name(name) or any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield f'"{name!r:.80}" is no name for a file of a model; rename or remove it.'
        elif path.suffix.lower() not in DATA | CODE:
            yield f'"{name}" is of a kind that no model needs; remove it.'
        elif path.suffix.lower() == ".safetensors":
            weights += 1
            try:
                check_safetensors(path, name)
            except UnsafeModelError:
                yield f'"{name}" is no safetensors file, whatever its name says; save the model anew.'
    if not weights:
        yield "It has no weights in safetensors; save it with save_pretrained()."


def _code(folder: Path) -> Iterator[str]:
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix.lower() in CODE:
            yield f'"{name}" is code, or can hold some; remove it.'
        elif path.suffix.lower() == ".json" and path.stat().st_size < TEXT_AT_MOST and _maps_code(path):
            yield f'"{name}" names code of its own (auto_map); remove that entry.'


def _maps_code(path: Path) -> bool:
    try:
        found: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and bool(found.get("auto_map"))


def _changed(folder: Path, watch: Watch) -> Iterator[str]:
    sealed = manifest(folder)
    if sealed is None:
        yield "It has no manifest; publish it anew."
        return
    watch.stop()
    try:
        check(folder, thorough=True)
    except ChecksumError:
        yield "A file was changed or removed since the draft was made; publish it anew."
    there = {path.relative_to(folder).as_posix() for path in _files(folder)} - {MANIFEST}
    for name in sorted(there - set(sealed["files"])):
        yield f'"{name}" came later than the draft; publish it anew.'


def _secrets(folder: Path, watch: Watch) -> Iterator[str]:
    for path in _files(folder):
        watch.stop()
        if path.is_symlink() or path.suffix == ".safetensors" or path.stat().st_size > TEXT_AT_MOST:
            continue
        content = path.read_bytes()
        for kind, pattern in SECRETS.items():
            if pattern.search(content):
                name = path.relative_to(folder).as_posix()
                yield f'"{name}" has what looks like {kind} in it; remove that, and make it invalid.'
