"""A head's numbers on their way from queries and keys to its output, as matrices.

    raw             q_i · k_j, also where a query may not look
    scaled          q_i · k_j · scale, likewise
    masked          what the softmax is taken of: soft cap, bias and mask are in
    softmax         the weights w_ij
    value-weighted  ‖w_ij · v_j‖, how large what key j adds to the head's output is
                    (Kobayashi et al. 2020, "Attention is Not Only a Weight")

Each stage is a record of its own over the same queries and keys (`staged`), so whatever draws weights draws
every stage: tiles, single lines, figures. Only the softmax is a distribution: the other stages are signed
records, with a largest magnitude `vmax`, and nothing is renormalised in them when the sink is hidden.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gptwidgets.errors import ClosedError, UnknownNameError
from gptwidgets.kernel.mask import EVERYTHING, Rule
from gptwidgets.kernel.source import QKSource, Rows

if TYPE_CHECKING:
    from gptwidgets.kernel.cells import Which
    from gptwidgets.kernel.record import AttentionRecord

STAGES = ("raw", "scaled", "masked", "softmax", "value-weighted")
EXACT = 1024  # tokens up to which the largest number of a head is looked for, and not only bounded
STRIP = 256

NO_QUERIES = (
    "This record holds weights alone, without the queries and keys that they were made of; only its "
    '"softmax" can be shown.'
)
NO_VALUES = (
    "This record holds no values: it was made before they were kept, or without them. Record the text again."
)


class StageSource:
    """One stage of another record's heads; holds nothing of its own.

    Args:
        record: whose numbers.
        stage: one of STAGES, "softmax" excepted.
        layer: with `head` the choice for which `vmax` holds.
        head: see `layer`.

    Attributes:
        vmax: no number of the chosen heads has a larger magnitude: the largest itself for one head of at
            most 1,024 tokens, else a bound from the lengths of its queries and keys.
    """

    def __init__(self, record: AttentionRecord, stage: str, layer: Which, head: Which) -> None:
        self._record = weakref.ref(record)  # which holds this one in its cache
        self._stage = stage
        source = self._qk
        self.layers, self.n_heads, self.n_kv_heads = source.layers, source.n_heads, source.n_kv_heads
        self.length = source.length
        self.signed = True
        self.causal = source.causal and stage in {"masked", "value-weighted"}
        layers, heads = record.chosen(layer, head)
        one = len(layers) * len(heads) == 1 and self.length <= EXACT
        find = self._largest if one else self._bound
        self.vmax = max(find(n, h) for n in layers for h in heads)

    @property
    def _qk(self) -> QKSource:
        record = self._record()
        if record is None:
            raise ClosedError("The record that this is a stage of is gone; keep it, too.")
        source = record.source  # asked for each time: the record may have been closed
        assert isinstance(source, QKSource)  # noqa: S101 - `staged` has looked
        return source

    @property
    def nbytes(self) -> int:
        """Nothing: the numbers are computed when they are looked at."""
        return 0

    def device(self, layer: int) -> torch.device:
        """Where the layer's queries are."""
        return self._qk.device(layer)

    def rule(self, layer: int, head: int | None = None) -> Rule:
        """Before the mask every query meets every key."""
        return EVERYTHING if self._stage in {"raw", "scaled"} else self._qk.rule(layer, head)

    def block(
        self, layer: int, heads: Sequence[int], rows: range, cols: range, *, no_sink: bool = False
    ) -> Tensor:
        """The stage's numbers [h, r, c]; masked cells are 0. `no_sink`: column 0 is, too."""
        if self._stage == "value-weighted":
            w = self._qk.block(layer, heads, rows, cols)
            s = w.mul_(self._norms(layer, heads, cols)[:, None])
        else:
            s = self._logits(layer, heads, rows, cols)
        if no_sink and cols.start == 0:
            s[..., :1] = 0
        return s

    def rows(self, layer: int, heads: Sequence[int], rows: Sequence[int], *, entropy: bool = False) -> Rows:
        """Whole rows; they have no `rest` and no entropy to speak of."""
        cols = self.rule(layer).columns(rows, self.length)
        if self._stage == "value-weighted":
            s = self._qk.rows(layer, heads, rows).weights * self._norms(layer, heads, cols)[:, None]
        else:
            s = self._logits(layer, heads, rows, cols)
        one = torch.ones(s.shape[:2], device=s.device)
        return Rows(s, one, s.sum(-1), cols, one if entropy else None)

    def _logits(self, layer: int, heads: Sequence[int], rows: Sequence[int], cols: range) -> Tensor:
        """The rule says which cells are masked."""
        if self._stage == "masked":
            return self._qk.logits(layer, heads, rows, cols).nan_to_num_(neginf=0.0)
        return self._qk.products(layer, heads, rows, cols, scaled=self._stage == "scaled")

    def _norms(self, layer: int, heads: Sequence[int], cols: range) -> Tensor:
        """‖v_j‖, [h, c]."""
        v = self._qk.qk[layer].v
        assert v is not None  # noqa: S101 - `staged` has looked
        groups = self.n_heads // v.shape[0]
        lengths = {g: v[g, cols.start : cols.stop].float().norm(dim=-1) for g in {h // groups for h in heads}}
        return torch.stack([lengths[h // groups] for h in heads])

    def _largest(self, layer: int, head: int) -> float:
        whole = range(self.length)
        strips = [whole[start : start + STRIP] for start in range(0, self.length, STRIP)]
        return max(float(self.block(layer, [head], strip, whole).abs().max()) for strip in strips)

    def _bound(self, layer: int, head: int) -> float:
        """|q · k| <= ‖q‖ ‖k‖; weights are at most 1."""
        if self._stage == "value-weighted":
            return float(self._norms(layer, [head], range(self.length)).max())
        qk = self._qk.qk[layer]
        q, k = qk.q[head], qk.k[head * qk.k.shape[0] // qk.q.shape[0]]
        bound = float(q.float().norm(dim=-1).max() * k.float().norm(dim=-1).max())
        bound *= 1 if self._stage == "raw" else abs(qk.scale)
        if self._stage == "masked":
            bound = min(bound, qk.softcap or bound)
            bound += 0.0 if qk.bias is None else float(qk.bias.abs().max())
        return bound


def available(record: AttentionRecord) -> list[str]:
    """The stages that a record has, in order: of weights alone only the softmax.

    Example:
        >>> available(record)  # doctest: +SKIP
        ['raw', 'scaled', 'masked', 'softmax', 'value-weighted']
    """
    source = record.source
    if not isinstance(source, QKSource):
        return ["softmax"]
    whole = all(source.qk[layer].v is not None for layer in record.layers)
    return list(STAGES if whole else STAGES[:-1])


def staged(record: AttentionRecord, stage: str, layer: Which = "max", head: Which = "max") -> AttentionRecord:
    """The record whose numbers are those of a stage instead of weights.

    Args:
        record: what to look into.
        stage: one of STAGES; "softmax" is the record itself.
        layer: the layer that will be looked at: a number, "mean" or "max".
        head: the head, likewise. The two decide `vmax` alone.

    Raises:
        UnknownNameError: no such stage.
        TypeError: the record has no queries and keys, or no values.

    Example:
        >>> staged(record, "scaled", 3, 0).weights(3, 0, rows=1)  # doctest: +SKIP
    """
    from gptwidgets.kernel.record import AttentionRecord

    if stage not in STAGES:
        raise UnknownNameError(f"There is no stage {stage!r}; the stages are {', '.join(STAGES)}.")
    if stage == "softmax":
        return record
    source = record.source
    if not isinstance(source, QKSource):
        raise TypeError(NO_QUERIES)
    layers, _ = record.chosen(layer, head)
    if stage == "value-weighted" and any(source.qk[n].v is None for n in layers):
        raise TypeError(NO_VALUES)
    key = ("stage", stage, layer, head)
    found: AttentionRecord | None = record.cache.get(key)
    if found is None:
        numbers = StageSource(record, stage, layer, head)
        found = AttentionRecord(numbers, record.tokens, name=record.name, notes=record.notes)
        record.cache[key] = found
    return found
