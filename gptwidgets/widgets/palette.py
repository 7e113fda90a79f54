"""Colours for pictures that Python draws; the same points as in the browser's `color.ts`.

Viridis, Cividis and Magma are CC0, by van der Walt, Smith, Nuñez, Anderton and Renslow: perceptually even,
and readable with any common colour blindness. Between the points there are straight lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from gptwidgets.kernel.scale import Scale, Tick, place, ticks

Colours: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]

MAPS = {
    "viridis": "440154481a6c472f7d41448739568c31688e2a788e23888e"
    "1f988b22a88435b77954c5687ad151a5db36d2e21bfde725",
    "cividis": "00224e002e6c1e3a6f35456c47516c575d6d666970757575"
    "848279948e77a59c74b7a96ec8b866dbc75aeed649fee838",
    "magma": "0000040b092420114b3b0f7057157e721f818c2981a8327d"
    "c43c75de4968f1605dfa7f5efe9f6dfebf84fddea0fcfdbf",
    "grey": "f2f2f2000000",
    "grey on black": "1c1c1cffffff",
    # blue for negative, orange for positive, which no common colour blindness confuses; zero fades away
    "signed": "053f7d2f79b57fb2d8c5dcecf4f4f2f8d9bdeda66fc7662b7f3008",
    "signed on black": "b4dcff68aef02f78bf1d456d1c1d20613517ae5a1fec9450ffd2a6",
}
MAPS["auto"] = MAPS["viridis"]
# On a dark ground a map that begins in black begins later: a weight of nothing is no missing cell.
FLOORS = {"magma": 0.18, "grey": 0.14}


@dataclass(frozen=True)
class Palette:
    """How values become colours.

    Attributes:
        colormap: "auto" (viridis), "viridis", "cividis", "magma" or "grey"; signed values have their own map.
        scale: "linear", "sqrt" or "log".
        dark: whether the ground is dark.
        signed: whether values may be negative.
        vmax: the value at the end of the scale.

    Example:
        >>> Palette("grey", "linear").colours([0.0, 1.0]).tolist()
        [[242, 242, 242], [0, 0, 0]]
    """

    colormap: str = "auto"
    scale: Scale = "sqrt"
    dark: bool = False
    signed: bool = False
    vmax: float = 1.0

    @cached_property
    def points(self) -> Colours:
        """The points of the map, [n, 3].

        Raises:
            ValueError: for a map that does not exist.
        """
        name = "signed" if self.signed else self.colormap
        if name not in MAPS or " " in name:
            raise ValueError(f'a colormap is "viridis", "cividis", "magma" or "grey"; this is {name!r}.')
        if self.dark and f"{name} on black" in MAPS:
            name = f"{name} on black"
        return np.frombuffer(bytes.fromhex(MAPS[name]), np.uint8).reshape(-1, 3)

    def colours(self, values: Any) -> Colours:
        """The colours of values of any shape, uint8 [..., 3]; of nan, those of 0."""
        return self.at(self.places(np.nan_to_num(np.asarray(values, dtype=float))))

    def places(self, values: Any) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
        """Where values stand on the legend, from 0 to 1."""
        return place(values, self.scale, signed=self.signed, vmax=self.vmax)

    def at(self, places: Any) -> Colours:
        """The colours of places on the legend, uint8 [..., 3]."""
        floor = FLOORS.get(self.colormap, 0.0) if self.dark and not self.signed else 0.0
        along = floor + (1 - floor) * np.clip(np.asarray(places, dtype=float), 0, 1)
        along *= len(self.points) - 1
        low = np.floor(along).astype(int)
        high = np.ceil(along).astype(int)
        points = self.points.astype(float)
        mixed = points[low] + (points[high] - points[low]) * (along - low)[..., None]
        return np.floor(mixed + 0.5).astype(np.uint8)

    def ink(self, value: float) -> str:
        """Black or white, whichever reads better on a value's colour (WCAG 2: relative luminance)."""
        part = self.colours([value])[0] / 255
        linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
        return "#111111" if float(linear @ [0.2126, 0.7152, 0.0722]) > 0.36 else "#ffffff"

    @property
    def ticks(self) -> list[Tick]:
        """The numbers of the legend."""
        return ticks(self.scale, signed=self.signed, vmax=self.vmax)
