"""What kind of head is it? Five numbers a head, and its thumbnail, from one pass over its weights.

With w_ij the weight of query i on key j (masked: 0), p_ij = w_ij / Σ_j w_ij (the same thing unless a sink
logit takes a share), and means over the queries i >= 1 (the first token of a causal text can only look at
itself):

    entropy    mean_i  -Σ_j p_ij log2 p_ij          in bits
    distance   mean_i   Σ_j p_ij |i - j|            in tokens
    first      mean_i   w_i0
    previous   mean_i   w_i,i-1
    same       mean_i   Σ_{j ≠ i, id_j = id_i} w_ij   over those i that have such a j in sight; else nan

Entropy and distance: Clark et al. 2019, "What Does BERT Look At?"; Vig and Belinkov 2019, "Analyzing the
Structure of Attention in a Transformer Language Model". Attention to the first token: the same, and Xiao et
al. 2023, "Efficient Streaming Language Models with Attention Sinks". Previous-token heads: Voita et al. 2019,
"Analyzing Multi-Head Self-Attention"; Olsson et al. 2022, "In-context Learning and Induction Heads". The same
token elsewhere: the duplicate-token heads of Wang et al. 2022, "Interpretability in the Wild".

A signed array is no distribution: its scores are nan.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from gptwidgets.kernel import tiles
from gptwidgets.kernel.pooling import larger, pool_columns, pool_rows
from gptwidgets.kernel.source import ROWS, TINY, Rows
from gptwidgets.kernel.steps import finish

if TYPE_CHECKING:
    import pandas as pd

    from gptwidgets.kernel.mask import Rule
    from gptwidgets.kernel.pieces import Tokens
    from gptwidgets.kernel.record import AttentionRecord

COLUMNS = ("entropy", "distance", "first", "previous", "same")


@dataclass(frozen=True)
class Summary:
    """One layer at a glance.

    Attributes:
        scores: [H, 5], in the order of COLUMNS.
        thumbs: coded thumbnails [H, s, s], plain and with the sink hidden.
    """

    scores: np.ndarray[Any, np.dtype[np.float64]]
    thumbs: tuple[tiles.Bytes, tiles.Bytes]


def table(record: AttentionRecord, *, sampled: bool | None = None) -> pd.DataFrame:
    """The scores of all heads; `AttentionRecord.scores` describes them."""
    return finish(table_steps(record, sampled=sampled))


def table_steps(
    record: AttentionRecord, *, sampled: bool | None = None
) -> Generator[float, None, pd.DataFrame]:
    """`table` as a job; yields the share that is done, 0 to 1."""
    import pandas as pd

    sampled = record.length > tiles.SAMPLE_ABOVE if sampled is None else sampled
    rows: list[Any] = []
    for n, layer in enumerate(record.layers):
        steps = summarise(record, layer, sampled=sampled)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                rows.append(stop.value.scores)
                break
            yield n / record.n_layers
    index = pd.MultiIndex.from_product([record.layers, range(record.n_heads)], names=["layer", "head"])
    frame = pd.DataFrame(np.concatenate(rows), index=index, columns=list(COLUMNS))
    frame.attrs["sampled"] = sampled and record.length > tiles.SAMPLES
    return frame


def summarise(record: AttentionRecord, layer: int, *, sampled: bool) -> Generator[None, None, Summary]:
    """Scores and thumbnails of a layer's heads; kept, since both are asked for at first sight."""
    name = ("summary", layer, sampled)
    if name not in record.cache:
        record.cache[name] = yield from _summarise(record, layer, sampled)
    return record.cache[name]


def _summarise(record: AttentionRecord, layer: int, sampled: bool) -> Generator[None, None, Summary]:
    T, H, source = record.length, record.n_heads, record.source
    level = tiles.levels(T)
    s = tiles.side(T, level)
    pictures = torch.zeros(2, H, s, s, device=source.device(layer))
    sums = torch.zeros(H, len(COLUMNS), dtype=torch.float64)
    counts = torch.zeros(len(COLUMNS), dtype=torch.float64)
    strips: Sequence[Sequence[int]] = tiles.chunks(range(T), ROWS)
    if sampled:
        rows = tiles.sample(T)
        some = max(1, tiles.CELLS // T)
        strips = [rows[start : start + some] for start in range(0, len(rows), some)]
    twins: Twins = record.cache.setdefault("twins", Twins(record.tokens))
    for strip in strips:
        cols = source.rule(layer).columns(strip, T)
        pairs = twins.pairs(strip, cols, source.rule(layer))
        counts += _counts(strip, pairs)
        at_once = max(1, tiles.CELLS // (len(strip) * len(cols)))
        for start in range(0, H, at_once):
            heads = range(start, min(start + at_once, H))
            whole = source.rows(layer, heads, strip, entropy=not record.signed)
            if not record.signed:
                sums[heads.start : heads.stop] += _sums(whole, strip, pairs, causal=record.causal)
            _draw(whole, strip, 1 << level, pictures[:, heads.start : heads.stop], signed=record.signed)
            yield
    scores = (sums / counts).numpy()
    if record.signed:
        scores[:] = np.nan
    plain, hidden = (
        tiles.encode(picture, tiles.visible(record, layer, region), record)
        for picture, region in zip(
            pictures,
            (tiles.Region(range(T), range(T), 1 << level, no_sink) for no_sink in (False, True)),
            strict=True,
        )
    )
    return Summary(scores, (plain, hidden))


def _counts(rows: Sequence[int], pairs: tuple[Tensor, Tensor]) -> Tensor:
    """How many queries each mean is over."""
    after_first = sum(row > 0 for row in rows)
    return torch.tensor([after_first] * 4 + [pairs[0].unique().numel()], dtype=torch.float64)


def _sums(whole: Rows, rows: Sequence[int], pairs: tuple[Tensor, Tensor], *, causal: bool) -> Tensor:
    """The scores of some rows, summed over them, [h, 5]."""
    w, _, total, cols, entropy = whole  # (h, r, c), then (h, r)
    assert entropy is not None  # noqa: S101
    i = torch.tensor(rows, device=w.device, dtype=torch.float32)
    j = torch.arange(cols.start, cols.stop, device=w.device, dtype=torch.float32)
    total = total.clamp_min(TINY)
    # no key is later than its query in a causal text: Σ p |i - j| = i - Σ p j
    distance = i - w @ j / total if causal else (w * (i[:, None] - j).abs()).sum(-1) / total
    first = w[..., 0] if cols.start == 0 else torch.zeros_like(total)
    one_before = (i.long() - 1 - cols.start).clamp_min_(0)
    previous = w[:, torch.arange(len(rows)), one_before]
    here, there = (index.to(w.device) for index in pairs)
    same = w[:, here, there].sum(-1)
    means = [(x * (i > 0)).sum(-1) for x in (entropy / math.log(2), distance, first, previous)]
    return torch.stack([*means, same], dim=-1).double().cpu()


def _draw(whole: Rows, rows: Sequence[int], step: int, out: Tensor, *, signed: bool) -> None:
    """The largest weights into thumbnails [2, h, s, s]: plain, and with the sink hidden.

    Hiding the sink multiplies each row by a factor of its own, so columns are pooled before it, rows after.
    """
    w, rest, _, cols, _ = whole
    a, left = divmod(cols.start, step)
    sink = w[..., 0].clone() if cols.start == 0 else None
    if sink is not None:
        w[..., 0] = 0
    hidden = pool_columns(pad(w, (left, 0)) if left else w, step, signed=signed)  # (h, r, s)
    plain = hidden.clone()
    if sink is not None:
        plain[..., 0] = larger(plain[..., 0], sink, signed=signed)
        if not signed:
            hidden = hidden / rest.clamp_min(TINY)[..., None]
    across = slice(a, a + plain.shape[-1])
    for picture, lines in zip(out, (plain, hidden), strict=True):
        if isinstance(rows, range):
            pooled = pool_rows(lines, step, signed=signed)
            down = slice(rows.start // step, rows.start // step + pooled.shape[1])
            picture[:, down, across] = pooled
        else:
            for at, row in enumerate(rows):
                here = picture[:, row // step, across]
                here.copy_(larger(here, lines[:, at], signed=signed))


class Twins:
    """Where the same token stands elsewhere in the text: pairs of positions, found once for all layers."""

    def __init__(self, tokens: Tokens) -> None:
        names = tokens.ids if any(number >= 0 for number in tokens.ids) else tokens.pieces
        self._ids = torch.from_numpy(np.unique(np.array(names), return_inverse=True)[1].reshape(-1))
        self._found: dict[Any, tuple[Tensor, Tensor]] = {}

    def pairs(self, rows: Sequence[int], cols: range, rule: Rule) -> tuple[Tensor, Tensor]:
        """Pairs of a query and another visible key of the same id, as indices into `rows` and `cols`."""
        name = tuple(rows), cols, rule
        if name not in self._found:
            i = torch.tensor(rows)
            alike = self._ids[i][:, None] == self._ids[cols.start : cols.stop]
            alike &= i[:, None] != torch.arange(cols.start, cols.stop)
            seen = rule.visible(rows, cols, "cpu")
            here, there = (alike if seen is None else alike & seen).nonzero(as_tuple=True)
            if here.numel() > 2**20:
                return here, there
            self._found[name] = here, there
        return self._found[name]


def diagonal(record: AttentionRecord, offset: int, start: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The mean weight that queries put on the key `offset` tokens before them, for every head.

    On a text that repeats after n tokens, offset n - 1 is the induction score of Olsson et al. 2022.

    Args:
        record: what to read.
        offset: tokens, >= 0.
        start: the first query that counts; at least `offset`.

    Returns:
        float64 [recorded layers, heads].
    """
    start = max(start, offset)
    out = np.full((record.n_layers, record.n_heads), np.nan)
    for n, layer in enumerate(record.layers):
        total = torch.zeros(record.n_heads, dtype=torch.float64)
        for strip in tiles.chunks(range(start, record.length), ROWS):
            w, _, _, cols, _ = record.source.rows(layer, range(record.n_heads), strip)
            there = torch.arange(strip.start, strip.stop) - offset - cols.start
            total += (
                (w[:, torch.arange(len(strip)), there.clamp_min(0)] * (there >= 0).to(w.device)).sum(-1).cpu()
            )
        if start < record.length:
            out[n] = total.numpy() / (record.length - start)
    return out
