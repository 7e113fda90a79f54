"""What a picture is made of, before it becomes pixels or SVG. Units are CSS pixels; y grows downwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Text:
    """One line of type.

    Attributes:
        x: where it is anchored.
        y: its baseline.
        text: what it says.
        size: of the type.
        colour: "#rrggbb".
        anchor: which end of the text stands at x.
        upright: False where it runs upwards, turned by 90 degrees about (x, y).
        whole: the text before it was cut to fit, for a tooltip.
    """

    x: float
    y: float
    text: str
    size: float
    colour: str
    anchor: Literal["start", "middle", "end"] = "start"
    upright: bool = True
    whole: str = ""


@dataclass(frozen=True)
class Line:
    """A straight hairline."""

    x1: float
    y1: float
    x2: float
    y2: float
    colour: str
    width: float = 1


@dataclass(frozen=True)
class Raster:
    """Coloured cells, each a rectangle of its own: uint8 [rows, cols, 4], RGBA, stretched over the box."""

    x: float
    y: float
    width: float
    height: float
    cells: np.ndarray[Any, np.dtype[np.uint8]]


Item: TypeAlias = Text | Line | Raster


@dataclass
class Scene:
    """A picture: its size, its ground, what stands on it, and what it is in words."""

    width: float
    height: float
    ground: str
    name: str = ""
    description: str = ""
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True)
class Style:
    """Colours of everything but the cells."""

    ground: str
    ink: str
    quiet: str
    hair: str


LIGHT = Style("#ffffff", "#1a1a1a", "#616161", "#d9d9d9")
DARK = Style("#111111", "#ececec", "#a3a3a3", "#3d3d3d")
