"""The kinds of values that a heatmap's traits take, checked in words."""

from __future__ import annotations

import math
import operator
import re
from typing import Any

import traitlets as t

FAR = 1e9  # tokens
HEAD = re.compile(r"\s*L(\d+)H(\d+)\s*", re.IGNORECASE)


def whole(value: object, what: str) -> int:
    """Takes an int or a NumPy integer, and nothing that only looks like one.

    Args:
        value: what was given.
        what: what it is, for the error.

    Returns:
        A plain int.

    Raises:
        TypeError: it is a bool, a float, a string …
    """
    if not isinstance(value, bool):
        try:
            return operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            pass
    raise TypeError(f"{what} is a whole number, not {value!r}.")


class Place(t.TraitType[Any, Any]):
    """A layer or a head: its number, or "mean" or "max" over all of them. `"L18H6"` sets both at once."""

    def set(self, obj: Any, value: Any) -> None:
        """Sets the trait; a name such as "L18H6" goes to the owner's `choose`."""
        named = HEAD.fullmatch(value) if isinstance(value, str) else None
        if named:
            obj.choose(int(named[1]), int(named[2]))
        else:
            super().set(obj, value)

    def validate(self, obj: Any, value: Any) -> Any:
        """Checks that the record, or the model, has this layer or head."""
        if isinstance(value, str) and value in {"mean", "max"}:
            return value
        if isinstance(value, str):
            raise TypeError(
                f'A {self.name} is a number, "mean" or "max", or a head such as "L18H6", not {value!r}.'
            )
        return obj.check_place(self.name, whole(value, f"A {self.name}"))


class Position(t.TraitType[Any, Any]):
    """A token's position, or None. Negative ones count from the end, as in a list."""

    allow_none = True
    default_value = None

    def validate(self, obj: Any, value: Any) -> int | None:
        """Checks that the text has such a token."""
        return None if value is None else obj.check_position(whole(value, f"A {self.name}"))


class Window(t.TraitType[Any, Any]):
    """The part of the matrix in view: [first row, first column, rows, columns] in tokens, or [] for all."""

    default_value = ()

    def validate(self, _obj: Any, value: Any) -> list[float]:
        """Checks for four finite numbers of which the last two are positive."""
        try:
            numbers = [float(number) for number in value]
        except (TypeError, ValueError):
            numbers = [math.nan]
        far = any(not abs(number) <= FAR for number in numbers)  # not: nan is far, too
        if numbers and (len(numbers) != 4 or far or min(numbers[2:]) <= 0):
            raise ValueError(
                f"A view is [first row, first column, rows, columns] in tokens, or [] for all, not {value!r}."
            )
        return numbers


class Filter(t.TraitType[Any, Any]):
    """Which heads the grid shows: [] for all, or [score, smallest, largest]."""

    default_value = ()

    def validate(self, obj: Any, value: Any) -> list[Any]:
        """Checks for a score's name and two numbers."""
        parts = list(value) if isinstance(value, list | tuple) else [value]
        if not parts:
            return parts
        if len(parts) != 3 or parts[0] not in obj.SCORES:
            raise ValueError(
                f"A filter is [score, smallest, largest] with a score of {', '.join(obj.SCORES)}, or []."
            )
        try:
            ends = [None if end is None else float(end) for end in parts[1:]]
        except (TypeError, ValueError):
            ends = [math.nan]
        if not all(end is None or math.isfinite(end) for end in ends):
            raise ValueError(f"The ends of a filter are numbers, or None for no limit, not {parts[1:]}.")
        return [parts[0], *ends]
