"""What a store answers, as JSON that the wire can carry: tables, dataclasses, times, what is not a number."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

LONGEST = 200_000  # characters of a text; a card of 10 MB would freeze the page that shows it


def plain(value: Any) -> Any:
    """A value as plain JSON.

    Args:
        value: anything that a store's methods return. A DataFrame becomes a list of rows, NaN becomes None,
            a time ISO 8601, half a surrogate pair a question mark; texts end after 200,000 characters.

    Example:
        >>> plain({"size": float("nan"), "where": ("cpu",)})
        {'size': None, 'where': ['cpu']}
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value[:LONGEST].encode("utf-8", "replace").decode()
    return _of_parts(value)


def _of_parts(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {plain(str(name)): plain(part) for name, part in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    if isinstance(value, dt.date):
        return None if value != value else value.isoformat()  # noqa: PLR0124 - pandas' "not a time"
    return plain(str(value)) if isinstance(value, PurePath) else _of_others(value)


def _of_others(value: Any) -> Any:
    """Tables, columns and numbers of pandas and NumPy, which need not be imported to be known."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return rows(value)
    if hasattr(value, "items"):  # a column: its index names the values
        return [[plain(name), plain(part)] for name, part in value.items()]
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        return plain(value.item())
    if isinstance(value, Iterable):
        return [plain(part) for part in value]
    # what pandas gives for a missing value in a column of texts or times is equal to nothing
    return None if type(value).__name__ in {"NAType", "NaTType"} else plain(str(value))


def rows(table: Any) -> list[dict[str, Any]]:
    """The rows of a table, each a dict of plain values; a named index becomes a column of its name.

    Args:
        table: a DataFrame, or a list of dicts or dataclasses.
    """
    if hasattr(table, "to_dict"):
        if any(name is not None for name in table.index.names):
            table = table.reset_index()
        table = table.to_dict("records")
    return [plain(row) for row in table]
