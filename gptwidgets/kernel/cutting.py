"""Edges of attention that are cut: rows of a head computed again, without the keys they no longer see.

A cut is -inf on one logit of one head, before the softmax; what the key had goes to the others. Only the rows
that lose something are computed again, by the formula; all other numbers stay what they were, to the bit. A
query that sees no key any more has the output zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel.exact import exact_attention
from gptwidgets.kernel.mask import Band, LazyMask

LOWEST = torch.finfo(torch.float32).min


@dataclass
class Call:
    """What the attention function was asked; shapes as there.

    Attributes:
        mask: a matrix, a rule, or None.
        causal: what None means.
        window: how far the layer looks back, where its own argument says so.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor | LazyMask | None
    scale: float
    softcap: float | None = None
    sinks: Tensor | None = None
    bias: Tensor | None = None
    causal: bool = True
    window: int | None = None
    place: LazyMask | None = field(default=None, repr=False)  # where a rule said so before it became a matrix

    @property
    def rows(self) -> range:
        """The positions of the queries in the text."""
        return self._place()[0]

    @property
    def cols(self) -> range:
        """The positions of the keys."""
        return self._place()[1]

    def _place(self) -> tuple[range, range]:
        t, n = self.query.shape[2], self.key.shape[2]
        told = self.mask if isinstance(self.mask, LazyMask) else self.place
        if told is not None and (len(told.rows), len(told.cols)) == (t, n):
            return told.rows, told.cols
        if t != n and self.window is not None and n >= self.window - 1:  # its cache may have forgotten some
            raise UnsupportedModelError(
                "This model does not tell where in the text it is: cut edges or resample heads in passes "
                "over a whole text (use_cache=False)."
            )
        return range(n - t, n), range(n)

    def seen(self, head: int, rows: Sequence[int], batch: slice) -> Tensor:
        """The mask of some rows (positions): bool, or numbers to be added, [1 or b, 1, r, n]."""
        at = [row - self.rows.start for row in rows]
        device, n = self.query.device, self.key.shape[2]
        if isinstance(self.mask, Tensor):
            mask = self.mask[batch if self.mask.shape[0] > 1 else slice(None)]
            return mask[:, [head if mask.shape[1] > 1 else 0]][:, :, at, :n]
        rule = self.mask.rule if isinstance(self.mask, LazyMask) else Band() if self.causal else None
        found = None if rule is None else rule.visible(list(rows), self.cols, device)
        made = torch.ones(len(at), n, dtype=torch.bool, device=device) if found is None else found
        return made[None, None]


class Cuts:
    """The edges that are cut in one layer.

    Args:
        rows: edges (head, query, key) for the whole batch, or for each of its rows.
    """

    def __init__(self, rows: Sequence[Iterable[tuple[int, int, int]]]) -> None:
        self._heads: list[tuple[slice, int, Tensor]] = []  # rows of the batch, head, [n, 2] of (query, key)
        for at, edges in enumerate(rows):
            batch = slice(None) if len(rows) == 1 else slice(at, at + 1)
            by_head: dict[int, list[tuple[int, int]]] = {}
            for head, query, key in sorted(edges):
                by_head.setdefault(head, []).append((query, key))
            self._heads += [(batch, head, torch.tensor(pairs)) for head, pairs in by_head.items()]

    def __bool__(self) -> bool:
        return bool(self._heads)

    def cells(self) -> dict[int, Tensor]:
        """By head its cut cells, [n, 2] of (query, key)."""
        return {head: pairs for _, head, pairs in self._heads}

    def apply(self, call: Call, out: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The output (B, T, H, dv) and the weights, where there are any, without the cut edges."""
        rows, cols = call.rows, call.cols
        fresh = True
        for batch, head, pairs in self._heads:
            query, key = pairs.unbind(-1)
            here = (query >= rows.start) & (query < rows.stop) & (key >= cols.start) & (key < cols.stop)
            if not bool(here.any()):
                continue
            if fresh:  # what the model's own kernel returned may be needed for its gradient
                out, weights = out.clone(), None if weights is None else weights.clone()
                fresh = False
            some, line = query[here].unique(return_inverse=True)
            gone = torch.zeros(len(some), len(cols), dtype=torch.bool)
            gone[line, key[here] - cols.start] = True
            new, w = _rows(call, batch, head, some.tolist(), gone.to(out.device))
            at = some - rows.start
            out[batch, at.to(out.device), head] = new[:, :, 0]
            if weights is not None:
                weights[batch, head, at.to(weights.device)] = w[:, 0]
        return out, weights


def _rows(call: Call, batch: slice, head: int, rows: list[int], gone: Tensor) -> tuple[Tensor, Tensor]:
    """Some rows of a head without the cells that are gone: outputs (b, r, 1, dv), weights (b, 1, r, n)."""
    at = [row - call.rows.start for row in rows]
    H = call.query.shape[1]
    shared = head // (H // call.key.shape[1])
    seen = call.seen(head, rows, batch)
    if seen.dtype == torch.bool:
        seen = seen & ~gone
        any_left = seen.any(-1)
    else:
        seen = seen.float().masked_fill(gone, LOWEST)
        any_left = (seen > LOWEST / 2).any(-1)  # [1 or b, 1, r]
    bias = call.bias
    if bias is not None:
        bias = bias[batch if bias.shape[0] > 1 else slice(None)]
        bias = bias[:, head : head + 1, at] if bias.shape[1] > 1 else bias[:, :, at]
    new, weights = exact_attention(
        call.query[batch, head : head + 1, at],
        call.key[batch, shared : shared + 1],
        call.value[batch, shared : shared + 1],
        seen,
        scale=call.scale,
        softcap=call.softcap,
        sinks=None if call.sinks is None else call.sinks[head : head + 1],
        bias=bias,
        weights=True,
    )
    assert weights is not None  # noqa: S101 - they were asked for
    left = any_left[..., None]  # [1 or b, 1, r, 1]
    return new.where(left.transpose(1, 2), 0), weights.where(left, 0)
