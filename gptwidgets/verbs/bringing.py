"""Bringing a model to where it is published: a GPT, or a folder, looked at before anything is copied."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import StoreError
from gptwidgets.store.folders import MANIFEST, Watch
from gptwidgets.store.safety import MOST_FILES, name_fault
from gptwidgets.store.staging import need_room

if TYPE_CHECKING:
    from gptwidgets.kernel.gpt import GPT

_BLOCK = 1 << 22


def look(gpt_or_folder: Any) -> GPT | dict[str, Path]:
    """What is to be brought: a GPT, or the files of a folder by their names there.

    What is hidden in a folder (.git, .cache) stays behind. A link is followed within the folder, and in
    Hugging Face's cache, which is made of them; elsewhere it could lead to what was never meant for others.

    Raises:
        StoreError: it is no model, or has a file that cannot be published; says what to do.
    """
    if isinstance(gpt_or_folder, str | os.PathLike):
        return _files(Path(gpt_or_folder).expanduser())
    from gptwidgets.kernel.gpt import GPT

    if not isinstance(gpt_or_folder, GPT):
        raise StoreError(
            f"What is published is a GPT (gw.load(…)) or a folder, not {type(gpt_or_folder).__name__}."
        )
    return gpt_or_folder


def bring(model: GPT | dict[str, Path], to: Path, watch: Watch) -> None:
    """Writes a model that `look` has seen into an empty folder.

    Args:
        model: what `look` said.
        to: the folder.
        watch: told about progress, and asked whether to stop.
    """
    if isinstance(model, dict):
        _copy(model, to, watch)
    else:
        _save(model, to, watch)


def _files(folder: Path) -> dict[str, Path]:
    if not (folder / "config.json").is_file():
        raise StoreError(f'"{folder}" is no folder of a model: it has no config.json.')
    root = folder.resolve()
    homes = [root, *([root.parents[1] / "blobs"] if root.parent.name == "snapshots" else [])]
    found: dict[str, Path] = {}
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
        found[name] = path
    if len(found) > MOST_FILES:
        raise StoreError(f'"{folder}" has {len(found):,} files, and a model at most {MOST_FILES:,}.')
    return found


def _copy(files: dict[str, Path], to: Path, watch: Watch) -> None:
    """Copies files as they are: what is wrong within them the checks say."""
    total, done = sum(path.stat().st_size for path in files.values()), 0
    need_room(to, total)
    for name, path in files.items():
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("rb") as read, target.open("wb") as written:
            while block := read.read(_BLOCK):
                watch.stop()
                written.write(block)
                done += len(block)
                watch.tell("copying", done, total, "bytes")
    for path in to.rglob("*"):
        with suppress(OSError):  # a class reads what one of it has written
            path.chmod(0o755 if path.is_dir() else 0o644)


def _save(gpt: GPT, to: Path, watch: Watch) -> None:
    from transformers.utils import logging

    model: Any = gpt.model
    total = sum(weight.nelement() * weight.element_size() for weight in model.parameters())
    need_room(to, total)
    watch.tell("saving", 0, total, "bytes")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        model.save_pretrained(to)
        gpt.tokenizer.save_pretrained(to)
    finally:
        if shown:
            logging.enable_progress_bar()
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
