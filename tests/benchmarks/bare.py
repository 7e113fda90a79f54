"""A bare widget of one canvas: what the platform takes at least, whatever is drawn."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets


class Bare(anywidget.AnyWidget):
    """Paints uint8 codes as greys: a trait's, or those of a tile asked for. Nothing is computed for it."""

    _esm = Path(__file__).with_name("bare.js")
    pixels = traitlets.Bytes().tag(sync=True)
    side = traitlets.Int(0).tag(sync=True)

    def __init__(self, side: int = 0) -> None:
        super().__init__(side=side, pixels=picture(side))
        self.on_msg(self._answer)

    def _answer(self, _widget: Any, content: dict[str, Any], _buffers: list[Any]) -> None:
        if content["kind"] == "echo":
            self.send({"kind": "echo"})
        else:
            self.send({"kind": "tile", "side": content["side"]}, [picture(content["side"])])


@cache
def picture(side: int) -> bytes:
    """Some bytes to look at, side × side."""
    return bytes(row * column % 256 for row in range(side) for column in range(side))
