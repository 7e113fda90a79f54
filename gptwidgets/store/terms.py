"""What a licence lets people do, in a sentence; where it can be read, and whether it is to be accepted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from gptwidgets.store import licences

_ANYTHING = frozenset({"0bsd", "cc0-1.0", "pddl", "unlicense", "wtfpl"})
_ALIKE = re.compile(r"a?gpl-|lgpl-|cc-by-sa-|mpl-|eupl-|odbl-|osl-|cddl-|epl-|ms-rl|cdla-sharing-|gfdl-")
_OWN = re.compile(r"cc-by-nc|cc-by-nd|polyform-|sspl-|busl-|elastic-|c-uda-")


@dataclass(frozen=True)
class Terms:
    """What a model's licence says to those who want to use it.

    Attributes:
        licence: as SPDX, or as its publisher calls it; "" where nothing says it.
        accept: whether it wants to be read and accepted before the model is installed.
        words: what it allows, in a sentence; no advice of a lawyer.
        link: where it can be read, or None where it lies among the model's files.
    """

    licence: str
    accept: bool
    words: str
    link: str | None


def terms(licence: str, source: dict[str, Any], *, gated: bool = False) -> Terms:
    """The terms of a listing.

    Args:
        licence: as SPDX, or as its publisher calls it.
        source: of the listing: only what comes from the Hub has conditions that somebody must accept there.
        gated: given only to those who accept its licence.

    Example:
        >>> terms("MIT", {"kind": "wheel"}).words
        'Use it, change it and give it on, for business too: keep its licence and its makers named.'
        >>> terms("LicenseRef-Own", {"kind": "hub", "repository": "us/gpt"}).accept
        True
    """
    hub = source.get("kind") == "hub"
    link = None
    if licences.is_known(licence):
        only = licence if " " not in licence.strip() else None
        link = f"https://spdx.org/licenses/{only}.html" if only else "https://spdx.org/licenses/"
    if hub and (link is None or gated):
        from gptwidgets.store.hubwords import page

        link = page(source["repository"])
    accept = hub and licences.wants_acceptance(licence, gated=gated)
    return Terms(licence, accept, _words(licence, gated=hub and gated), link)


def _words(licence: str, *, gated: bool) -> str:
    name = licence.lower()
    words = "Use it, change it and give it on, for business too: keep its licence and its makers named."
    if gated:
        words = (
            "Its publisher gives it only to those who accept its conditions on its page, and log in with "
            "`hf auth login`."
        )
    elif not name:
        words = "Nothing here says its licence: read its card before you use it."
    elif name in _ANYTHING:
        words = "Use it for anything."
    elif _ALIKE.match(name):
        words = "Use it for anything: what you make from it and give on goes under the same licence."
    elif "-nc" in name or name.startswith("polyform-noncommercial"):
        words = "Use it, but not for business; read it for what counts as that."
    elif _OWN.match(name) or name not in licences.OPEN:
        words = "It has conditions of its own, on who may use it and for what: read them first."
    return words
