"""Attention rollout: what a token's state is made of, followed down through the layers.

Each layer's heads are averaged, the residual connection is put in as attention to oneself, and the layers are
multiplied (Abnar and Zuidema 2020, "Quantifying Attention Flow in Transformers"):

    A_l = r · I + (1 - r) · mean_h W_l,h,   each row divided by its sum
    R_l = A_l · R_(l-1),   R before the first layer = I

R_ij is then the share of token j in what stands at token i. It knows nothing of values, projections or
feed-forward layers: a share of attention, no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gptwidgets.errors import DoesNotFitError
from gptwidgets.kernel.arrays import ArraySource
from gptwidgets.kernel.cells import one_of
from gptwidgets.kernel.source import TINY
from gptwidgets.kernel.worker import Report

if TYPE_CHECKING:
    from torch import Tensor

    from gptwidgets.kernel.record import AttentionRecord
    from gptwidgets.kernel.source import Source
    from gptwidgets.kernel.worker import CancelToken, Progress

LONGEST = 2048  # tokens; the matrices are T × T and their product T³
ROWS = 256  # of a layer that are had at a time


def rollout(
    record: AttentionRecord,
    start: int | None = None,
    residual: float = 0.5,
    *,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> AttentionRecord:
    """The rollout from a layer to the last one; see `AttentionRecord.rollout`."""
    from gptwidgets.kernel.record import AttentionRecord

    if record.length > LONGEST:
        raise DoesNotFitError(
            f"Rollout multiplies whole matrices and is for texts up to {LONGEST:,} tokens; this one has "
            f"{record.length:,}: record a part of it."
        )
    if record.signed:
        raise ValueError("Rollout multiplies shares of attention; this record has negative values.")
    given: Any = residual
    if isinstance(given, bool) or not isinstance(given, int | float | np.number):
        raise TypeError(f"residual is a number from 0 to 1, not {residual!r}.")
    if not 0 <= float(given) <= 1:
        raise ValueError(f"residual is the share of what passes a layer by, from 0 to 1, not {residual}.")
    first = one_of(record.layers[0] if start is None else start, record.layers, "layer", "record")
    if isinstance(first, str):
        raise TypeError(f"A rollout starts at one layer; {first!r} is none.")
    layers = [layer for layer in record.layers if layer >= first]
    source = record.source
    made = torch.eye(record.length, device=source.device(first))  # (T, T)
    for done, layer in enumerate(layers):
        made = _through(source, layer, float(given), made.to(source.device(layer)), cancel)
        if progress is not None:
            progress(Report("multiplying", done + 1, len(layers), "layers"))
    span = f"layers {layers[0]} to {layers[-1]}" if len(layers) > 1 else f"layer {layers[0]} alone"
    note = f"Attention rollout over {span}: heads averaged, {float(given):g} of each state passes a layer by."
    return AttentionRecord(
        ArraySource({layers[-1]: made[None]}),
        record.tokens,
        name=record.name,
        notes=[note, *record.notes],
        intervention=record.intervention,
    )


def _through(source: Source, layer: int, r: float, below: Tensor, cancel: CancelToken | None) -> Tensor:
    """One layer more: A_l times what is below, [T, T], by rows."""
    T = source.length
    out = torch.empty_like(below)
    for at in range(0, T, ROWS):
        if cancel is not None:
            cancel.check()
        rows = range(at, min(at + ROWS, T))
        found = source.rows(layer, range(source.n_heads), rows)
        mixed = found.weights.mean(0).mul_(1 - r)  # (rows, cols)
        here = torch.arange(len(rows), device=mixed.device)
        whole = mixed.new_zeros(len(rows), T)
        whole[:, found.cols.start : found.cols.stop] = mixed
        whole[here, rows.start + here] += r
        whole /= whole.sum(-1, keepdim=True).clamp_min_(TINY)
        seen = max(found.cols.stop, rows.stop)  # later tokens have no share
        out[rows.start : rows.stop] = whole[:, :seen] @ below[:seen]
    return out
