"""What GPTs are used for, as templates to begin with: plain JSON files, ours and the user's own.

A file holds `name`, `note`, and at least one of `prompt` (a text that a base model goes on from) and
`messages` (a chat); `sampling` and `chat_sampling` are the
settings that suit them. To share one, share its file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gptwidgets.kernel.sampling import Sampling
from gptwidgets.store import paths
from gptwidgets.widgets.playground.settings import Messages

OURS = Path(__file__).parent / "presets"
MOST = 1_000_000  # bytes of a preset's file
NAME = 80  # characters
PARTS = {"name", "note", "prompt", "messages", "sampling", "chat_sampling"}


def folder() -> Path:
    """Where the user's own presets are; it need not exist."""
    return paths.home() / "presets"


def listed(*, chat: bool) -> tuple[list[dict[str, Any]], list[str]]:
    """All presets as the browser gets them, one entry a form.

    Args:
        chat: whether the model has a chat template; without one no chats are listed.

    Returns:
        The entries {name, kind, prompt or messages, sampling, own, note}, ours first, and a sentence for each
        file that could not be read.
    """
    entries: list[dict[str, Any]] = []
    sentences: list[str] = []
    for path, own in [
        *((path, False) for path in _files(OURS)),
        *((path, True) for path in _files(folder())),
    ]:
        try:
            entries += _forms(read(path), own=own, chat=chat)
        except (OSError, TypeError, ValueError) as error:
            sentences.append(f'The preset "{path}" was left out: {error}')
    return entries, sentences


def read(path: str | Path) -> dict[str, Any]:
    """Reads and checks a preset's file.

    Raises:
        ValueError: it is no preset; the text says why.
    """
    path = Path(path)
    if path.stat().st_size > MOST:
        raise ValueError(f"it has more than {MOST:,} bytes.")
    try:
        return checked(json.loads(path.read_text("utf-8")))
    except RecursionError:
        raise ValueError("it is nested too deeply.") from None


def checked(preset: Any) -> dict[str, Any]:
    """A preset with all of its parts in order.

    Raises:
        ValueError, TypeError: what is wrong with it.
    """
    if not isinstance(preset, Mapping) or not preset.keys() <= PARTS:
        raise ValueError(f"a preset has {', '.join(sorted(PARTS))} and nothing else.")
    name = preset.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > NAME:
        raise ValueError(f"a preset needs a name of at most {NAME} characters.")
    made: dict[str, Any] = {"name": name.strip(), "note": str(preset.get("note", ""))}
    if "prompt" in preset:
        if not isinstance(preset["prompt"], str):
            raise TypeError("a preset's prompt is a text.")
        made["prompt"] = preset["prompt"]
    if "messages" in preset:
        made["messages"] = Messages().validate(None, preset["messages"])
    if not {"prompt", "messages"} & made.keys():
        raise ValueError("a preset needs a prompt, or messages.")
    for part in ("sampling", "chat_sampling"):
        if part in preset:
            rules = Sampling.from_dict(preset[part]).to_dict()
            made[part] = {name: rules[name] for name in preset[part]}
    return made


def save(preset: Mapping[str, Any]) -> Path:
    """Writes a preset of the user's own; one of the same name is replaced.

    Returns:
        Its file.

    Raises:
        ValueError, TypeError: it is no preset.
        InstallError: the folder cannot be written.
    """
    made = checked(preset)
    path = paths.writable(folder()) / f"{_slug(made['name'])}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(made, ensure_ascii=True, indent=2) + "\n", "utf-8")
    part.replace(path)
    return path


def delete(name: str) -> None:
    """Removes a preset of the user's own.

    Raises:
        ValueError: there is none of this name.
    """
    for path in _files(folder()):
        try:
            found = read(path)["name"]
        except (OSError, TypeError, ValueError):
            continue
        if found == name:
            path.unlink()
            return
    raise ValueError(f"There is no preset '{name}' of your own.")


def _files(where: Path) -> list[Path]:
    return sorted(where.glob("*.json")) if where.is_dir() else []


def _slug(name: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    digest = "" if words == name.lower().replace(" ", "-") else f"-{sum(map(ord, name)) % 10_000}"
    return f"{words[:60] or 'preset'}{digest}"


def _forms(preset: dict[str, Any], *, own: bool, chat: bool) -> Iterator[dict[str, Any]]:
    common = {"name": preset["name"], "own": own, "note": preset["note"]}
    rules = preset.get("sampling", {})
    if "prompt" in preset:
        yield {**common, "kind": "text", "prompt": preset["prompt"], "sampling": rules}
    if "messages" in preset and chat:
        yield {
            **common,
            "kind": "chat",
            "messages": preset["messages"],
            "sampling": preset.get("chat_sampling", rules),
        }
