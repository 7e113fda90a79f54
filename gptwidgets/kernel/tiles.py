"""Pictures of a head in pieces: tiles at every level of a pyramid, thumbnails, exact patches, single lines.

Coding, one byte a cell: 0 is "no cell"; 1 to 255 is round(w^¼ · 254) + 1, so that small weights survive a
logarithmic scale. A signed array has 128 + round(sign(v) · (|v| / vmax)^¼ · 127). A cell of level l is the
largest of 2^l × 2^l cells (signed: of largest magnitude); the largest commutes with the coding, and a mean
would hide sparse attention.

With the sink hidden, column 0 does not exist and the rest of each row is renormalised, w_ij / (1 - w_i0)
(the sink: Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks").

Everything here only reads. The generators yield None after at most some 20 ms, and return their answer.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import max_pool1d, pad

from gptwidgets.kernel.record import AttentionRecord, Which
from gptwidgets.kernel.source import TINY

TILE = 256  # cells of a tile's side
PATCH = 128
THUMB = 64  # the most cells of a thumbnail's side
SAMPLE_ABOVE = 1024  # tokens; above, thumbnails and scores are sampled at first
SAMPLES = 64  # query rows a head
CELLS = 2**20  # cells that are worked on between two yields

Bytes: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
Floats: TypeAlias = np.ndarray[Any, np.dtype[np.float32]]


def levels(length: int) -> int:
    """The coarsest level: the smallest l with ⌈length / 2^l⌉ <= 64."""
    level = 0
    while -(-length >> level) > THUMB:
        level += 1
    return level


def side(length: int, level: int) -> int:
    """Cells of a picture's side at a level, ⌈length / 2^level⌉."""
    return -(-length >> level)


def sample(length: int) -> list[int]:
    """The query rows that stand for all in the sampled mode: 64, evenly spread, the last one included."""
    n = min(SAMPLES, length)
    return [(i + 1) * length // n - 1 for i in range(n)]


def tile(
    record: AttentionRecord,
    layer: Which,
    head: Which,
    level: int,
    row: int,
    col: int,
    *,
    sink_hidden: bool = False,
    sampled: bool = False,
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

    Returns:
        The coded cells, cut at the text's end, and whether they are exact.

    Raises:
        IndexError: for a layer, head or tile that does not exist.
    """
    layer, head = record.find(layer, head)
    size = side(record.length, level)
    if level < 0 or not 0 <= row * TILE < size or not 0 <= col * TILE < size:
        raise IndexError(f"tile ({level}, {row}, {col}) does not exist for {record.length} tokens")
    step = 1 << level
    rows, cols = (range(at * TILE * step, min((at + 1) * TILE * step, record.length)) for at in (row, col))
    device = record.source.device(record.layers[0])
    seen = pooled_visible(record, layer, rows, cols, step, sink_hidden)
    found = torch.zeros(seen.shape, device=device)
    exact = not sampled or level == 0
    if exact:
        yield from _fill(record, layer, head, rows, cols, step, sink_hidden, found)
    else:
        last = [min(start + step, rows.stop) - 1 for start in rows[::step]]
        yield from _fill_sampled(record, layer, head, last, cols, step, sink_hidden, found)
    return encode(found, seen, record), exact


def _fill(
    record: AttentionRecord,
    layer: Which,
    head: Which,
    rows: range,
    cols: range,
    step: int,
    no_sink: bool,
    out: Tensor,
) -> Generator[None, None, None]:
    """Largest weights of the cells in `out` [rows / step, cols / step], strip by strip."""
    for strip in chunks(rows, TILE):
        reach = _reach(record, layer, strip)
        for part in chunks(cols, max(step, CELLS // TILE)):
            if part.start >= reach.stop or part.stop <= reach.start:
                continue  # above the diagonal, or outside of the window: nothing to compute
            w = record.block(layer, head, strip, part, no_sink=no_sink)
            r, c = (strip.start - rows.start) // step, (part.start - cols.start) // step
            w = pool(w, step, signed=record.signed)
            here = out[r : r + w.shape[0], c : c + w.shape[1]]
            here.copy_(larger(here, w, signed=record.signed))
            yield


def _fill_sampled(
    record: AttentionRecord,
    layer: Which,
    head: Which,
    rows: Sequence[int],
    cols: range,
    step: int,
    no_sink: bool,
    out: Tensor,
) -> Generator[None, None, None]:
    for start in range(0, len(rows), some := max(1, CELLS // record.length)):
        strip = rows[start : start + some]
        w = whole_rows(record, layer, head, strip, no_sink)[:, cols.start : cols.stop]
        out[start : start + len(strip)] = pool_columns(w, step, signed=record.signed)
        yield


def whole_rows(
    record: AttentionRecord, layer: Which, head: Which, rows: Sequence[int], no_sink: bool
) -> Tensor:
    """Whole rows of a head, float32 [rows, T], zero where masked."""
    layers, heads = record.chosen(layer, head)
    over_layers: list[Tensor] = []
    for number in layers:
        w, rest, _, cols, _ = record.source.rows(number, heads, rows)
        if no_sink and cols.start == 0:
            w[..., 0] = 0
            w /= rest.clamp_min(TINY)[..., None]
        over_layers.append(_merged(w, head).new_zeros(len(rows), record.length))
        over_layers[-1][:, cols.start : cols.stop] = _merged(w, head)
    return _merged(torch.stack([one.to(over_layers[0].device) for one in over_layers]), layer)


def _merged(w: Tensor, how: Which) -> Tensor:
    """[n, …] to […]: the mean, the largest by magnitude, or the only one."""
    if how == "mean":
        return w.mean(0)
    return w.gather(0, w.abs().argmax(0, keepdim=True))[0] if how == "max" else w[0]


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
        sampled: from 64 query rows a head; None does so above 1,024 tokens.

    Yields:
        (layer, head, coded cells) as soon as one is ready, in the order of `heads`, and None between.
    """
    from gptwidgets.kernel.scores import summarise

    sampled = record.length > SAMPLE_ABOVE if sampled is None else sampled
    for layer, head in heads:
        layer_, head_ = record.find(layer, head)
        if isinstance(layer_, int) and isinstance(head_, int):
            summary = yield from summarise(record, layer_, sampled=sampled)
            yield layer_, head_, summary.thumbs[int(sink_hidden)][head_]
        else:
            cells, _ = yield from tile(
                record, layer_, head_, levels(record.length), 0, 0, sink_hidden=sink_hidden, sampled=sampled
            )
            yield layer_, head_, cells


def patch(
    record: AttentionRecord, layer: Which, head: Which, row0: int, col0: int, *, sink_hidden: bool = False
) -> Floats:
    """Exact weights for hovering, float32 [128, 128] from (row0, col0) on; nan where there is no cell."""
    layer, head = record.find(layer, head)
    rows, cols = (range(record.length)[max(0, at) : max(0, at) + PATCH] for at in (row0, col0))
    out = np.full((PATCH, PATCH), np.nan, np.float32)
    if len(rows) and len(cols):
        w = record.block(layer, head, rows, cols, no_sink=sink_hidden)
        absent = record.absent(layer, rows, cols, no_sink=sink_hidden)
        out[: len(rows), : len(cols)] = (
            (w if absent is None else w.masked_fill_(absent, torch.nan)).cpu().numpy()
        )
    return out


def line(
    record: AttentionRecord,
    layer: Which,
    head: Which,
    *,
    query: int | None = None,
    key: int | None = None,
    sink_hidden: bool = False,
) -> Floats:
    """What one token looks at, or who looks at it: float32 [T], nan where there is no cell.

    Args:
        record: what to show.
        layer: a recorded layer, "mean" or "max".
        head: a head, "mean" or "max".
        query: the token that looks: a row.
        key: the token that is looked at: a column. Give one of the two.
        sink_hidden: without column 0, the rest renormalised.
    """
    steps = line_steps(record, layer, head, query=query, key=key, sink_hidden=sink_hidden)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def line_steps(
    record: AttentionRecord,
    layer: Which,
    head: Which,
    *,
    query: int | None = None,
    key: int | None = None,
    sink_hidden: bool = False,
) -> Generator[None, None, Floats]:
    """`line` as a job: the first column of a long head takes every row's log-sum-exp, some seconds at 32,768."""
    if (query is None) == (key is None):
        raise TypeError("A line is one token's row or column: give either query= or key=.")
    layer, head = record.find(layer, head)
    at = range(record.length)[int(query if query is not None else key)]  # type: ignore[arg-type]
    one, whole = range(at, at + 1), range(record.length)
    if query is not None:
        w = whole_rows(record, layer, head, [at], sink_hidden)[0]
        absent = record.absent(layer, one, whole, no_sink=sink_hidden)
    else:
        w = torch.zeros(record.length, device=record.source.device(record.layers[0]))
        for strip in chunks(whole, TILE):
            if at < _reach(record, layer, strip).stop:
                w[strip.start : strip.stop] = record.block(layer, head, strip, one, no_sink=sink_hidden)[:, 0]
            yield
        absent = record.absent(layer, whole, one, no_sink=sink_hidden)
    return (w if absent is None else w.masked_fill_(absent.view(-1), torch.nan)).cpu().numpy()


def encode(w: Tensor, seen: Tensor, record: AttentionRecord) -> Bytes:
    """Weights as bytes (see above), 0 where `seen` is False. Shapes [..., r, c]; w is used up."""
    if record.signed:
        v = w / (record.vmax or 1.0)
        coded = v.abs().sqrt_().sqrt_().mul_(127).round_().mul_(v.sign()).add_(128)
    else:
        coded = w.clamp_(0, 1).sqrt_().sqrt_().mul_(254).round_().add_(1)
    return coded.mul_(seen).to(torch.uint8).cpu().numpy()


def pooled_visible(
    record: AttentionRecord, layer: Which, rows: range, cols: range, step: int, no_sink: bool
) -> Tensor:
    """Which cells of a level exist: those with a visible weight, bool [⌈rows / step⌉, ⌈cols / step⌉]."""
    device = record.source.device(record.layers[0])
    seen = torch.zeros(-(-len(rows) // step), -(-len(cols) // step), dtype=torch.bool, device=device)
    for rule in record.rules(layer):
        seen |= rule.pooled(rows, cols, step, device)
    if no_sink and cols.start == 0:  # column 0 is gone; what is left of the first cells
        seen[:, 0] = False
        others = cols[1:step]
        for rule in record.rules(layer) if len(others) else ():
            seen[:, :1] |= rule.pooled(rows, others, step, device)
    return seen


def pool(w: Tensor, step: int, *, signed: bool = False) -> Tensor:
    """The largest of step × step cells, [..., r, c] to [..., ⌈r / step⌉, ⌈c / step⌉]."""
    return pool_columns(pool_rows(w, step, signed=signed), step, signed=signed)


def pool_rows(w: Tensor, step: int, *, signed: bool = False) -> Tensor:
    """The largest of `step` neighbours in the last dimension but one."""
    if step == 1:
        return w
    r = -w.shape[-2] % step
    return _largest((pad(w, (0, 0, 0, r)) if r else w).unflatten(-2, (-1, step)), -2, signed=signed)


def pool_columns(w: Tensor, step: int, *, signed: bool = False) -> Tensor:
    """The largest of `step` neighbours in the last dimension."""
    if step == 1:
        return w
    c = -w.shape[-1] % step
    w = pad(w, (0, c)) if c else w
    if step > 16:
        return _largest(w.unflatten(-1, (-1, step)), -1, signed=signed)
    # over few neighbours a reduction cannot use the processor's wide registers; pooling does, 4 × as fast
    lines = w.reshape(1, -1, w.shape[-1])
    top = max_pool1d(lines, step)
    if signed:
        top = larger(top, -max_pool1d(-lines, step), signed=True)
    return top.view(*w.shape[:-1], -1)


def _largest(w: Tensor, dim: int, *, signed: bool) -> Tensor:
    return larger(w.amax(dim), w.amin(dim), signed=True) if signed else w.amax(dim)


def larger(a: Tensor, b: Tensor, *, signed: bool) -> Tensor:
    return torch.where(b.abs() > a.abs(), b, a) if signed else torch.maximum(a, b)


def _reach(record: AttentionRecord, layer: Which, rows: range) -> range:
    """Columns that any of the layer's rules shows to these rows."""
    spans = [rule.columns(rows, record.length) for rule in record.rules(layer)]
    return range(min(s.start for s in spans), max(s.stop for s in spans))


def chunks(positions: range, size: int) -> list[range]:
    """A range in pieces of `size`."""
    return [positions[start : start + size] for start in range(0, len(positions), size)]
