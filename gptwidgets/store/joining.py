"""Models from elsewhere among the listings of the catalogue, in one order and under one count."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gptwidgets.store import facets, install, results, sizes
from gptwidgets.store.search import FIGURES, SIZES, Found
from gptwidgets.store.sources import Found as Model
from gptwidgets.store.wish import SORTS, Wish

Row = dict[str, Any]
# Gives a page of the catalogue: (offset, limit).
Page = Callable[[int, int], Found]
PAGE = 1000  # listings that are asked for at once, at most


def row(model: Model) -> Row:
    """A model from elsewhere as a search gives a listing; nobody has reviewed or measured it here."""
    named = name_here(model.name)
    blank = dict.fromkeys((*results.FIGURES, "measured_on", "stars_mean", "stars_bound", "id", "changed_at"))
    told = {name: getattr(model, name) for name in _SAME}
    return {
        **blank,
        **told,
        "languages": list(model.languages),
        "use_cases": [],
        "memory_bytes": sizes.memory_bytes(model.weight_bytes, model.config, model.dtype),
        "n_reviews": 0,
        "status": "published",
        "installed": install.placed(named) is not None,
    }


_SAME = (
    *("name", "title", "publisher", "summary", "licence", "architecture", "parameters", "context_length"),
    *("weight_bytes", "origin", "gated"),
)


def name_here(name: str) -> str:
    """Under which name a model is installed: a file or folder under its last part.

    Example:
        >>> name_here("us/tiny"), name_here("/models/runs/mine"), name_here("/models/small.Q4_K.gguf")
        ('us/tiny', 'mine', 'small.Q4_K')
    """
    parts = name.replace("\\", "/").rstrip("/").split("/")
    if len(parts) == 1 or (len(parts) == 2 and all(parts) and not name.startswith((".", "~"))):
        return name.removesuffix(".gguf")
    return parts[-1].removesuffix(".gguf")


def ordered(rows: Sequence[Row], wish: Wish) -> list[Row]:
    """Rows from anywhere that are wished for, whatever their words, in the wished order."""
    kept = [one for one in rows if _passes(one, wish)]
    return kept if wish.sort in _BEHIND else sorted(kept, key=lambda one: _place(one, wish))


def joined(page: Page, outside: Sequence[Row], wish: Wish, *, offset: int, limit: int) -> Found:
    """A page of the catalogue and of models from elsewhere.

    Args:
        page: gives a page of the catalogue.
        outside: rows of models that it does not list.
        wish: which, and in which order; where they are sorted by how well they match, the catalogue's come
            first.
        offset: of the page's first.
        limit: of the page, at most 1,000.
    """
    everything = [one for one in outside if says(one, wish.words)]
    rows = ordered(everything, wish)
    start = max(0, offset - len(rows))  # a listing stands at most so many places later than among its own
    found = _pages(page, start, limit + offset - start)
    if found.corrected is not None and rows:  # what was typed is here: nothing needs to be corrected
        found, start = _NOTHING, 0
    if found.rows:
        before = sum(_is_before(one, found.rows[0], wish) for one in rows) if start else 0
        shown = _in_turn(found.rows, rows[before:], wish)[offset - start - before :]
    else:
        shown = rows[offset - min(found.total, offset) :]
    total = found.total + len(rows)
    return replace(
        found,
        rows=shown[:limit],
        total=min(total, facets.MOST),
        capped=found.capped or total > facets.MOST,
        facets=counted(found.facets, everything, wish) if everything else found.facets,
    )


_NOTHING = Found([], 0, capped=False, corrected=None)


def _pages(page: Page, offset: int, limit: int) -> Found:
    """A page that may be longer than those that the catalogue gives."""
    found = page(offset, min(PAGE, limit))
    if limit > PAGE and len(found.rows) == PAGE:
        found = replace(found, rows=[*found.rows, *page(offset + PAGE, limit - PAGE).rows])
    return found


def _in_turn(listed: Sequence[Row], rows: Sequence[Row], wish: Wish) -> list[Row]:
    """Both in one order; the catalogue's keep their own, which words may have made."""
    merged: list[Row] = []
    waiting = list(rows)
    for listing in listed:
        while waiting and _is_before(waiting[0], listing, wish):
            merged.append(waiting.pop(0))
        merged.append(listing)
    return [*merged, *waiting]


def _is_before(one: Row, listing: Row, wish: Wish) -> bool:
    return wish.sort not in _BEHIND and _place(one, wish) < _place(listing, wish)


_BEHIND = {"relevance", "newest"}  # where nothing says how a model from elsewhere compares


def _place(one: Row, wish: Wish) -> tuple[Any, ...]:
    """What a row is sorted by; what has no figure comes last, what nobody has reviewed after the others."""
    outside = one["id"] is None
    if wish.sort in _BEHIND:
        return (outside,)
    descending = SORTS[wish.sort] if wish.descending is None else wish.descending
    if wish.sort == "name":
        named = one["name"].lower()
        return ((*(-ord(mark) for mark in named), 1) if descending else named, outside)
    figure = one[FIGURES[wish.sort]]
    stars = -(one["stars_bound"] or 0.0)
    if figure is None:
        return (1, 0.0, stars, outside)
    return (0, -figure if descending else figure, stars, outside)


def says(one: Row, words: str) -> bool:
    """Whether all words stand in what a row says; "small" is also what has few parameters.

    Example:
        >>> us = dict(name="us/tiny", title="Tiny", publisher="us", summary="", architecture="gpt2")
        >>> us["parameters"] = 1000
        >>> says(us, "small GPT2"), says({**us, "parameters": None}, "small")
        (True, False)
    """
    text = " ".join(str(one[name]) for name in _TEXT).casefold()

    def is_so(word: str) -> bool:
        least, most = SIZES.get(word, (math.inf, 0))
        return one["parameters"] is not None and least <= one["parameters"] < most

    return all(word in text or is_so(word) for word in words.casefold().split())


_TEXT = ("name", "title", "publisher", "summary", "architecture")


def _passes(one: Row, wish: Wish, *, but: str = "") -> bool:
    """Whether a row is wished for; `but` leaves one filter out."""
    asked = [
        name
        for name in ("status", "licence", "publisher", "architecture")
        if name != but and getattr(wish, name) is not None
    ]
    if any(str(one[name]).lower() != getattr(wish, name).lower() for name in asked):
        return False
    for name, plural in (("use_case", "use_cases"), ("language", "languages")):
        value = getattr(wish, name)
        if value is not None and name != but and value.lower() not in map(str.lower, one[plural]):
            return False
    if wish.installed is not None and but != "installed" and one["installed"] != wish.installed:
        return False
    memory = math.nan if one["memory_bytes"] is None else one["memory_bytes"]
    parameters = math.nan if one["parameters"] is None else one["parameters"]
    return (
        (wish.max_memory is None or but == "max_memory" or memory <= wish.max_memory)
        and (wish.min_memory is None or memory > wish.min_memory)
        and (wish.min_context is None or (one["context_length"] or 0) >= wish.min_context)
        and (wish.min_parameters is None or parameters >= wish.min_parameters)
        and (wish.max_parameters is None or parameters < wish.max_parameters)
    )


def counted(counts: dict[str, facets.Counts], rows: Sequence[Row], wish: Wish) -> dict[str, facets.Counts]:
    """Facets with more rows in them; a facet's own filter does not narrow it."""

    def of(name: str) -> list[Row]:
        return [one for one in rows if _passes(one, wish, but=name)]

    more = dict(counts)
    for name in ("licence", "publisher", "architecture"):
        more[name] = _added(counts.get(name, []), [one[name] for one in of(name) if one[name]])
    for name, plural in (("use_case", "use_cases"), ("language", "languages")):
        more[name] = _added(counts.get(name, []), [value for one in of(name) for value in one[plural]])
    here = ["yes" if one["installed"] else "no" for one in of("installed")]
    more["installed"] = _added(counts.get("installed", [("yes", 0), ("no", 0)]), here)
    memory = [one["memory_bytes"] for one in of("max_memory") if one["memory_bytes"] is not None]
    known = dict(counts.get("memory", [(title, 0) for title, _ in facets.MEMORY]))
    more["memory"] = [
        (title, known.get(title, 0) + sum(size <= most for size in memory)) for title, most in facets.MEMORY
    ]
    return more


def _added(counts: facets.Counts, values: Sequence[str]) -> facets.Counts:
    known = dict(counts)
    for value in values:
        known[value] = known.get(value, 0) + 1
    return sorted(known.items(), key=lambda pair: -pair[1])[: facets.LISTED]
