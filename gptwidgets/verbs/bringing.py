"""Bringing a model to where it is published: a GPT, or a folder, looked at before anything is copied."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import GPTWidgetsError, StoreError
from gptwidgets.store.folders import MANIFEST, Watch
from gptwidgets.store.safety import MOST_FILES, name_fault
from gptwidgets.store.staging import is_full, need_room

if TYPE_CHECKING:
    from gptwidgets.kernel.gpt import GPT

HOW = "make room, and publish it again"  # where a disk is full
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Folder:
    """A folder as it was looked at.

    Attributes:
        path: where it is.
        files: by their names within it, their sizes and times of change in nanoseconds.
    """

    path: Path
    files: dict[str, tuple[int, int]]


def look(gpt_or_folder: Any) -> GPT | Folder:
    """What is to be brought: a GPT, or the files of a folder by their names there.

    What is hidden in a folder (.git, .cache) stays behind. A link is followed within the folder, and in
    Hugging Face's cache, which is made of them; elsewhere it could lead to what was never meant for others.

    Raises:
        StoreError: it is no model, or has a file that cannot be published; says what to do.
        ClosedError, TextError: a GPT that was closed, or has no tokenizer.
    """
    if isinstance(gpt_or_folder, str | os.PathLike):
        folder = Path(gpt_or_folder).expanduser()
        return Folder(folder, _files(folder))
    from gptwidgets.kernel.gpt import GPT

    if not isinstance(gpt_or_folder, GPT):
        raise StoreError(
            f"What is published is a GPT (gw.load(…)) or a folder, not {type(gpt_or_folder).__name__}."
        )
    _ = gpt_or_folder.model, gpt_or_folder.tokenizer  # both are there, or it says why not
    return gpt_or_folder


def bring(model: GPT | Folder, to: Path, watch: Watch) -> None:
    """Writes a model that `look` has seen into an empty folder.

    Args:
        model: what `look` said.
        to: the folder.
        watch: told about progress, and asked whether to stop.

    Raises:
        StoreError: a folder that changes meanwhile, or a model that cannot be saved.
        OSError, InstallError: there is no room.
    """
    if isinstance(model, Folder):
        _copy(model, to, watch)
    else:
        _save(model, to, watch)


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    if not (folder / "config.json").is_file():
        raise StoreError(f'"{folder}" is no folder of a model: it has no config.json.')
    root = folder.resolve()
    homes = [root, *([root.parents[1] / "blobs"] if root.parent.name == "snapshots" else [])]
    found: dict[str, tuple[int, int]] = {}
    for path in sorted(folder.rglob("*")):
        within = path.relative_to(folder)
        name = within.as_posix()
        if name == MANIFEST or any(part.startswith(".") for part in within.parts):
            continue
        if path.is_symlink():
            place = path.resolve()
            if not place.is_file() or not any(place.is_relative_to(home) for home in homes):
                raise StoreError(f'"{path}" is a link out of its folder; put the file itself there.')
        elif not path.is_file():
            continue
        fault = name_fault(name)
        if fault is not None:
            raise StoreError(f'Of "{folder}", {fault}')
        with suppress(FileNotFoundError):  # it goes while we look
            now = path.stat()
            found[name] = (now.st_size, now.st_mtime_ns)
    if len(found) > MOST_FILES:
        raise StoreError(f'"{folder}" has {len(found):,} files, and a model at most {MOST_FILES:,}.')
    return found


def _copy(folder: Folder, to: Path, watch: Watch) -> None:
    """Copies files as they are: what is wrong within them the checks say.

    A model that is being written, by a training for one, would be half old and half new: what changes from
    the look at the folder to the end of the last file is not published.
    """
    total, done = sum(size for size, _time in folder.files.values()), 0
    need_room(to, total, HOW)
    changed = StoreError(
        f'"{folder.path}" changed while it was copied; publish it again when nothing writes to it any more.'
    )
    for name, (size, _time) in folder.files.items():
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copied = 0
        with target.open("wb") as written:
            for block in _blocks(folder.path / name, changed):
                watch.stop()
                copied += len(block)
                if copied > size:  # perhaps it grows for ever
                    raise changed
                written.write(block)
                done += len(block)
                watch.tell("copying", done, total, "bytes")
    if _files(folder.path) != folder.files:
        raise changed
    for path in to.rglob("*"):
        with suppress(OSError):  # a class reads what one of it has written
            path.chmod(0o755 if path.is_dir() else 0o644)


def _blocks(path: Path, changed: StoreError) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                yield block
    except FileNotFoundError:
        raise changed from None
    except OSError as error:
        raise StoreError(f'"{path}" cannot be read ({error.strerror or error}).') from None


def _save(gpt: GPT, to: Path, watch: Watch) -> None:
    from transformers.utils import logging

    model: Any = gpt.model
    total = sum(weight.nelement() * weight.element_size() for weight in model.parameters())
    need_room(to, total, HOW)
    watch.stop()
    watch.tell("saving", 0, total, "bytes")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model.save_pretrained(to)
        gpt.tokenizer.save_pretrained(to)
    except (GPTWidgetsError, OSError):
        raise
    except Exception as error:  # safetensors, tokenizers and transformers each have their own
        if is_full(error):
            raise OSError(28, "No space left on device") from error
        first = str(error).strip().split("\n")[0] or type(error).__name__
        raise StoreError(f"{gpt.name} cannot be saved: {first:.300}") from error
    finally:
        if shown:
            logging.enable_progress_bar()
    watch.stop()
    _forget_where(to)
    watch.tell("saving", total, total, "bytes")


def _forget_where(folder: Path) -> None:
    """Takes out of a model's configs where it lay on this machine, which is nobody else's business."""
    for path in folder.glob("*config.json"):
        config = json.loads(path.read_text("utf-8"))
        told = [
            key for key in ("_name_or_path", "name_or_path") if Path(str(config.get(key, ""))).is_absolute()
        ]
        if told:
            kept = {key: value for key, value in config.items() if key not in told}
            path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", "utf-8")
