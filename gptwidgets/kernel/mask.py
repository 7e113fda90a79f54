"""Which keys a query may look at, as a rule instead of a T × T matrix.

A boolean mask at T = 128k is 17 GB; the rule behind it is a line. Every rule answers for any rectangle of
cells, so that a tile is masked without the rest of the matrix ever existing.

transformers builds a mask once a pass, with the function that is registered beside the attention function.
Outside of a recording that is transformers' own `sdpa_mask`, untouched. During one, the rule travels along:
on the mask's tensor, or instead of it: for long texts, in chunks, and where an intervention must know which
places in the text these rows and columns are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from transformers.masking_utils import causal_mask_function, sdpa_mask

from gptwidgets.errors import TextError
from gptwidgets.kernel.holding import by_position

Device = torch.device | str | None


class Rule:
    """Which keys each query may look at. The plain rule: every query sees every key."""

    window: int | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def columns(self, rows: Sequence[int], length: int) -> range:
        """The columns outside of which these (ascending) rows see nothing."""
        del rows
        return range(length)

    def visible(self, rows: Sequence[int], cols: range, device: Device = None) -> Tensor | None:
        """Returns a bool tensor [rows, cols], True where the query may look; None where all may."""
        del rows, cols, device
        return None

    def pooled(self, rows: range, cols: range, side: int, device: Device = None) -> Tensor:
        """True for each square of `side` × `side` cells with a visible cell, [⌈rows/side⌉, ⌈cols/side⌉]."""
        strips: list[Tensor] = []
        for start in range(0, len(rows), side):
            strip = rows[start : start + side]
            seen = self.visible(strip, cols, device)
            line = torch.ones(len(cols), dtype=torch.bool, device=device) if seen is None else seen.any(0)
            line = torch.nn.functional.pad(line, (0, -len(cols) % side))
            strips.append(line.view(-1, side).any(-1))
        return torch.stack(strips)


EVERYTHING = Rule()


@dataclass(frozen=True)
class Band(Rule):
    """Causal attention: key j is visible to query i where i - window < j <= i (no window: 0 <= j <= i)."""

    window: int | None = None

    def columns(self, rows: Sequence[int], length: int) -> range:
        """The columns outside of which these rows see nothing."""
        first = 0 if self.window is None else max(0, rows[0] - self.window + 1)
        return range(first, min(rows[-1] + 1, length))

    def visible(self, rows: Sequence[int], cols: range, device: Device = None) -> Tensor | None:
        """Returns a bool tensor [rows, cols], or None where the whole rectangle is visible."""
        below = len(cols) == 0 or cols[-1] <= rows[0]
        inside = self.window is None or len(cols) == 0 or cols[0] > rows[-1] - self.window
        if below and inside:
            return None
        i = _index(rows, device)[:, None]
        j = _index(cols, device)[None, :]
        seen = j <= i
        return seen if inside else seen & (j > i - (self.window or 0))

    def pooled(self, rows: range, cols: range, side: int, device: Device = None) -> Tensor:
        """By the ends of the squares alone: i - j takes every value between those at two corners."""
        i0 = _index(rows[::side], device)[:, None]
        j0 = _index(cols[::side], device)[None, :]
        i1, j1 = (i0 + side - 1).clamp_max(rows[-1]), (j0 + side - 1).clamp_max(cols[-1])
        seen = j0 <= i1
        return seen if self.window is None else seen & (j1 > i0 - self.window)


@dataclass(frozen=True, eq=False)
class Function(Rule):
    """Any rule of transformers: its mask function (chunks, packed sequences, prefixes …) and a padding."""

    function: Callable[..., Any]
    padding: Tensor | None = None
    use_vmap: bool = False

    def visible(self, rows: Sequence[int], cols: range, device: Device = None) -> Tensor | None:
        """Returns a bool tensor [rows, cols]."""
        span = range(rows[0], rows[-1] + 1)
        seen = sdpa_mask(
            batch_size=1,
            q_length=len(span),
            kv_length=len(cols),
            q_offset=span.start,
            kv_offset=cols.start,
            mask_function=self.function,
            attention_mask=self.padding,
            allow_is_causal_skip=False,
            use_vmap=self.use_vmap,
            device=device or "cpu",
        )
        assert seen is not None  # noqa: S101 - only skips return None
        seen = seen[0, 0]
        return seen if len(span) == len(rows) else seen[_index(rows, device) - span.start]


@dataclass(frozen=True, eq=False)
class Matrix(Rule):
    """A mask that is only known cell by cell, bool [T, T] (a mask made by hand, or by the data)."""

    cells: Tensor

    def visible(self, rows: Sequence[int], cols: range, device: Device = None) -> Tensor | None:
        """Returns a bool tensor [rows, cols]."""
        if isinstance(rows, range) and rows.step == 1:
            seen = self.cells[rows.start : rows.stop, cols.start : cols.stop]
        else:
            seen = self.cells[_index(rows, self.cells.device), cols.start : cols.stop]
        return seen if device is None else seen.to(device)


@dataclass(frozen=True, eq=False)
class Without(Rule):
    """A rule without some cells, the edges that were cut in a head: int [n, 2] of (query, key)."""

    rule: Rule
    cells: Tensor

    def columns(self, rows: Sequence[int], length: int) -> range:
        """As before: a row that has lost a cell is no shorter."""
        return self.rule.columns(rows, length)

    def visible(self, rows: Sequence[int], cols: range, device: Device = None) -> Tensor | None:
        """Returns a bool tensor [rows, cols]; None where nothing is missing."""
        seen = self.rule.visible(rows, cols, device)
        i, j = self._inside(rows, cols)
        if not len(i):
            return seen
        if seen is None:
            seen = torch.ones(len(rows), len(cols), dtype=torch.bool, device=device)
        seen = seen.clone()
        seen[i.to(seen.device), j.to(seen.device)] = False
        return seen

    def pooled(self, rows: range, cols: range, side: int, device: Device = None) -> Tensor:
        """As before, but for the squares that have lost cells, which are looked at one by one."""
        seen = self.rule.pooled(rows, cols, side, device)
        i, j = self._inside(rows, cols)
        for a, b in set(zip((i // side).tolist(), (j // side).tolist(), strict=True)):
            square = (rows[a * side : (a + 1) * side], cols[b * side : (b + 1) * side])
            left = self.visible(*square, device)
            seen[a, b] = left is None or bool(left.any())
        return seen

    def _inside(self, rows: Sequence[int], cols: range) -> tuple[Tensor, Tensor]:
        """Where the cells stand in a rectangle, as its rows and columns."""
        i, j = self.cells.unbind(-1)
        here = (j >= cols.start) & (j < cols.stop)
        if isinstance(rows, range) and rows.step == 1:
            here &= (i >= rows.start) & (i < rows.stop)
            return i[here] - rows.start, j[here] - cols.start
        line, cell = (_index(rows, None)[:, None] == i[here]).nonzero(as_tuple=True)  # a row may come twice
        return line, (j[here] - cols.start)[cell]


def absent(
    rules: Sequence[Rule], rows: range, cols: range, device: Device = None, *, no_sink: bool = False
) -> Tensor | None:
    """Which cells no rule shows, bool [rows, cols]; None where all exist. `no_sink` takes column 0 away."""
    seen: Tensor | None = None
    for rule in rules:
        one = rule.visible(rows, cols, device)
        if one is None:
            seen = None
            break
        seen = one if seen is None else seen | one
    if no_sink and cols.start == 0 and len(cols):
        seen = torch.ones(len(rows), len(cols), dtype=torch.bool, device=device) if seen is None else seen
        seen = seen.clone()
        seen[:, 0] = False
    return None if seen is None else ~seen


@dataclass(eq=False)
class LazyMask:
    """What the mask function hands to the attention function in the place of a tensor.

    Attributes:
        rule: who sees whom, in positions of the whole text.
        rows: the queries of this call.
        cols: the keys of this call.
    """

    rule: Rule
    rows: range
    cols: range
    _tensor: Tensor | None = field(default=None, repr=False)

    def tensor(self, device: Device) -> Tensor:
        """The mask as SDPA wants it, bool [1, 1, rows, cols]; made once for all layers."""
        if self._tensor is None:
            seen = self.rule.visible(self.rows, self.cols, device)
            if seen is None:
                seen = torch.ones(len(self.rows), len(self.cols), dtype=torch.bool, device=device)
            self._tensor = seen[None, None]
        return self._tensor.to(device)


# How masks are to be made on this thread: None outside of a recording; "tensor": transformers' own, with the
# rule as an attribute; "lazy": the rule alone.
mode: ContextVar[Literal["tensor", "lazy"] | None] = ContextVar("gptwidgets_mask_mode", default=None)


def mask(*, batch_size: int, **call: Any) -> Tensor | LazyMask | None:
    """The mask function that is registered with transformers; see `transformers.masking_utils.sdpa_mask`."""
    chosen = mode.get()
    edits = by_position(call.get("config"))
    if edits is None and (chosen is None or batch_size != 1):
        return sdpa_mask(batch_size=batch_size, **call)
    padding: Tensor | None = call.get("attention_mask")
    if padding is not None and bool(padding.all()):
        padding = None
    if edits is not None:
        if padding is not None and (batch_size != 1 or not bool(padding[0, 0])):
            raise TextError(
                "Edges that are cut and heads that are resampled count a text's tokens from its start, and "
                "this batch is padded: give texts of one length, or one at a time."
            )
        chosen = "lazy" if edits.sites.lazy else chosen
        if chosen is None:
            return sdpa_mask(batch_size=batch_size, **call)
    function = call.get("mask_function", causal_mask_function)
    rule = describe(function, padding, call.get("local_size"), use_vmap=bool(call.get("use_vmap")))
    if chosen == "lazy":
        q, k = int(call.get("q_offset", 0)), int(call.get("kv_offset", 0))
        return LazyMask(rule, range(q, q + call["q_length"]), range(k, k + call["kv_length"]))
    made = sdpa_mask(batch_size=batch_size, **call)
    if made is not None:
        made.gptwidgets_rule = rule  # type: ignore[attr-defined]
    return made


def describe(
    function: Callable[..., Any], padding: Tensor | None, local_size: int | None, *, use_vmap: bool = False
) -> Rule:
    """The simplest rule that says the same as a mask function of transformers."""
    if padding is None and not use_vmap:
        if function is causal_mask_function:
            return Band()
        if local_size is not None and _is_window(function, local_size):
            return Band(local_size)
    return Function(function, padding, use_vmap)


def _is_window(function: Callable[..., Any], window: int) -> bool:
    """Whether the function is a sliding window and not, say, chunks of that size: asked at the borders."""
    band = Band(window)
    zero = torch.zeros((), dtype=torch.long)
    for i in (0, window - 1, window, 2 * window, 3 * window + 1):
        for j in {0, i - window, i - window + 1, i, i + 1} - set(range(-window - 1, 0)):
            seen = band.visible([i], range(j, j + 1))
            if bool(function(zero, zero, torch.tensor(i), torch.tensor(j))) != (seen is None or bool(seen)):
                return False
    return True


def _index(positions: Sequence[int], device: Device) -> Tensor:
    if isinstance(positions, range):
        return torch.arange(positions.start, positions.stop, positions.step, device=device)
    return torch.tensor(positions, dtype=torch.long, device=device)
