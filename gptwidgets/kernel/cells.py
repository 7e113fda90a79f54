"""Choices as people write them: a layer, a head, some rows; checked, and refused in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from gptwidgets.errors import DoesNotFitError

Which: TypeAlias = int | Literal["mean", "max"]
Cells: TypeAlias = int | slice | Sequence[int] | None

LIMIT = 2**30  # bytes of the largest array that is handed out


def by_name(layer: Any, head: Any) -> tuple[Any, Any]:
    """A layer and a head, also where one name like "L18H6" says both; TypeError for one too many or few."""
    named = re.fullmatch(r"[Ll](\d+)[Hh](\d+)", layer) if isinstance(layer, str) else None
    if named is None and head is None:
        raise TypeError('Which head? Give its number, "mean" or "max", or one name like "L18H6".')
    if named is None:
        return layer, head
    if head is not None:
        raise TypeError(f"{layer!r} names a head already; leave the head out.")
    return int(named[1]), int(named[2])


def one_of(value: Any, known: Sequence[int], what: str, whose: str) -> Which:
    """Checks a layer's or head's number; IndexError where there is none such, TypeError for no number."""
    if isinstance(value, str) and value in {"mean", "max"}:
        return value  # type: ignore[return-value]
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f'A {what} is a number, "mean" or "max"; this is {value!r}.')
    if int(value) not in known:
        raise IndexError(f"{what} {value} does not exist; this {whose} has {_spell(known, what)}")
    return int(value)


def _spell(numbers: Sequence[int], what: str) -> str:
    """What there is, for a sentence: layers 0 to 29; layers 1, 5, 9; only layer 3."""
    if len(numbers) == 1:
        return f"only {what} {numbers[0]}"
    if len(numbers) == numbers[-1] - numbers[0] + 1:
        return f"{what}s {numbers[0]} to {numbers[-1]}"
    return f"{what}s {', '.join(map(str, numbers))}"


def positions(cells: Cells, length: int) -> tuple[Sequence[int], bool]:
    """The tokens that rows= or cols= mean, and whether that was one plain number."""
    if cells is None:
        return range(length), False
    if isinstance(cells, slice):
        return range(length)[cells], False
    given: Any = cells
    plain = given.tolist() if hasattr(given, "tolist") else given  # NumPy, torch, pandas
    one = isinstance(plain, int)
    numbers: list[Any] = [plain] if one else list(plain) if isinstance(plain, Iterable) else [None]
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int | np.integer):  # a mask would mean 0 and 1
            raise TypeError(
                f"rows and cols are a token's number, a slice or a list of numbers, not {cells!r}."
            )
        if not -length <= number < length:
            raise IndexError(f"token {number} does not exist; this text has tokens 0 to {length - 1}")
    return [int(number) % length for number in numbers], one


def runs(positions: Sequence[int]) -> list[tuple[slice, range]]:
    """Positions as runs of neighbours: (where they stand, the run)."""
    if isinstance(positions, range) and positions.step == 1:
        return [(slice(0, len(positions)), positions)] if len(positions) else []
    runs: list[tuple[slice, range]] = []
    for at, position in enumerate(positions):
        if runs and runs[-1][1].stop == position:
            place, run = runs[-1]
            runs[-1] = slice(place.start, at + 1), range(run.start, position + 1)
        else:
            runs.append((slice(at, at + 1), range(position, position + 1)))
    return runs


def check_size(nbytes: int, what: str) -> None:
    """Raises DoesNotFitError, with the size, for what nobody should ask for by accident."""
    if nbytes > LIMIT:
        raise DoesNotFitError(
            f"{what} would take {nbytes / 2**30:.1f} GiB; "
            "ask for a part: record.weights(layer, head, rows, cols)."
        )
