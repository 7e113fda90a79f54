"""Whether the files of a model are safe to be handed on: only data, all pinned, and nobody's secrets.

Nothing is opened here but as bytes, as JSON, and as the header of a safetensors file; there is no torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import UnsafeModelError
from gptwidgets.store import leaks
from gptwidgets.store.folders import MANIFEST, NOBODY, Watch, manifest, sha256
from gptwidgets.store.hubfiles import INDEX, check_safetensors, safe_name

if TYPE_CHECKING:
    from gptwidgets.store.listings import File

Result = tuple[str, bool, str]  # a check's name, whether it passed, and why

TEXT = {".json", ".txt", ".md", ".jinja", ".tiktoken", ".vocab", ""}
DATA = {".safetensors", ".model", *TEXT}
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
# How programs, archives and pickles begin, whatever their names say.
_BEGINNINGS = (b"\x7fELF", b"MZ", b"PK\x03\x04", b"#!", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"\x1f\x8b")
_PICKLE = b"\x80"  # and a small number, the protocol
_MAPS_CODE = {"auto_map", "custom_pipelines"}  # in transformers' configs: Python files that it should run

MOST_FILES = 1_000
MOST_BYTES = (
    100_000_000  # of a file beside the weights; a tokenizer of a quarter of a million words has 35 MB
)
LONGEST_NAME = 300  # characters of a path


def examine(folder: Path, files: Sequence[File] | None = None, watch: Watch = NOBODY) -> list[Result]:
    """All checks of files that need no model.

    Args:
        folder: of a draft, sealed.
        files: what the store pinned; None for what the folder's own manifest says.
        watch: told about progress, and asked whether to stop.

    Returns:
        (name, passed, reason) of each check; a reason that did not pass says what to do.
    """
    safe = "Its weights are safetensors, and its other files are data."
    return [
        _result("files are safe", _unsafe(folder), safe),
        _result("no code", _code(folder), "Nothing in it runs."),
        _result("hashes", changes(folder, files, watch), "Every file is as it was when the draft was made."),
        _result("no secrets", _secrets(folder, watch), "No key, token or password was seen in it."),
    ]


def changes(folder: Path, files: Sequence[File] | None = None, watch: Watch = NOBODY) -> Iterator[str]:
    """What of a folder is not as it was pinned, a sentence each; hashes every file.

    Args:
        folder: of a version.
        files: what the store pinned; None for what the folder's own manifest says.
        watch: told about progress, and asked whether to stop.
    """
    sealed = manifest(folder)
    if sealed is None:
        yield "It has no manifest; publish it anew."
        return
    pinned: Mapping[str, Any] = sealed.get("files") or {}
    if files is not None:
        pinned = {file.path: {"bytes": file.bytes, "sha256": file.sha256} for file in files}
    there = {_name(folder, path): path for path in _files(folder)}
    for name, facts in pinned.items():
        path = there.pop(name, None)
        if path is None:
            yield f'"{name}" is gone since the draft was made; publish it anew.'
        elif not _is(path, facts, watch):
            yield f'"{name}" was changed since the draft was made; publish it anew.'
    for name in sorted(there.keys() - {MANIFEST}):
        yield f'"{name!r:.80}" came later than the draft; publish it anew.'


def _is(path: Path, facts: Mapping[str, Any], watch: Watch) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size != facts["bytes"]:
        return False
    return sha256(path, watch) == facts["sha256"]


def _result(name: str, faults: Iterator[str], passed: str) -> Result:
    found = list(dict.fromkeys(faults))
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
    return (name, not found, " ".join(found[:3]) + more if found else passed)


def _files(folder: Path) -> list[Path]:
    """Everything that is no folder; a link is not followed."""
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def name_fault(name: str) -> str | None:
    """What is wrong with a file's name, in words; None for nothing.

    Example:
        >>> name_fault("a/config.json"), name_fault("../config.json")
        (None, "'../config.json' is no name for a file of a model; rename or remove it.")
    """
    if safe_name(name) and not any(part.startswith(".") for part in name.split("/")):
        return None if len(name) <= LONGEST_NAME else f"{name[:60]!r}… is too long a name; shorten it."
    return f"{name[:80]!r} is no name for a file of a model; rename or remove it."


def _unsafe(folder: Path) -> Iterator[str]:
    paths = {_name(folder, path): path for path in _files(folder)}
    paths.pop(MANIFEST, None)
    if len(paths) > MOST_FILES:
        yield f"It has {len(paths):,} files, and a model at most {MOST_FILES:,}; remove some."
    if len({name.lower() for name in paths}) < len(paths):
        yield "Two of its files differ in capital letters only, which not every system can tell; rename one."
    for name, path in paths.items():
        yield from _wrong(folder, path, name)
    if not any(name.lower().endswith(".safetensors") for name in paths):
        yield "It has no weights in safetensors; save it with save_pretrained()."


def _wrong(folder: Path, path: Path, name: str) -> Iterator[str]:
    kind, fault = path.suffix.lower(), name_fault(name)
    if fault is not None:
        yield fault
    elif path.is_symlink():
        yield f'"{name}" is a link; put the file itself there.'
    elif not path.is_file():
        yield f'"{name}" is no file; remove it.'
    elif kind not in DATA | CODE:
        yield f'"{name}" is of a kind that no model needs; remove it.'
    elif kind == ".safetensors":
        if not _is_safetensors(path, name):
            yield f'"{name}" is no safetensors file, whatever its name says; save the model anew.'
    elif path.stat().st_size > MOST_BYTES:
        yield f'"{name}" is larger than {MOST_BYTES // 10**6} MB, and holds no weights; remove it.'
    elif kind in TEXT:
        yield from _wrong_text(folder, path, name)


def _is_safetensors(path: Path, name: str) -> bool:
    """True where the header says what there is, and all of that lies inside the file, without a gap."""
    from safetensors import SafetensorError, safe_open

    try:
        check_safetensors(path, name)
        with safe_open(str(path), framework="np"):  # their types, shapes and places
            return True
    except (UnsafeModelError, SafetensorError, OSError, ValueError):
        return False


def _wrong_text(folder: Path, path: Path, name: str) -> Iterator[str]:
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        yield f'"{name}" is no text, whatever its name says; remove it.'
        return
    if path.suffix.lower() != ".json":
        return
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        yield f'"{name}" is no JSON, whatever its name says; save the model anew.'
        return
    if path.name == INDEX:
        named = found.get("weight_map") if isinstance(found, dict) else None
        beside: set[str] = {str(file) for file in named.values()} if isinstance(named, dict) else set()
        if not beside or any(not safe_name(file) or not (folder / file).is_file() for file in beside):
            yield f'"{name}" names weights that are not there; save the model anew.'


def _code(folder: Path) -> Iterator[str]:
    for path in _files(folder):
        name, kind = _name(folder, path), path.suffix.lower()
        if path.is_symlink() or not path.is_file():
            continue
        if kind in CODE:
            yield f'"{name}" is code, or can hold some; remove it.'
        elif kind != ".safetensors" and _begins_as_code(path):
            yield f'"{name}" is a program, an archive or a pickle, whatever its name says; remove it.'
        elif kind == ".json" and path.stat().st_size <= MOST_BYTES and _maps_code(path):
            yield f'"{name}" names code of its own (auto_map); remove that entry.'


def _begins_as_code(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.read(4)
    return first.startswith(_BEGINNINGS) or (first[:1] == _PICKLE and first[1:2] in b"\1\2\3\4\5\6")


def _maps_code(path: Path) -> bool:
    """True where any part of a config names code: the parts of a model may have configs of their own."""
    try:
        waiting: list[Any] = [json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, RecursionError):
        return False
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if any(part.get(key) for key in _MAPS_CODE):
                return True
            waiting += part.values()
        elif isinstance(part, list) and part and isinstance(part[0], dict | list):
            waiting += part
    return False


def _secrets(folder: Path, watch: Watch) -> Iterator[str]:
    for path in _files(folder):
        watch.stop()
        if not path.is_symlink() and path.is_file():
            for kind in leaks.kinds(path):
                name = _name(folder, path)
                yield f'"{name}" has what looks like {kind} in it; remove that, and make it invalid.'
