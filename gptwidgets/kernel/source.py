"""Where attention weights come from: recorded queries and keys.

A source answers for rectangles of cells, exactly. Everything that a record shows is derived from these
answers. A QKSource holds nothing that is T × T; `arrays.ArraySource` holds the arrays that somebody brought.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from gptwidgets.kernel.mask import EVERYTHING, Band, Matrix, Rule, Without

ROWS = 128  # the log-sum-exp of a head is kept in blocks of this many rows
COLS = 4096  # columns whose logits are held at a time
LOWEST = torch.finfo(torch.float32).min
TINY = 1e-38  # keeps a division by an empty row from being one by zero


class Rows(NamedTuple):
    """Whole rows of some heads of a layer.

    Attributes:
        weights: float32 [h, r, c], the columns `cols`; zero where masked.
        rest: float32 [h, r], what is left for the keys after the first, 1 - w_i0, without cancellation.
        total: float32 [h, r], the sum over the keys: 1, or less where a sink logit takes its share.
        cols: the columns; no weight lies outside.
        entropy: float32 [h, r], of the weights as shares of their total, in nats; where it was asked for.
    """

    weights: Tensor
    rest: Tensor
    total: Tensor
    cols: range
    entropy: Tensor | None = None


class Source(Protocol):
    """What a record needs to know. All numbers are float32; masked cells are zero."""

    layers: tuple[int, ...]
    n_heads: int
    n_kv_heads: int
    length: int
    signed: bool
    causal: bool
    vmax: float

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...

    def device(self, layer: int) -> torch.device:
        """Where a layer's numbers are."""
        ...

    def rule(self, layer: int, head: int | None = None) -> Rule:
        """Which cells of a layer exist; of a head, where an intervention has cut some of its edges."""
        ...

    def block(
        self, layer: int, heads: Sequence[int], rows: range, cols: range, *, no_sink: bool = False
    ) -> Tensor:
        """Weights [h, r, c]. `no_sink`: without column 0, the rest of each row renormalised."""
        ...

    def rows(self, layer: int, heads: Sequence[int], rows: Sequence[int], *, entropy: bool = False) -> Rows:
        """Whole rows, which cost no more than their own cells."""
        ...


@dataclass
class LayerQK:
    """One layer as the model used it.

    Attributes:
        q: queries after position encoding, [H, T, d].
        k: keys, [Hkv, T, d]; head h reads key head h // (H / Hkv).
        scale: of the dot products.
        rule: which keys a query may look at.
        softcap: logits become softcap · tanh(logits / softcap).
        sinks: one logit a head that takes its share of every row and is no key, [H].
        bias: added to the logits, [H or 1, T, T].
        v: values, [Hkv, T, dv], grouped like the keys; None where they were not kept.
        halves: how many values a token has side by side in v; 2 for diffllama, which attends to each.
        positions: how this layer knows of positions, see `positions.py`; "" where that is not known.
        cuts: edges that an intervention had cut, by head: int [n, 2] of (query, key).
    """

    q: Tensor
    k: Tensor
    scale: float
    rule: Rule = field(default_factory=Band)
    softcap: float | None = None
    sinks: Tensor | None = None
    bias: Tensor | None = None
    v: Tensor | None = None
    halves: int = 1
    positions: str = ""
    cuts: dict[int, Tensor] = field(default_factory=dict[int, Tensor])


class QKSource:
    """Weights from queries and keys; each row's log-sum-exp is computed when first needed, and kept.

    Args:
        layers: the recorded layers by their real numbers.

    Example:
        >>> q, k = torch.randn(4, 10, 8), torch.randn(2, 10, 8)
        >>> source = QKSource({0: LayerQK(q, k, scale=8**-0.5)})
        >>> source.block(0, [3], range(10), range(10)).sum(-1).allclose(torch.ones(10))
        True
    """

    signed = False
    vmax = 1.0

    def __init__(self, layers: dict[int, LayerQK]) -> None:
        if not layers:
            raise ValueError("A record needs at least one layer of queries and keys.")
        self.qk = dict(sorted(layers.items()))
        self.layers = tuple(self.qk)
        first = next(iter(self.qk.values()))
        self.n_heads, self.length = first.q.shape[0], first.q.shape[1]
        self.n_kv_heads = first.k.shape[0]
        self.causal = all(isinstance(layer.rule, Band) for layer in self.qk.values())
        self._lse: dict[int, tuple[Tensor, list[list[bool]]]] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of the queries, keys and values, and of the log-sum-exps so far."""
        tensors = (t for layer in self.qk.values() for t in (layer.q, layer.k, layer.v, layer.bias))
        kept = sum(tensor.nbytes for tensor in tensors if tensor is not None)
        return kept + sum(lse.nbytes for lse, _ in self._lse.values())

    def device(self, layer: int) -> torch.device:
        """Where the layer's queries are."""
        return self.qk[layer].q.device

    def rule(self, layer: int, head: int | None = None) -> Rule:
        """Which keys a query of the layer may look at; of a head, without the edges that were cut."""
        qk = self.qk[layer]
        return qk.rule if head is None or head not in qk.cuts else Without(qk.rule, qk.cuts[head])

    def products(
        self, layer: int, heads: Sequence[int], rows: Sequence[int], cols: range, *, scaled: bool = True
    ) -> Tensor:
        """q_i · k_j, times the scale or not, also where a query may not look. Returns [h, r, c]."""
        qk = self.qk[layer]
        j = slice(cols.start, cols.stop)
        i = slice(rows.start, rows.stop) if isinstance(rows, range) else list(rows)
        s = torch.empty(len(heads), len(rows), len(cols), device=qk.q.device)
        for at, group in _groups(heads, qk.q.shape[0] // qk.k.shape[0]):
            q = qk.q[group][:, i].float() * (qk.scale if scaled else 1.0)  # (g, r, d)
            k = qk.k[group.start * qk.k.shape[0] // qk.q.shape[0], j].float()  # (c, d)
            torch.mm(q.flatten(0, 1), k.T, out=s[at].flatten(0, 1))
        return s

    def logits(self, layer: int, heads: Sequence[int], rows: Sequence[int], cols: range) -> Tensor:
        """What the softmax is taken of: scale · q_i · k_j, with cap, bias and mask. Returns [h, r, c]."""
        qk = self.qk[layer]
        i = slice(rows.start, rows.stop) if isinstance(rows, range) else list(rows)
        j = slice(cols.start, cols.stop)
        s = self.products(layer, heads, rows, cols)
        if qk.softcap is not None:
            s.div_(qk.softcap).tanh_().mul_(qk.softcap)
        if qk.bias is not None:
            s += (qk.bias if qk.bias.shape[0] == 1 else qk.bias[list(heads)])[:, i, j]
        for start in range(0, len(cols), ROWS):  # most columns are wholly visible and need no mask
            part = cols[start : start + ROWS]
            seen = qk.rule.visible(rows, part, s.device)
            if seen is not None:
                s[..., start : start + len(part)] += torch.where(seen, 0.0, -math.inf)
        for at, head in enumerate(heads):
            if head in qk.cuts:
                cut = Without(EVERYTHING, qk.cuts[head]).visible(rows, cols, s.device)
                s[at] = s[at] if cut is None else s[at].masked_fill(~cut, -math.inf)
        return s

    def block(
        self, layer: int, heads: Sequence[int], rows: range, cols: range, *, no_sink: bool = False
    ) -> Tensor:
        """Weights [h, r, c] = exp(logits - lse of the row)."""
        lse = self.lse(layer, heads, rows)[1 if no_sink else 0]  # (h, r)
        w = self.logits(layer, heads, rows, cols).sub_(lse[..., None]).exp_()
        if no_sink and cols.start == 0:
            w[..., :1] = 0
        return w

    def rows(self, layer: int, heads: Sequence[int], rows: Sequence[int], *, entropy: bool = False) -> Rows:
        """Whole rows by one softmax each; their log-sum-exps are kept where they fill a block."""
        cols = self.rule(layer).columns(rows, self.length)
        s = self.logits(layer, heads, rows, cols)
        top = s.amax(-1).clamp_min_(LOWEST)  # (h, r)
        s.sub_(top[..., None])
        w = s.exp() if entropy else s.exp_()
        first = w[..., 0] if cols.start == 0 else torch.zeros_like(top)
        others = w[..., 1:].sum(-1) if cols.start == 0 else w.sum(-1)  # (h, r)
        keys = others + first
        sink = self._sinks(layer, heads)
        rest = others if sink is None else others + (sink[:, None] - top).exp()
        whole = (rest + first).clamp_min_(TINY)
        # -Σ p log p with p = e^s / Σ e^s
        nats = None
        if entropy:
            some = keys.clamp_min(TINY)
            nats = (some.log() - s.clamp_min_(-1e9).mul_(w).sum(-1) / some).clamp_min_(0)
        a, b = rows[0], rows[-1] + 1
        fills = isinstance(rows, range) and a % ROWS == 0 and (b % ROWS == 0 or b == self.length)
        # where a sink takes nearly all, the others underflowed here; `_compute_lse` has them exactly
        if fills and bool((rest[:, int(a == 0) :] > 1e-30).all()):
            self._keep(layer, heads, range(a, b), torch.stack([whole, rest]).log_().add_(top))
        return Rows(w.div_(whole[..., None]), rest / whole, keys / whole, cols, nats)

    def lse(self, layer: int, heads: Sequence[int], rows: range) -> Tensor:
        """Log-sum-exp of rows, with and without column 0: [2, h, r]."""
        if len(rows) < 32:  # a line or two: not worth the blocks they lie in
            _, done = self._kept(layer)
            if not all(done[h][block] for h in heads for block in _blocks(rows)):
                return self._compute_lse(layer, heads, rows)
        kept, done = self._kept(layer)
        for block in _blocks(rows):
            here = range(block * ROWS, min((block + 1) * ROWS, self.length))
            for h in heads:
                if not done[h][block]:
                    self._keep(layer, [h], here, self._compute_lse(layer, [h], here))
        return kept[:, list(heads), rows.start : rows.stop]

    def _kept(self, layer: int) -> tuple[Tensor, list[list[bool]]]:
        """The layer's log-sum-exps [2, H, T], and which blocks of them are there."""
        found = self._lse.get(layer)
        if found is None:
            lse = torch.empty(2, self.n_heads, self.length, device=self.device(layer))
            fresh = (lse, [[False] * -(-self.length // ROWS) for _ in range(self.n_heads)])
            found = self._lse.setdefault(layer, fresh)  # of two threads that come here at once one wins
        return found

    def _keep(self, layer: int, heads: Sequence[int], rows: range, lse: Tensor) -> None:
        kept, done = self._kept(layer)
        kept[:, list(heads), rows.start : rows.stop] = lse.clamp_min_(LOWEST)
        for h in heads:
            for block in _blocks(rows):
                done[h][block] = True  # last: another thread may look at any time

    def _compute_lse(self, layer: int, heads: Sequence[int], rows: range) -> Tensor:
        shape = len(heads), len(rows)
        zero = torch.full(shape, LOWEST, device=self.device(layer))
        others = zero.clone()
        sink = self._sinks(layer, heads)
        if sink is not None:
            others = torch.maximum(others, sink[:, None])
        seen = self.rule(layer).columns(rows, self.length)
        for start in range(seen.start, seen.stop, COLS):
            s = self.logits(layer, heads, rows, range(start, min(start + COLS, seen.stop)))
            if start == 0:
                zero = s[..., 0].clamp_min(LOWEST)
                s = s[..., 1:]
            if s.shape[-1]:
                top = s.amax(-1).clamp_min_(LOWEST)
                part = s.sub_(top[..., None]).exp_().sum(-1).log_().add_(top)
                others = torch.logaddexp(others, part)
        return torch.stack([torch.logaddexp(others, zero), others]).clamp_min_(LOWEST)

    def _sinks(self, layer: int, heads: Sequence[int]) -> Tensor | None:
        sinks = self.qk[layer].sinks
        return None if sinks is None else sinks[list(heads)].float()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors and JSON-able metadata from which `from_state` makes the same source."""
        tensors: dict[str, Tensor] = {}
        layers: dict[str, Any] = {}
        for number, qk in self.qk.items():
            for name in ("q", "k", "v", "sinks", "bias"):
                tensor: Tensor | None = getattr(qk, name)
                if tensor is not None:
                    tensors[f"{number}.{name}"] = tensor.contiguous()
            rule: dict[str, Any] = {"kind": "all"}
            if isinstance(qk.rule, Band):
                rule = {"kind": "band", "window": qk.rule.window}
            elif qk.rule is not EVERYTHING:
                rule = {"kind": "cells"}
                cells = qk.rule.visible(range(self.length), range(self.length), qk.q.device)
                if cells is not None:
                    tensors[f"{number}.cells"] = cells.contiguous()
            tensors |= {f"{number}.cut.{head}": cells.contiguous() for head, cells in qk.cuts.items()}
            told = {"scale": qk.scale, "softcap": qk.softcap, "halves": qk.halves, "positions": qk.positions}
            layers[str(number)] = {**told, "rule": rule}
        return tensors, {"kind": "qk", "layers": layers}

    @classmethod
    def from_state(cls, tensors: dict[str, Tensor], meta: dict[str, Any]) -> QKSource:
        """The source that `state` described."""
        layers: dict[int, LayerQK] = {}
        for number, told in meta["layers"].items():
            kind = told["rule"]["kind"]
            rule = Band(told["rule"]["window"]) if kind == "band" else EVERYTHING
            if f"{number}.cells" in tensors:
                rule = Matrix(tensors[f"{number}.cells"])
            layers[int(number)] = LayerQK(
                tensors[f"{number}.q"],
                tensors[f"{number}.k"],
                scale=told["scale"],
                rule=rule,
                softcap=told["softcap"],
                sinks=tensors.get(f"{number}.sinks"),
                bias=tensors.get(f"{number}.bias"),
                v=tensors.get(f"{number}.v"),  # the first format had none, and neither of the next two
                halves=told.get("halves", 1),
                positions=told.get("positions", ""),
                cuts={
                    int(name.rsplit(".", 1)[1]): cells
                    for name, cells in tensors.items()
                    if name.startswith(f"{number}.cut.")
                },
            )
        return cls(layers)


def _groups(heads: Sequence[int], per_key: int) -> Iterator[tuple[slice, slice]]:
    """Runs of neighbouring heads that share a key head: (where they stand in `heads`, their numbers)."""
    start = 0
    for at in range(1, len(heads) + 1):
        runs_on = (
            at < len(heads)
            and heads[at] == heads[at - 1] + 1
            and heads[at] // per_key == heads[start] // per_key
        )
        if not runs_on:
            yield slice(start, at), slice(heads[start], heads[at - 1] + 1)
            start = at


def _blocks(rows: range) -> range:
    return range(rows.start // ROWS, -(-rows.stop // ROWS))
