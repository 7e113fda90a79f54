"""Everything that is checked of a draft before a reviewer sees it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from gptwidgets.errors import Cancelled, GPTWidgetsError, OutOfMemory
from gptwidgets.store import cards, licences, safety
from gptwidgets.store.children import run_child
from gptwidgets.store.folders import NOBODY, Watch
from gptwidgets.store.listings import File
from gptwidgets.store.safety import Result

NAMES = ("loads offline on the CPU", "logits are finite", "tokenizer gives texts back", "writes")
LONGEST = 600.0  # seconds for a model to load and to be tried; SmolLM2-135M takes ten
ROOM = 4 * 10**9  # bytes that Python, torch and a small model may take
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "HF_TOKEN": ""}
_UNTRIED = "Not tried: what is wrong with its files comes first."


class _TooLong(GPTWidgetsError):
    pass


def check(
    folder: Path,
    name: str,
    card: str,
    licence: str,
    *,
    files: Sequence[File] | None = None,
    watch: Watch = NOBODY,
) -> list[Result]:
    """Checks a draft: its files, its words, and in a process of its own whether it works.

    Args:
        folder: of the draft.
        name: of its listing.
        card: what is said of it.
        licence: as SPDX, or LicenseRef-….
        files: what the store pinned; None for what the folder's manifest says.
        watch: told about progress, and asked whether to stop.

    Returns:
        (name, passed, reason) of each check; a reason says what to do.

    Example:
        >>> check(Path("my-model"), "my-model", "# My model", "MIT")[0]         # doctest: +SKIP
        ('files are safe', True, 'Its weights are safetensors, and its other files are data.')
    """
    watch.tell("looking at its files", 0, None, "checks")
    seen = safety.examine(folder, files, watch)
    found = [*seen, _licence(folder, licence), _card(card)]
    if not all(passed for what, passed, _reason in seen if what != "no secrets"):
        return [*found, *((what, False, _UNTRIED) for what in NAMES)]  # what is not safe is not opened
    return [*found, *_try(folder, name, watch)]


def _try(folder: Path, name: str, watch: Watch) -> list[Result]:
    """What a model does, in a process that has so much memory and time; how it ends is a result, too."""
    weights = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    arguments = {"folder": str(folder), "name": name, "memory": ROOM + 5 * weights}
    end = time.monotonic() + LONGEST

    def stop() -> None:
        watch.stop()
        if time.monotonic() > end:
            raise _TooLong(f"It took longer than {LONGEST:g} seconds; a smaller model is tried in time.")

    try:
        tried = run_child(
            "gptwidgets.verbs.check_child",
            arguments,
            Watch(tell=watch.tell, stop=stop),
            what=f"the check of {name}",
            environment=_OFFLINE,
        )
    except Cancelled:
        raise
    except OutOfMemory:
        return _failed("The system ended it, most likely because memory ran out: try it where there is more.")
    except GPTWidgetsError as error:
        return _failed(str(error))
    return [(what, passed, reason) for what, passed, reason in tried["results"]]


def _failed(reason: str) -> list[Result]:
    return [(NAMES[0], False, reason), *((what, False, "Not tried.") for what in NAMES[1:])]


def _licence(folder: Path, licence: str) -> Result:
    if licences.is_known(licence):
        return ("licence is known", True, f"{licence} is a licence that is known.")
    papers = (path for path in sorted(folder.glob("*")) if path.name.lower().startswith(("licen", "copying")))
    words = [path.name for path in papers if path.is_file() and path.stat().st_size > 0]
    if licence.startswith("LicenseRef-") and words:
        return ("licence is known", True, f'Its licence lies in "{words[0]}".')
    how = (
        f'"{licence}" is no licence by its SPDX name, as MIT or Apache-2.0 are; name one, or put the licence '
        "into a file LICENSE beside the model and call it LicenseRef-…."
    )
    return ("licence is known", False, how)


def _card(card: str) -> Result:
    lacking = cards.missing(card)
    if not lacking:
        return ("card says use, data and limits", True, "All three are there.")
    named = " and ".join(lacking)
    heading = f"## {lacking[0].title()}"
    how = f"The card has no words on {named}: give each a heading ({heading}) with a sentence below."
    return ("card says use, data and limits", False, how)
