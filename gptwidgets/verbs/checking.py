"""Everything that is checked of a draft before a reviewer sees it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gptwidgets.store import cards, licences, safety
from gptwidgets.store.children import run_child
from gptwidgets.store.folders import NOBODY, Watch
from gptwidgets.store.safety import Result

if TYPE_CHECKING:
    from gptwidgets.store.listings import Listing

_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
_UNTRIED = "Not tried: what is wrong with its files comes first."


def check(folder: Path, listing: Listing, card: str, licence: str, watch: Watch = NOBODY) -> list[Result]:
    """Checks a draft: its files, its words, and in a process of its own whether it works.

    Args:
        folder: of the draft.
        listing: that it belongs to.
        card: what is said of it.
        licence: as SPDX, or LicenseRef-….
        watch: told about progress, and asked whether to stop.

    Returns:
        (name, passed, reason) of each check; a reason says what to do.
    """
    watch.tell("looking at its files", 0, None, "checks")
    found = [*safety.examine(folder, watch=watch), _licence(folder, licence), _card(card)]
    if not all(passed for _name, passed, _reason in found[:3]):  # what is not safe is not opened
        from gptwidgets.verbs.check_child import NAMES

        return [*found, *((name, False, _UNTRIED) for name in NAMES)]
    arguments = {"folder": str(folder), "name": listing.name}
    what = f"the check of {listing.name}"
    tried = run_child("gptwidgets.verbs.check_child", arguments, watch, what=what, environment=_OFFLINE)
    return [*found, *((name, passed, reason) for name, passed, reason in tried["results"])]


def _licence(folder: Path, licence: str) -> Result:
    if licences.is_known(licence):
        return ("licence is known", True, f"{licence} is a licence that is known.")
    papers = (path for path in sorted(folder.iterdir()) if path.name.lower().startswith(("licen", "copying")))
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
