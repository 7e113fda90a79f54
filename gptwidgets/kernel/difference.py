"""Two records of equally many tokens, cell by cell: what one has more than the other.

Of two texts that differ in a word, of two models with one tokenizer, or of one text with and without an
intervention. Weights are subtracted when somebody looks, so that a difference takes no memory of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gptwidgets.kernel.mask import Band, Device, Rule
from gptwidgets.kernel.pieces import Tokens
from gptwidgets.kernel.source import Rows

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord

CELLS = 1 << 26  # up to so many the largest difference is looked for, and not only bounded
ROWS = 256


class DifferenceSource:
    """The cells of one record minus those of another; holds both, which must stay open.

    Args:
        one: the record that counts positive.
        other: the one that counts negative.

    Attributes:
        vmax: the largest magnitude, of up to 67 million cells; else what it cannot be above.
    """

    def __init__(self, one: AttentionRecord, other: AttentionRecord) -> None:
        self._one, self._other = one, other
        self.layers = tuple(layer for layer in one.layers if layer in other.layers)
        self.n_heads, self.length = one.n_heads, one.length
        alike = one.n_kv_heads == other.n_kv_heads
        self.n_kv_heads = one.n_kv_heads if alike else one.n_heads
        self.signed = True
        self.causal = one.causal and other.causal
        few = len(self.layers) * self.n_heads * self.length**2 <= CELLS
        bound = one.vmax + other.vmax if one.signed or other.signed else max(one.vmax, other.vmax)
        self.vmax = self._largest() if few else bound

    @property
    def nbytes(self) -> int:
        """Nothing besides the two records, which count their own."""
        return 0

    def device(self, layer: int) -> torch.device:
        """Where the layer of the first record is."""
        return self._one.source.device(layer)

    def rule(self, layer: int, head: int | None = None) -> Rule:
        """A cell exists where one of the two has it."""
        return _either(self._one.source.rule(layer, head), self._other.source.rule(layer, head))

    def block(
        self, layer: int, heads: Sequence[int], rows: range, cols: range, *, no_sink: bool = False
    ) -> Tensor:
        """Differences [h, r, c]; `no_sink` leaves column 0 out, and nothing is renormalised."""
        mine = self._one.source.block(layer, heads, rows, cols)
        made = mine - self._other.source.block(layer, heads, rows, cols).to(mine.device)
        if no_sink and cols.start == 0:
            made[..., :1] = 0
        return made

    def rows(self, layer: int, heads: Sequence[int], rows: Sequence[int], *, entropy: bool = False) -> Rows:
        """Whole rows; they have no `rest` and no entropy to speak of."""
        mine = self._one.source.rows(layer, heads, rows)
        others = self._other.source.rows(layer, heads, rows)
        cols = range(min(mine.cols.start, others.cols.start), max(mine.cols.stop, others.cols.stop))
        made = mine.weights.new_zeros(len(heads), len(rows), len(cols))
        made[..., mine.cols.start - cols.start : mine.cols.stop - cols.start] += mine.weights
        there = slice(others.cols.start - cols.start, others.cols.stop - cols.start)
        made[..., there] -= others.weights.to(made.device)
        one = torch.ones(made.shape[:2], device=made.device)
        return Rows(made, one, made.sum(-1), cols, one if entropy else None)

    def _largest(self) -> float:
        strips = [range(at, min(at + ROWS, self.length)) for at in range(0, self.length, ROWS)]
        heads = range(self.n_heads)
        return max(
            float(self.rows(layer, heads, strip).weights.abs().max())
            for layer in self.layers
            for strip in strips
        )


def difference(one: AttentionRecord, other: Any) -> AttentionRecord:
    """One record minus another; see `AttentionRecord.difference`."""
    from gptwidgets.kernel.record import AttentionRecord

    if not isinstance(other, AttentionRecord):
        raise TypeError(f"A difference is taken from another record, not from {other!r}.")
    if one.length != other.length:
        raise ValueError(
            f"Cells can be subtracted where two texts are equally long; these have {one.length:,} and "
            f"{other.length:,} tokens: {_first_apart(one.tokens, other.tokens)}."
        )
    if one.n_heads != other.n_heads:
        raise ValueError(f"One record has {one.n_heads} heads a layer and the other {other.n_heads}.")
    source = DifferenceSource(one, other) if set(one.layers) & set(other.layers) else None
    if source is None:
        raise ValueError(
            f"The two records have no layer in common: {_spell(one.layers)} and {_spell(other.layers)}."
        )
    tokens, changed = _tokens(one.tokens, other.tokens)
    mine, others = _named(one), _named(other)
    if mine == others:
        mine, others = "the first text", "the second one"
    notes = [f"The weights of {mine} minus those of {others}."]
    if changed:
        notes.append(f"The texts differ in {len(changed)} of {one.length:,} tokens: {_spell(changed)}.")
    left = sorted(set(one.layers) ^ set(other.layers))
    if left:
        notes.append(f"Only one of the two has layers {_spell(left)}.")
    told = [
        f"{which}: {note}" for which, record in (("first", one), ("second", other)) for note in record.notes
    ]
    name = one.name if one.name == other.name else " − ".join(filter(None, (one.name, other.name)))
    return AttentionRecord(source, tokens, name=name, notes=[*notes, *told])


def _tokens(one: Tokens, other: Tokens) -> tuple[Tokens, list[int]]:
    """The tokens of both in one, and where they differ.

    Raises:
        ValueError: they come from different tokenizers.
    """
    for at, (mine, its) in enumerate(zip(one, other, strict=True)):
        known = min(mine.id, its.id) >= 0 and mine.bytes and its.bytes
        if known and (mine.id == its.id) != (mine.bytes == its.bytes):
            raise ValueError(
                "The two texts come from different tokenizers, so that their cells are not of the same "
                f"tokens: token {at} is {mine.piece!r} ({mine.id}) and {its.piece!r} ({its.id})."
            )
    changed = [at for at, (a, b) in enumerate(zip(one.pieces, other.pieces, strict=True)) if a != b]
    if not changed:
        return one, []
    pieces = [a if a == b else f"{a}|{b}" for a, b in zip(one.pieces, other.pieces, strict=True)]
    ids = [a if a == b else -1 for a, b in zip(one.ids, other.ids, strict=True)]
    return Tokens(ids, one.parts, pieces, spans=one.spans, special=one.special, text=one.text), changed


def _first_apart(one: Tokens, other: Tokens) -> str:
    """Where two texts begin to differ, for a sentence."""
    for at, (mine, its) in enumerate(zip(one.pieces, other.pieces, strict=False)):
        if mine != its:
            return f"they differ from token {at} on, {mine!r} and {its!r}"
    return "one is the beginning of the other"


@dataclass(frozen=True)
class _Either(Rule):
    """A cell exists where one of two rules shows it."""

    one: Rule
    other: Rule

    def columns(self, rows: Sequence[int], length: int) -> range:
        a, b = self.one.columns(rows, length), self.other.columns(rows, length)
        return range(min(a.start, b.start), max(a.stop, b.stop))

    def visible(self, rows: Sequence[int], cols: range, device: Device = None) -> Tensor | None:
        mine, others = (rule.visible(rows, cols, device) for rule in (self.one, self.other))
        return None if mine is None or others is None else mine | others


def _either(one: Rule, other: Rule) -> Rule:
    if one is other or one == other:
        return one
    if isinstance(one, Band) and isinstance(other, Band):
        both = one.window, other.window
        return Band(None if None in both else max(n for n in both if n is not None))
    return _Either(one, other)


def _named(record: AttentionRecord) -> str:
    """Which record it is, as a sentence names it."""
    return f"{record.name or 'a record'} with {record.intervention.words() or 'nothing changed'}"


def _spell(numbers: Sequence[int], most: int = 8) -> str:
    rest = len(numbers) - most
    return ", ".join(map(str, numbers[:most])) + (f" and {rest:,} more" if rest > 0 else "")
