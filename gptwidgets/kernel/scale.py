"""From a weight to a place on a colour scale, and the numbers that stand beside it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

Scale: TypeAlias = Literal["linear", "sqrt", "log"]
Array: TypeAlias = np.ndarray[Any, np.dtype[np.floating[Any]]]

DECADES = 4  # what a logarithmic scale shows
WORDS = {
    "linear": "linear colour scale",
    "sqrt": "square-root colour scale",
    "log": "logarithmic colour scale",
}
SHARES = {
    "linear": (0, 0.25, 0.5, 0.75, 1),
    "sqrt": (0, 0.01, 0.1, 0.25, 0.5, 1),
    "log": (0.0001, 0.001, 0.01, 0.1, 1),
}


class Tick(NamedTuple):
    """A number beside a colour scale, and where it stands, from 0 to 1."""

    at: float
    label: str


def place(values: Any, scale: Scale, *, signed: bool = False, vmax: float = 1.0) -> Array:
    """Where values stand on a colour scale, from 0 to 1; nan stays nan.

    Args:
        values: numbers of any shape.
        scale: "linear", "sqrt" or "log" (four decades below `vmax`; what is smaller stands at the end).
        signed: whether zero stands in the middle.
        vmax: the value at the end of the scale.

    Raises:
        ValueError: for another scale.

    Example:
        >>> place([0, 0.25, 1], "sqrt").tolist()
        [0.0, 0.5, 1.0]
    """
    _check(scale)
    values = np.asarray(values, dtype=float)
    share = np.minimum(np.abs(values) / (vmax or 1.0), 1)
    if scale == "sqrt":
        share = np.sqrt(share)
    elif scale == "log":
        share = np.maximum(0, 1 + np.log10(np.maximum(share, 1e-30)) / DECADES)
    return (1 + np.sign(values) * share) / 2 if signed else share


def ticks(scale: Scale, *, signed: bool = False, vmax: float = 1.0) -> list[Tick]:
    """The numbers beside a colour scale, in order.

    Example:
        >>> [tick.label for tick in ticks("linear")]
        ['0', '0.25', '0.5', '0.75', '1']
    """
    _check(scale)
    shares = SHARES[scale]
    if signed:
        shares = (shares[0], *shares[-2:])
    values = [share * vmax for share in shares]
    if signed:
        values = sorted({*values, *(-value for value in values)})
    at = place(values, scale, signed=signed, vmax=vmax)
    least = shares[0] * vmax if scale == "log" else None
    return [Tick(float(a), ("≤ " if v == least else "") + _label(v)) for a, v in zip(at, values, strict=True)]


def _check(scale: str) -> None:
    if scale not in SHARES:
        raise ValueError(f'a scale is "linear", "sqrt" or "log"; this is {scale!r}.')


def _label(value: float) -> str:
    """At most three significant figures, with a true minus sign."""
    return f"{value:.3g}".replace("-", "−")
