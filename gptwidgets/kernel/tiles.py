"""Pictures of a head in pieces: tiles at every level of a pyramid, thumbnails, exact patches, single lines.

Coding, one byte a cell: 0 is "no cell"; 1 to 255 is round(w^¼ · 254) + 1, so that small weights survive a
logarithmic scale. A signed array has 128 + round(sign(v) · (|v| / vmax)^¼ · 127). A cell of level l is the
largest of 2^l × 2^l cells (signed: of largest magnitude); the largest commutes with the coding, and a mean
would hide sparse attention.

With the sink hidden, column 0 does not exist and the rest of each row is renormalised, w_ij / (1 - w_i0)
(the sink: Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks").

Any stage on the way to the weights and from them to the output can be shown in their place (`stage`, see
stages.py); those have the coding of a signed array, with the `vmax` of `staged(record, stage, layer, head)`.

Everything here only reads. The generators yield None after at most some 20 ms, and return their answer.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from gptwidgets.kernel.cells import positions
from gptwidgets.kernel.pooling import larger, pool, pool_columns
from gptwidgets.kernel.record import AttentionRecord, Which
from gptwidgets.kernel.source import TINY
from gptwidgets.kernel.stages import staged
from gptwidgets.kernel.steps import finish

TILE = 256  # cells of a tile's side
PATCH = 64
THUMB = 64  # the most cells of a thumbnail's side
SAMPLE_ABOVE = 1024  # tokens; above, thumbnails and scores are sampled at first
SAMPLES = 64  # query rows a head
COARSEST = 40  # level; no text is longer than 2^40 tokens
CELLS = 2**20  # cells that are worked on between two yields

Bytes: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]


def levels(length: int, most: int = THUMB) -> int:
    """The level of a picture of at most `most` cells a side: the smallest l with ⌈length / 2^l⌉ <= most."""
    level = 0
    while -(-length >> level) > most:
        level += 1
    return level


def side(length: int, level: int) -> int:
    """Cells of a picture's side at a level, ⌈length / 2^level⌉."""
    return -(-length >> level)


def sample(length: int) -> list[int]:
    """The query rows that stand for all in the sampled mode: 64, evenly spread, the last one included."""
    n = min(SAMPLES, length)
    return [(i + 1) * length // n - 1 for i in range(n)]


@dataclass(frozen=True)
class Region:
    """A rectangle of weights at a level of the pyramid.

    Attributes:
        rows: queries.
        cols: keys.
        step: weights along a cell's side, 2^level.
        no_sink: without column 0, the rest renormalised.
    """

    rows: range
    cols: range
    step: int
    no_sink: bool


def tile(  # noqa: PLR0917 - six numbers are a tile's name
    record: AttentionRecord,
    layer: Which,
    head: Which,
    level: int,
    row: int,
    col: int,
    *,
    sink_hidden: bool = False,
    sampled: bool = False,
    stage: str = "softmax",
) -> Generator[None, None, tuple[Bytes, bool]]:
    """One tile of a head's pyramid.

    Args:
        record: what to show.
        layer: a recorded layer, "mean" or "max".
        head: a head, "mean" or "max".
        level: of the pyramid; a cell covers 2^level × 2^level weights.
        row: the tile's number downwards; it covers the weights from row · 256 · 2^level on.
        col: the tile's number across.
        sink_hidden: without column 0, the rest renormalised.
        sampled: one query row stands for the 2^level of a cell; the last one of them.
        stage: which numbers, see stages.py.

    Returns:
        The coded cells, cut at the text's end, and whether they are exact.

    Raises:
        IndexError: for a layer, head or tile that does not exist.
    """
    layer, head = record.find(layer, head)
    shown = staged(record, stage, layer, head)  # `record` stays, as it holds the numbers
    size = side(shown.length, level) if 0 <= level <= COARSEST else 0
    if not 0 <= row * TILE < size or not 0 <= col * TILE < size:
        raise IndexError(f"tile ({level}, {row}, {col}) does not exist for {shown.length} tokens")
    step = 1 << level
    rows, cols = (range(at * TILE * step, min((at + 1) * TILE * step, shown.length)) for at in (row, col))
    region = Region(rows, cols, step, sink_hidden)
    seen = visible(shown, layer, region, head)
    largest = torch.zeros(seen.shape, device=seen.device)
    exact = not sampled or level == 0
    yield from (_fill if exact else _fill_sampled)(shown, layer, head, region, largest)
    return encode(largest, seen, shown), exact


def _fill(
    record: AttentionRecord, layer: Which, head: Which, region: Region, out: Tensor
) -> Generator[None, None, None]:
    """The region's largest weights, into `out` [⌈rows / step⌉, ⌈cols / step⌉]."""
    rows, cols, step = region.rows, region.cols, region.step
    for strip in chunks(rows, TILE):
        reach = _reach(record, layer, strip)
        for part in chunks(cols, max(step, CELLS // TILE)):
            if part.start >= reach.stop or part.stop <= reach.start:
                continue  # above the diagonal, or outside of the window: nothing to compute
            w = yield from record.block_steps(layer, head, strip, part, no_sink=region.no_sink)
            w = pool(w, step, signed=record.signed)
            r, c = (strip.start - rows.start) // step, (part.start - cols.start) // step
            here = out[r : r + w.shape[0], c : c + w.shape[1]]
            here.copy_(larger(here, w, signed=record.signed))
            yield


def _fill_sampled(
    record: AttentionRecord, layer: Which, head: Which, region: Region, out: Tensor
) -> Generator[None, None, None]:
    """As `_fill`, from the last query row of each cell alone."""
    rows, cols, step = region.rows, region.cols, region.step
    last = [min(start + step, rows.stop) - 1 for start in rows[::step]]
    some = max(1, CELLS // record.length)
    for start in range(0, len(last), some):
        w = yield from whole_rows(record, layer, head, last[start : start + some], no_sink=region.no_sink)
        lines = w[:, cols.start : cols.stop]
        out[start : start + len(lines)] = pool_columns(lines, step, signed=record.signed)
        yield


def whole_rows(
    record: AttentionRecord, layer: Which, head: Which, rows: Sequence[int], *, no_sink: bool
) -> Generator[None, None, Tensor]:
    """Whole rows of a head, float32 [rows, T], zero where masked."""

    def compute(layer: int, head: int) -> Tensor:
        w, rest, _, cols, _ = record.source.rows(layer, [head], rows)
        if no_sink and cols.start == 0:
            w[..., 0] = 0
            if not record.signed:
                w /= rest.clamp_min(TINY)[..., None]
        return pad(w[0], (cols.start, record.length - cols.stop))

    return record.merge(layer, head, compute)


def thumbnails(
    record: AttentionRecord,
    heads: Sequence[tuple[Which, Which]],
    *,
    sink_hidden: bool = False,
    sampled: bool | None = None,
) -> Generator[tuple[Which, Which, Bytes] | None, None, None]:
    """The coarsest level of many heads, [s, s] with s = ⌈T / 2^levels(T)⌉.

    The heads of a layer are computed together, and their scores with them, once.

    Args:
        record: what to show.
        heads: (layer, head) pairs.
        sink_hidden: without column 0, the rest renormalised.
        sampled: from 64 query rows a head; None does so above 1,024 tokens, where it was not done exactly.

    Yields:
        (layer, head, coded cells) as soon as one is ready, in the order of `heads`, and None between.
    """
    from gptwidgets.kernel.scores import summarise

    quick = record.length > SAMPLE_ABOVE if sampled is None else sampled
    for layer, head in heads:
        layer_, head_ = record.find(layer, head)
        if isinstance(layer_, int) and isinstance(head_, int):
            there = sampled is None and ("summary", layer_, False) in record.cache
            summary = yield from summarise(record, layer_, sampled=quick and not there)
            yield layer_, head_, summary.thumbs[int(sink_hidden)][head_]
        else:
            cells, _ = yield from tile(
                record, layer_, head_, levels(record.length), 0, 0, sink_hidden=sink_hidden, sampled=quick
            )
            yield layer_, head_, cells


def patch(
    record: AttentionRecord,
    layer: Which,
    head: Which,
    row0: int,
    col0: int,
    *,
    sink_hidden: bool = False,
    stage: str = "softmax",
) -> Floats:
    """Exact weights for hovering, float32 [64, 64] from (row0, col0) on; nan where there is no cell."""
    return finish(patch_steps(record, layer, head, row0, col0, sink_hidden=sink_hidden, stage=stage))


def patch_steps(
    record: AttentionRecord,
    layer: Which,
    head: Which,
    row0: int,
    col0: int,
    *,
    sink_hidden: bool = False,
    stage: str = "softmax",
) -> Generator[None, None, Floats]:
    """`patch` as a job, for means over many heads."""
    layer, head = record.find(layer, head)
    shown = staged(record, stage, layer, head)
    rows, cols = (range(shown.length)[max(0, at) : max(0, at) + PATCH] for at in (row0, col0))
    out = np.full((PATCH, PATCH), np.nan, np.float32)
    if len(rows) and len(cols):
        w = yield from shown.block_steps(layer, head, rows, cols, no_sink=sink_hidden)
        absent = shown.absent(layer, rows, cols, head=head, no_sink=sink_hidden)
        w = w if absent is None else w.masked_fill(absent, torch.nan)
        out[: len(rows), : len(cols)] = w.cpu().numpy()
    return out


def line(
    record: AttentionRecord,
    layer: Which,
    head: Which,
    *,
    query: int | None = None,
    key: int | None = None,
    sink_hidden: bool = False,
    stage: str = "softmax",
) -> Floats:
    """What one token looks at, or who looks at it: float32 [T], nan where there is no cell.

    Args:
        record: what to show.
        layer: a recorded layer, "mean" or "max".
        head: a head, "mean" or "max".
        query: the token that looks: a row.
        key: the token that is looked at: a column. Give one of the two.
        sink_hidden: without column 0, the rest renormalised.
        stage: which numbers, see stages.py.
    """
    return finish(line_steps(record, layer, head, query=query, key=key, sink_hidden=sink_hidden, stage=stage))


def line_steps(
    record: AttentionRecord,
    layer: Which,
    head: Which,
    *,
    query: int | None = None,
    key: int | None = None,
    sink_hidden: bool = False,
    stage: str = "softmax",
) -> Generator[None, None, Floats]:
    """`line` as a job: a column takes every row's log-sum-exp, at 32,768 tokens some seconds at first."""
    if (query is None) == (key is None):
        raise TypeError("A line is one token's row or column: give either query= or key=.")
    layer, head = record.find(layer, head)
    shown = staged(record, stage, layer, head)
    (at,), _ = positions(query if query is not None else key, shown.length)
    one, whole = range(at, at + 1), range(shown.length)
    if query is not None:
        w = (yield from whole_rows(shown, layer, head, [at], no_sink=sink_hidden))[0]
        absent = shown.absent(layer, one, whole, head=head, no_sink=sink_hidden)
    else:
        w = torch.zeros(shown.length, device=shown.source.device(shown.layers[0]))
        for strip in chunks(whole, TILE):
            if at < _reach(shown, layer, strip).stop:
                part = yield from shown.block_steps(layer, head, strip, one, no_sink=sink_hidden)
                w[strip.start : strip.stop] = part[:, 0]
            yield
        absent = shown.absent(layer, whole, one, head=head, no_sink=sink_hidden)
    return (w if absent is None else w.masked_fill(absent.view(-1), torch.nan)).cpu().numpy()


def encode(w: Tensor, seen: Tensor, record: AttentionRecord) -> Bytes:
    """Weights as bytes (see above), 0 where `seen` is False. Shapes [..., r, c]; w is used up."""
    if record.signed:
        v = w / (record.vmax or 1.0)
        coded = v.abs().sqrt_().sqrt_().mul_(127).round_().mul_(v.sign()).add_(128)
    else:
        coded = w.clamp_(0, 1).sqrt_().sqrt_().mul_(254).round_().add_(1)
    return coded.mul_(seen).to(torch.uint8).cpu().numpy()


def visible(record: AttentionRecord, layer: Which, region: Region, head: Which | None = None) -> Tensor:
    """Which cells of a region exist: those with a weight, bool [⌈rows / step⌉, ⌈cols / step⌉]."""
    rows, cols, step = region.rows, region.cols, region.step
    device = record.source.device(record.layers[0])
    seen = torch.zeros(-(-len(rows) // step), -(-len(cols) // step), dtype=torch.bool, device=device)
    for rule in record.rules(layer, head):
        seen |= rule.pooled(rows, cols, step, device)
    if region.no_sink and cols.start == 0:  # column 0 is gone; what is left of the first cells
        seen[:, 0] = False
        others = cols[1:step]
        for rule in record.rules(layer, head) if len(others) else ():
            seen[:, :1] |= rule.pooled(rows, others, step, device)
    return seen


def _reach(record: AttentionRecord, layer: Which, rows: range) -> range:
    """Columns that any of the layer's rules shows to these rows."""
    spans = [rule.columns(rows, record.length) for rule in record.rules(layer)]
    return range(min(s.start for s in spans), max(s.stop for s in spans))


def chunks(positions: range, size: int) -> list[range]:
    """A range in pieces of `size`."""
    return [positions[start : start + size] for start in range(0, len(positions), size)]
