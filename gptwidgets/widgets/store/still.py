"""The listings found as plain text and as a table of HTML, for the day when no kernel answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

MOST = 25  # rows
HEADS = ("Model", "For", "Size", "Memory", "Context", "Licence", "Stars", "Here")


def table(rows: Sequence[Mapping[str, Any]], caption: str) -> dict[str, str]:
    """Both forms of what was found.

    Args:
        rows: as the widget's trait `found` has them.
        caption: a sentence that stands below.

    Returns:
        {"text/plain": …, "text/html": …}; what publishers wrote is escaped.

    Example:
        >>> table([{"name": "tiny", "parameters": 12_000_000}], "1 model.")["text/plain"].split()[8:11]
        ['tiny', '12', 'M']
    """
    cells = [_cells(row) for row in rows[:MOST]]
    if len(rows) > MOST:
        caption = f"{caption} The first {MOST} are shown."
    widths = [max(map(len, column)) for column in zip(HEADS, *cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (HEADS, *cells)
    ]
    head = "".join(f"<th>{name}</th>" for name in HEADS)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in cells)
    return {
        "text/plain": "\n".join([*lines, "", caption]),
        "text/html": (
            f'<div class="gw-store-still"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
            f"<p><small>{escape(caption)} Run the cell to make it live.</small></p></div>"
        ),
    }


def _cells(row: Mapping[str, Any]) -> list[str]:
    stars, reviews = row.get("stars"), row.get("reviews")
    speed = row.get("tokens_per_second")
    here = [
        "installed" if row.get("installed") else "",
        f"{speed:.3g} tokens/s" if isinstance(speed, int | float) else "",
    ]
    cells = [
        row.get("name") or "",
        ", ".join((row.get("use_cases") or [])[:2]),
        amount(row.get("parameters")).replace("G", "B"),
        f"{amount(row['memory_bytes'])}B" if row.get("memory_bytes") else "",
        f"{row['context_length']:,}" if isinstance(row.get("context_length"), int) else "",
        row.get("licence") or "",
        f"{stars:.1f} ({reviews})" if isinstance(stars, int | float) and reviews else "",
        ", ".join(filter(None, here)),
    ]
    return [" ".join(str(cell).replace("\x00", "␀").split()) for cell in cells]


def amount(number: Any) -> str:
    """A count with its thousands as a letter: 134515008 is "135 M"; "" for None."""
    if not isinstance(number, int | float):
        return ""
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.0f} "
