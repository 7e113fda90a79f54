"""From a weight to a place on a colour scale, and the numbers that stand beside it."""

from __future__ import annotations

import math
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
HALFWAY = {"linear": 0.5, "sqrt": 0.25, "log": 0.01}  # the share halfway between nothing and the end
ROUND = (1, 2, 2.5, 5, 7.5, 10)


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

    A signed scale has zero in its middle, its ends, and a round number about halfway to each of them; the
    browser's legend has the same. A logarithmic one shows as zero what is under four decades below its ends.

    Example:
        >>> [tick.label for tick in ticks("linear")]
        ['0', '0.25', '0.5', '0.75', '1']
        >>> [tick.label for tick in ticks("log", signed=True)]
        ['−1', '−0.01', '0', '0.01', '1']
    """
    _check(scale)
    if signed:
        vmax = vmax or 1.0  # of an array of zeros as well
        half = _rounded(HALFWAY[scale] * vmax)
        values = [-vmax, -half, 0.0, half, vmax]
    else:
        values = [share * vmax for share in SHARES[scale]]
    at = place(values, scale, signed=signed, vmax=vmax)
    labels = [_label(value) for value in values]
    if scale == "log" and not signed:
        labels[0] = f"≤ {labels[0]}"
    return [Tick(float(a), label) for a, label in zip(at, labels, strict=True)]


def _rounded(value: float) -> float:
    """The nearest of the round numbers 1, 2, 2.5, 5, 7.5, 10, 20 and so on."""
    power = 10.0 ** math.floor(math.log10(value))
    return min(ROUND, key=lambda number: abs(math.log(value / power / number))) * power


def _check(scale: str) -> None:
    if scale not in SHARES:
        raise ValueError(f'a scale is "linear", "sqrt" or "log"; this is {scale!r}.')


def _label(value: float) -> str:
    """At most three significant figures, with a true minus sign."""
    return f"{value:.3g}".replace("-", "−")
