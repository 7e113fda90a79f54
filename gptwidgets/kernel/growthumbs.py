"""The thumbnails of all heads of a record that grows: new rows are added, nothing is computed twice."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import pad

from gptwidgets.kernel import tiles
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.kernel.source import TINY


class GrowingThumbs:
    """Coded thumbnails [layers · heads, s, s], as `tiles.thumbnails` makes them, followed row by row.

    Args:
        codes: the thumbnails so far, uint8 [layers · heads, s, s].
        length: tokens that they show.
        most: cells a side, at most; a text that needs more makes all of them coarser.
        sink_hidden: without the first token, the rest renormalised.
    """

    def __init__(self, codes: tiles.Bytes, length: int, most: int, *, sink_hidden: bool) -> None:
        self.codes = codes
        self.length = length
        self.sink_hidden = sink_hidden
        self._most = most
        self.level = tiles.levels(length, most)

    def follow(self, record: AttentionRecord) -> tiles.Bytes:
        """Adds the rows that have come, and returns all thumbnails."""
        first, n = self.length, record.length
        if n <= first:
            return self.codes
        while self.level < tiles.levels(n, self._most):  # a cell covers twice as many tokens a side now
            old = self.codes
            odd = old.shape[-1] % 2
            old = np.pad(old, ((0, 0), (0, odd), (0, odd)))
            half = old.shape[-1] // 2
            self.codes = old.reshape(-1, half, 2, half, 2).max((2, 4))
            self.level += 1
        side = tiles.side(n, self.level)
        more = side - self.codes.shape[-1]
        codes = np.pad(self.codes, ((0, 0), (0, more), (0, more)))
        rows = range(first, n)
        lines = np.concatenate([self._lines(record, layer, rows, side) for layer in record.layers])
        for at, row in enumerate(rows):
            cells = codes[:, row >> self.level]
            np.maximum(cells, lines[:, at], out=cells)
        self.codes, self.length = codes, n
        return codes

    def _lines(self, record: AttentionRecord, layer: int, rows: range, side: int) -> tiles.Bytes:
        """New rows of a layer's heads, coded, the columns pooled: [H, rows, s]."""
        step = 1 << self.level
        found = record.source.rows(layer, range(record.n_heads), rows)
        w = found.weights
        seen = record.source.rule(layer).visible(rows, found.cols, w.device)
        seen = (
            torch.ones(len(rows), len(found.cols), dtype=torch.bool, device=w.device)
            if seen is None
            else seen
        )
        if self.sink_hidden and found.cols.start == 0:
            seen = seen.clone()
            seen[:, 0] = False
            w = w / found.rest[..., None].clamp_min(TINY)
        coded = torch.from_numpy(tiles.encode(w, seen, record))  # [H, rows, c]
        coded = pad(coded, (found.cols.start, side * step - found.cols.stop))
        return coded.view(record.n_heads, len(rows), side, step).amax(-1).numpy()
