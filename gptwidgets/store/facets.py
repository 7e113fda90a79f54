"""How many of the listings that were found have each licence, maker, size and so on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gptwidgets.store.shelf import SETS, Shelf

MOST = 10_000  # counts above are said as "10,000+"
LISTED = 30  # values of a facet, the most frequent first

# (what it is called, from, up to but not with)
SIZES = (
    ("under 200 M", 0, 2e8),
    ("200 M – 1 B", 2e8, 1e9),
    ("1 – 3 B", 1e9, 3e9),
    ("3 – 8 B", 3e9, 8e9),
    ("8 B and more", 8e9, np.inf),
)
MEMORY = tuple((f"up to {n} GB", n * 1e9) for n in (1, 2, 4, 8, 16, 32))
CONTEXTS = tuple((f"{n:,} and more", n) for n in (2048, 4096, 8192, 32_768, 131_072))

Counts = list[tuple[str, int]]


def count(
    shelf: Shelf, masks: Mapping[str, np.ndarray], at: np.ndarray, installed: Sequence[int] = ()
) -> dict[str, Counts]:
    """Counts each facet among the listings that were found.

    A facet's own filter does not narrow it: who chose one licence still sees how many have another.

    Args:
        shelf: with n listings.
        masks: of each filter that was set, [found] bool.
        at: [found] places on the shelf.
        installed: versions that are, on this machine.

    Returns:
        For each facet its values with their counts.
    """

    def where(facet: str) -> np.ndarray:
        others = [mask for name, mask in masks.items() if name != facet]
        return at[np.logical_and.reduce(others)] if others else at

    found: dict[str, Counts] = {}
    for name in SETS:
        members = shelf.members[name][where(name)]
        found[name] = _most(shelf.values[name], members.sum(axis=0))
    for name in ("licence", "publisher", "architecture"):
        codes = shelf.columns[name][where(name)]
        found[name] = _most(shelf.values[name], np.bincount(codes, minlength=len(shelf.values[name])))
    parameters = shelf.columns["parameters"][where("parameters")]
    found["parameters"] = [
        (title, int(((parameters >= least) & (parameters < most)).sum())) for title, least, most in SIZES
    ]
    memory = shelf.columns["memory_bytes"][where("max_memory")]
    found["memory"] = [(title, int((memory <= most).sum())) for title, most in MEMORY]
    context = shelf.columns["context_length"][where("min_context")]
    found["context"] = [(title, int((context >= least).sum())) for title, least in CONTEXTS]
    here = np.isin(shelf.columns["latest_version_id"][where("installed")], list(installed))
    found["installed"] = [("yes", int(here.sum())), ("no", int((~here).sum()))]
    return found


def _most(values: list[str], counts: np.ndarray) -> Counts:
    order: Any = np.argsort(-counts, kind="stable")[:LISTED]
    return [(values[place], int(counts[place])) for place in order if counts[place]]
