"""Which files of a Hub repository make up a model, and which are never fetched."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from gptwidgets.errors import InstallError, UnknownModelError, UnsafeModelError
from gptwidgets.store.folders import NOBODY, Watch

SMALL = (".json", ".txt", ".model", ".jinja", ".tiktoken")
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_PAPERS = re.compile(r"(readme|licen[cs]e|notice)(\.(md|txt))?", re.IGNORECASE)
_MOST_SMALL = 100_000_000  # a tokenizer of a quarter of a million words has 35 MB
# Of several GGUF files of one model the one that is nearest to the original and not twice its size.
_BEST_GGUF = ("q8_0", "f16", "bf16", "q6_k", "q5_k_m", "q5_1", "q4_k_m", "q4_1", "q4_0", "f32")


@dataclass(frozen=True)
class HubFile:
    """A file as the Hub lists it.

    Attributes:
        name: its name in the repository.
        bytes: its size.
        sha256: of its content, where it is a large file.
        blob: git's SHA-1 of its content, where it is a small one.
    """

    name: str
    bytes: int
    sha256: str | None = None
    blob: str | None = None

    @property
    def key(self) -> str:
        """What names its content, in Hugging Face's cache, too."""
        return self.sha256 or self.blob or ""


@dataclass(frozen=True)
class Choice:
    """What is fetched.

    Attributes:
        kind: in which form the weights are.
        small: config, tokenizer, card and licence.
        weights: names; none where `INDEX`, which is among the small, says which.
    """

    kind: Literal["safetensors", "gguf"]
    small: tuple[HubFile, ...]
    weights: tuple[HubFile, ...]


def safe_name(name: str) -> bool:
    """True where a name from elsewhere stays below the folder that it is put in, on every system."""
    parts = name.replace("\\", "/").split("/")
    return (
        bool(name)
        and "\\" not in name
        and ":" not in name
        and name.isprintable()
        and all(part.strip(" .") and part == part.rstrip(" .") for part in parts)
    )


def choose(files: Iterable[HubFile], name: str, gguf: str | None = None) -> Choice:
    """The files of a model among those of its repository.

    Args:
        files: all of them.
        name: the model's, for errors.
        gguf: which GGUF file is meant, where there are several.

    Raises:
        UnsafeModelError: a name leads out of the folder, or the weights are pickles.
        UnknownModelError: there are no weights.
    """
    known = {file.name: file for file in files}
    for file in known:
        if not safe_name(file):
            raise UnsafeModelError(
                f'{name} lists a file "{file!r:.80}", which would be written elsewhere; it is not fetched.'
            )
    top = {file: known[file] for file in sorted(known) if "/" not in file}
    papers = tuple(top[file] for file in top if _PAPERS.fullmatch(file))
    if gguf is None and (WHOLE in top or INDEX in top):
        small = tuple(
            top[file]
            for file in top
            if file.endswith(SMALL) and top[file].bytes <= _MOST_SMALL and top[file] not in papers
        )
        if "config.json" not in top:
            raise UnknownModelError(f"{name} holds no config.json: it is no model.")
        return Choice("safetensors", (*small, *papers), () if INDEX in top else (top[WHOLE],))
    found = [file for file in top if file.lower().endswith(".gguf")]
    if found or gguf is not None:
        return Choice("gguf", papers, (top[_gguf(found, name, gguf)],))
    pickles = [file for file in top if file.endswith(PICKLES) and not file.startswith("training_args")]
    if pickles:
        raise UnsafeModelError(
            f"The weights of {name} are pickles ({pickles[0]}), which can run any code when read, so they "
            "are not fetched; look for a version of it in safetensors."
        )
    raise UnknownModelError(f"There are no weights ({WHOLE} or a .gguf file) in {name}.")


def _gguf(found: list[str], name: str, wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in found:
            raise UnknownModelError(f'{name} has no file "{wanted}".')
        return wanted
    whole = [
        file for file in found if not re.search(r"-\d{5}-of-\d{5}\.gguf$", file) and "mmproj" not in file
    ]
    if not whole:
        raise UnknownModelError(
            f"{name} has its weights only in parts (of GGUF), which are not put together."
        )
    for kind in _BEST_GGUF:
        for file in whole:
            if re.search(rf"(?<![a-z0-9]){kind}(?![a-z0-9_])", file.lower()):
                return file
    return whole[0]


def shards(folder: Path, files: Mapping[str, HubFile], name: str) -> tuple[HubFile, ...]:
    """The files that a model's index names.

    Raises:
        InstallError: it names what the repository does not have.
    """
    try:
        named = sorted(set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise InstallError(
            f"The {INDEX} of {name} cannot be read; it is broken where it comes from."
        ) from None
    missing = [shard for shard in named if shard not in files or not str(shard).endswith(".safetensors")]
    if missing or not named:
        raise InstallError(
            f'The {INDEX} of {name} names a file "{str(*missing[:1]):.80}" that the repository does not have.'
        )
    return tuple(files[shard] for shard in named)


def is_right(path: Path, file: HubFile, watch: Watch = NOBODY) -> str | None:
    """The SHA-256 of a file on the disk where its content is what the Hub lists; else None."""
    size, done = path.stat().st_size, 0
    if size != file.bytes:
        return None
    total, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as content:
        while block := content.read(1 << 22):
            watch.stop()
            total.update(block)
            if file.sha256 is None:
                blob.update(block)
            done += len(block)
            if size > 50_000_000:  # what is over in a moment is not worth a word
                watch.tell(f"checking {file.name}", done, size, "bytes")
    right = total.hexdigest() == file.sha256 if file.sha256 else blob.hexdigest() == file.blob
    return total.hexdigest() if right else None


def check_safetensors(path: Path, name: str) -> dict[str, Any]:
    """The header of a safetensors file, which says as much as the file holds.

    Raises:
        UnsafeModelError: it is something else under this name.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header: dict[str, Any] = json.loads(file.read(min(length, 100_000_000)))
        ends = [tensor["data_offsets"][1] for key, tensor in header.items() if key != "__metadata__"]
        whole = max(ends, default=0) == size - 8 - length
    except (struct.error, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        whole, header = False, {}
    if not whole:
        raise UnsafeModelError(
            f'"{name}" is no safetensors file, whatever its name says, and is not used; '
            "look for another version of the model."
        )
    return header
