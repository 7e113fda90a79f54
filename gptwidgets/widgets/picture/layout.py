"""Where everything stands: a View becomes a Scene."""

from __future__ import annotations

import numpy as np

from gptwidgets.kernel import captions
from gptwidgets.kernel.figure import ALL_NAMED
from gptwidgets.kernel.readable import visible
from gptwidgets.kernel.scale import WORDS
from gptwidgets.widgets.palette import Palette
from gptwidgets.widgets.picture.fonts import fit, lacking, width, wrap
from gptwidgets.widgets.picture.scene import DARK, LIGHT, Line, Raster, Scene, Text
from gptwidgets.widgets.picture.view import Cells, View

WIDTH = 900  # of a picture that is as wide as may be
LEAST = 560  # of one whose matrix is small
MARGIN = 24
SIDE = 640  # of the matrix
CELL = 52  # of a short text
NUMBERED = 34  # a cell so wide has room for its number
LABEL = 116  # of the longest label
LEGEND = 96
HATCH = 7  # pixels between the lines over the hidden column
NOTE = (
    "A picture. Run the cell for the live widget; if it stays a picture, the environment that runs "
    "JupyterLab needs the package anywidget (pip install anywidget), then reload the page."
)


def compose(view: View, *, dark: bool = False, live: bool = False) -> Scene:
    """Lay out a picture.

    Args:
        view: what to show.
        dark: whether on a dark ground.
        live: whether the text stays text, for the reader's own fonts.

    Returns:
        The scene, at most `WIDTH` wide.
    """
    return _Layout(view, dark=dark, live=live).scene()


class _Layout:
    def __init__(self, view: View, *, dark: bool, live: bool) -> None:
        self.view = view
        self.live = live
        self.cells: Cells = view.read()
        self.style = DARK if dark else LIGHT
        record = view.record
        self.palette = Palette(view.colormap, view.scale, dark, record.signed, record.vmax)
        self.named = max(len(self.cells.rows), len(self.cells.cols)) <= ALL_NAMED
        self.items: list[Text | Line | Raster] = []

    def scene(self) -> Scene:
        """Everything, from top to bottom."""
        rows, cols = self.cells.rows, self.cells.cols
        beside = self._gutter(rows)
        room = WIDTH - 2 * MARGIN - beside - LEGEND
        self.cell = min(room / max(1, len(cols)), SIDE / max(1, len(rows)), CELL)
        self.w, self.h = self.cell * len(cols), self.cell * len(rows)
        self.left = MARGIN + beside
        full = WIDTH if self.view.picture_note else max(LEAST, self.left + self.w + LEGEND + MARGIN)
        self.most = full - 2 * MARGIN
        y = self._heading()
        self.top = y + self._headroom(cols)
        self._matrix()
        self._axes()
        self._legend()
        y = max(self.top + self.h, self.top + 150) + 30
        y = self._paragraph(self.view.caption, y, 13.5, self.style.ink)
        if self.view.picture_note:
            self.items.append(Line(MARGIN, y, full - MARGIN, y, self.style.hair))
            y = self._paragraph(NOTE, y + 22, 12, self.style.quiet)
        return Scene(full, y + MARGIN - 18, self.style.ground, self._name(), self._description(), self.items)

    # Words

    def _width(self, text: str, size: float) -> float:
        return width(text, size, live=self.live)

    def _fit(self, text: str, size: float, most: float) -> str:
        return fit(text, size, most, live=self.live)

    def _name(self, most: float | None = None) -> str:
        """Model (or title), layer and head; of a long one the model's name is cut."""
        place = f"layer {self.view.layer}, head {self.view.head}"
        name = _line(self.view.title or self.view.record.name)
        if most is not None:
            name = self._fit(name, 18, most - self._width(f": {place}", 18))
        return f"{name}: {place}" if name else place.capitalize()

    def _facts(self) -> list[str]:
        view, cells, record = self.view, self.cells, self.view.record
        n = record.length
        facts = [f"{n:,} token{'' if n == 1 else 's'}"]
        if len(cells.rows) < n or len(cells.cols) < n:
            spans = [f"{at.start:,} to {at.stop - 1:,}" if at else "none" for at in (cells.rows, cells.cols)]
            facts.append(
                f"queries {spans[0]}, keys {spans[1]} shown"
                if spans[0] != spans[1]
                else f"tokens {spans[0]} shown"
            )
        facts.append(WORDS[view.scale])
        if view.sink_hidden:
            facts.append(f"first token hidden{'' if record.signed else ', the rest renormalised'}")
        if isinstance(view.layer, int):
            window = record.windows.get(view.layer)
            if window:
                facts.append(f"sliding window of {window:,}")
            share = record.n_heads // max(1, record.n_kv_heads)
            if share > 1 and isinstance(view.head, int):
                first = view.head // share * share
                facts.append(f"shares its keys with heads {first} to {first + share - 1}")
        if cells.step > 1:
            facts.append(f"each cell shows the largest of {cells.step} × {cells.step}")
        if cells.sampled:
            facts.append("sampled queries")
        return facts

    def _description(self) -> str:
        view = self.view
        parts = [self._name(), *self._facts()]
        if isinstance(view.layer, int) and isinstance(view.head, int) and self.cells.rows:
            query = self.cells.rows[-1]
            parts.append(
                captions.describe(view.record, view.layer, view.head, query, sink_hidden=view.sink_hidden)
            )
        return "; ".join(filter(None, [*parts, view.caption]))

    def _heading(self) -> float:
        y = MARGIN + 15.0
        self.items.append(Text(MARGIN, y, self._name(self.most), 18, self.style.ink))
        return self._paragraph(" · ".join(self._facts()), y + 22, 12.5, self.style.quiet) - 6

    def _paragraph(self, text: str, y: float, size: float, colour: str) -> float:
        """Lines from baseline y on; returns the baseline after the last, with some air."""
        lines = wrap(_line(text), size, min(self.most, 760), live=self.live)
        for line in lines:
            self.items.append(Text(MARGIN, y, line, size, colour))
            y += round(size * 1.45)
        return y + (8 if lines else 0)

    # Cells

    def _matrix(self) -> None:
        values = self.cells.values
        colours = np.zeros((*values.shape, 4), np.uint8)
        colours[..., :3] = self.palette.colours(values)
        colours[..., 3] = np.where(np.isnan(values), 0, 255)  # no cell: the ground shows
        if values.size:
            self.items.append(Raster(self.left, self.top, self.w, self.h, colours))
        first = self.cells.cols.start == 0 and self.cells.step == 1 and self.view.record.length > 1
        if self.view.sink_hidden and first and self.cell >= 4:
            self._hatch()
        right, bottom = self.left + self.w, self.top + self.h
        for line in (
            (self.left, self.top, right, self.top),
            (self.left, bottom, right, bottom),
            (self.left, self.top, self.left, bottom),
            (right, self.top, right, bottom),
        ):
            self.items.append(Line(*line, self.style.hair))
        if self.named and self.cell >= NUMBERED:
            self._numbers()

    def _hatch(self) -> None:
        """The hidden column, marked as one that was left out: it is not masked."""
        x, top, bottom = self.left, self.top, self.top + self.h
        for n in range(1, round((self.h + self.cell) / HATCH) + 1):
            y = top + n * HATCH  # from (x, y) upwards to the right, as far as it is in the column
            a, b = max(0.0, y - bottom), min(self.cell, y - top)
            if a < b:
                self.items.append(Line(x + a, y - a, x + b, y - b, self.style.hair))

    def _numbers(self) -> None:
        """The weights themselves, where there is room; what rounds to nothing stays empty."""
        for (r, c), value in np.ndenumerate(self.cells.values):
            if np.isnan(value) or abs(value) < 0.005:
                continue
            x, y = self.left + (c + 0.5) * self.cell, self.top + (r + 0.5) * self.cell + 4
            text = f"{value:.2f}".replace("-", "−")
            self.items.append(Text(x, y, text, 11.5, self.palette.ink(float(value)), "middle"))

    # Axes

    def _label(self, position: int) -> str:
        """A token as a label; a split character stands at its first token, ids where no font can write."""
        tokens = self.view.record.tokens
        token, shown = tokens[position], visible(tokens.pieces[position])
        whole = visible(tokens.group_text(position))
        begins = not position or tokens.groups[position] != tokens.groups[position - 1]
        if begins and "⟨" in shown and whole != shown and (self.live or lacking(whole) <= 1):
            return f"{whole} {shown.lstrip('·')}"  # one that no font has is spelt "U+732B"
        unreadable = not self.live and token.id >= 0 and lacking(whole if "⟨" in shown else shown) > 1
        return f"id {token.id}" if unreadable else shown

    def _gutter(self, rows: range) -> float:
        if not self.named:
            return max(self._width("query", 11.5), self._width(f"{rows.stop:,}", 11.5)) + 18
        widest = max((self._width(self._label(i), self._type(rows)) for i in rows), default=0)
        return min(LABEL, max(widest, self._width("query", 11.5))) + 12

    def _type(self, positions: range) -> float:
        """Size of labels that stand at every row."""
        return 12.5 if len(positions) <= 32 else 10.5

    def _headroom(self, cols: range) -> float:
        """Room over the matrix: the axis' name and its labels."""
        if not self.named:
            return 40
        widest = max((self._width(self._label(j), self._type(cols)) for j in cols), default=0)
        self.flat = widest <= self.cell - 6
        return 42 if self.flat else min(LABEL, widest) + 32

    def _axes(self) -> None:
        quiet = self.style.quiet
        above = self.top - (26 if not self.named or self.flat else self._headroom(self.cells.cols) - 14)
        self.items.append(Text(self.left, above, "key: what is looked at", 11.5, quiet))
        self.items.append(Text(self.left - 9, self.top - 8, "query", 11.5, quiet, "end"))
        if self.named:
            self._tokens()
        else:
            self._ruler()

    def _tokens(self) -> None:
        ink, cell = self.style.ink, self.cell
        for n, i in enumerate(self.cells.rows):
            size = self._type(self.cells.rows)
            y = self.top + (n + 0.5) * cell + size * 0.35
            whole = self._label(i)
            self.items.append(
                Text(self.left - 9, y, self._fit(whole, size, LABEL), size, ink, "end", whole=whole)
            )
        for n, j in enumerate(self.cells.cols):
            size = self._type(self.cells.cols)
            x, whole = self.left + (n + 0.5) * cell, self._label(j)
            text = self._fit(whole, size, LABEL)
            if self.flat:
                self.items.append(Text(x, self.top - 8, text, size, ink, "middle", whole=whole))
            else:
                self.items.append(
                    Text(x + size * 0.35, self.top - 8, text, size, ink, upright=False, whole=whole)
                )

    def _ruler(self) -> None:
        quiet, hair = self.style.quiet, self.style.hair
        for at in marks(self.cells.cols, self.w):
            x = self.left + (at - self.cells.cols.start + 0.5) * self.cell
            self.items.append(Line(x, self.top - 5, x, self.top, hair))
            self.items.append(Text(x, self.top - 9, f"{at:,}", 11.5, quiet, "middle"))
        for at in marks(self.cells.rows, self.h):
            y = self.top + (at - self.cells.rows.start + 0.5) * self.cell
            y_text = max(y + 4, self.top + 9)  # clear of the word above it
            self.items.append(Line(self.left - 5, y, self.left, y, hair))
            self.items.append(Text(self.left - 9, y_text, f"{at:,}", 11.5, quiet, "end"))

    def _legend(self) -> None:
        x, top, height = self.left + self.w + 26, self.top + 6, 140.0
        ramp = self.palette.at(np.linspace(1, 0, 141))[:, None, :]  # (141, 1, 3)
        alpha = np.full((*ramp.shape[:2], 1), 255, np.uint8)
        self.items.append(
            Text(x, self.top - 8, "value" if self.view.record.signed else "weight", 11.5, self.style.quiet)
        )
        self.items.append(Raster(x, top, 12, height, np.concatenate([ramp, alpha], -1)))
        below = -100.0
        for tick in reversed(self.palette.ticks):
            y = top + (1 - tick.at) * height
            self.items.append(Line(x + 12, y, x + 16, y, self.style.quiet))
            if y - below >= 11:
                self.items.append(Text(x + 20, y + 4, tick.label, 11.5, self.style.ink))
                below = y


def marks(positions: range, pixels: float) -> list[int]:
    """Round numbers along a ruler, some 80 pixels apart.

    Example:
        >>> marks(range(0, 1000), 640)
        [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]
    """
    least = max(1.0, len(positions) * 60 / max(pixels, 1))
    step = next(s * 10**e for e in range(12) for s in (1, 2, 5) if s * 10**e >= least)
    return list(range(-(-positions.start // step) * step, positions.stop, step))


def _line(text: str) -> str:
    """Text of a person's own as one line: spaces stay, whatever else cannot be seen is shown."""
    return " ".join(visible(word) for word in text.split())
