"""What the attention function does with interventions: how they change a layer's output.

A head's output is what its rows of weights make of its values, before the output projection mixes the heads:
(B, T, H, dv). A head that is off has another output there, zero or one of a reference text; that equals
replacing its slice of the projection's input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from gptwidgets.kernel.cutting import Call, Cuts
from gptwidgets.kernel.holding import Sites
from gptwidgets.kernel.intervention import NOTHING, Intervention


@dataclass(frozen=True)
class Reference:
    """What each head gives on a reference text.

    Attributes:
        means: by layer: mean over the text's positions, float32 [H, dv].
        draws: by layer: the outputs at some positions, float32 [R, H, dv].
    """

    means: Mapping[int, Tensor]
    draws: Mapping[int, Tensor]


class LayerEdit:
    """What happens in one layer.

    Args:
        layer: its number.
        rows: one intervention for the whole batch, or one for each of its rows.
        reference: where "mean" and "resample" take their outputs from.
    """

    def __init__(self, layer: int, rows: Sequence[Intervention], reference: Reference | None = None) -> None:
        self._layer, self._rows, self._reference = layer, rows, reference
        self._built: dict[Any, tuple[Tensor | None, list[tuple[Tensor, Tensor, bool]]]] = {}
        self.cuts = Cuts([[edge[1:] for edge in row.cut if edge[0] == layer] for row in rows])
        self._drawn = any(row.ablation == "resample" and self._off(row) for row in rows)

    def _off(self, row: Intervention) -> list[int]:
        return [head for layer, head in row.heads_off if layer == self._layer]

    def apply(self, call: Call, out: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """What the attention function returns instead: (B, T, H, dv) and the weights, where there are any."""
        if self.cuts:
            out, weights = self.cuts.apply(call, out, weights)
        return self.replace(out, call.rows if self._drawn else None), weights

    def replace(self, out: Tensor, rows: range | None = None) -> Tensor:
        """The outputs (B, T, H, dv) with heads scaled and off; `rows` are their positions in the text."""
        if len(self._rows) not in {1, out.shape[0]}:
            raise ValueError(
                f"There are {len(self._rows)} interventions, one a row, for a batch of {out.shape[0]} rows."
            )
        factor, replaced = self._tensors(out)
        if factor is not None:
            out = out * factor
        for off, new, drawn in replaced:
            if drawn and rows is not None:
                at = torch.arange(rows.start, rows.stop, device=new.device) % new.shape[0]
                out = torch.where(off, new[at], out)
            else:
                out = torch.where(off, new, out)
        return out

    def _tensors(self, out: Tensor) -> tuple[Tensor | None, list[tuple[Tensor, Tensor, bool]]]:
        """Factors, and for each ablation (where, what, whether by position), made once where `out` is."""
        H = out.shape[2]
        key = out.device, out.dtype, H
        if key not in self._built:
            with torch.inference_mode(mode=False):  # a later pass may want gradients
                self._built[key] = self._build(H, out.device, out.dtype)
        return self._built[key]

    def _build(
        self, H: int, device: torch.device, dtype: torch.dtype
    ) -> tuple[Tensor | None, list[tuple[Tensor, Tensor, bool]]]:
        factor = torch.ones(len(self._rows), 1, H, 1, dtype=dtype)
        masks: dict[str, Tensor] = {}
        for at, row in enumerate(self._rows):
            for head in self._off(row):
                empty = torch.zeros(len(self._rows), 1, H, 1, dtype=torch.bool)
                masks.setdefault(row.ablation, empty)[at, 0, self._within(head, H)] = True
            for (layer, head), value in row.scale:
                if layer == self._layer:
                    factor[at, 0, self._within(head, H)] = value
        made: list[tuple[Tensor, Tensor, bool]] = []
        for ablation, off in masks.items():
            new = torch.zeros((), dtype=dtype)
            if ablation != "zero":
                assert self._reference is not None  # noqa: S101 - who compiles it has read the text
                given = self._reference.means if ablation == "mean" else self._reference.draws
                new = given[self._layer].to(dtype)  # [H, dv] or [R, H, dv]
            made.append((off.to(device), new.to(device), ablation == "resample"))
        return (factor.to(device) if bool((factor != 1).any()) else None), made

    def _within(self, head: int, H: int) -> int:
        if head >= H:
            raise IndexError(f"head {head} does not exist; layer {self._layer} has heads 0 to {H - 1}")
        return head


class Edits:
    """An intervention as the layers of one model understand it.

    Args:
        sites: where the model's heads are.
        rows: one intervention, or one for each row of the batch.
        reference: for "mean" and "resample".

    Attributes:
        rows: as given.
        positional: whether what it does depends on the place in the text.
    """

    def __init__(
        self, sites: Sites, rows: Sequence[Intervention] = (NOTHING,), reference: Reference | None = None
    ) -> None:
        self.sites = sites
        self.rows = tuple(rows)
        self.positional = any(row.positional for row in rows)
        changed = {head[0] for row in rows for head in (*row.heads_off, *row.cut)}
        changed |= {head[0] for row in rows for head, _ in row.scale}
        self._layers = {layer: LayerEdit(layer, self.rows, reference) for layer in changed}

    def layer(self, number: int) -> Any:
        """What happens in a layer; None for nothing."""
        return self._layers.get(number)


class Capture(Edits):
    """Changes nothing, and shows every layer's output.

    Args:
        sites: where the model's heads are.
        see: called with the layer's number and its heads' outputs (B, T, H, dv).
    """

    def __init__(self, sites: Sites, see: Callable[[int, Tensor], object]) -> None:
        super().__init__(sites)
        self._see = see

    def layer(self, number: int) -> Any:
        """What shows a layer's output."""
        return _Seen(number, self._see)


@dataclass(frozen=True)
class _Seen:
    """As a `LayerEdit`, but it only looks."""

    number: int
    see: Callable[[int, Tensor], object]

    @cached_property
    def cuts(self) -> Cuts:
        return Cuts([])

    def apply(self, call: Call, out: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | None]:
        del call
        return self.replace(out), weights

    def replace(self, out: Tensor, rows: range | None = None) -> Tensor:
        del rows
        self.see(self.number, out)
        return out
