"""What one pass of a model brings for a record that grows, and that record's numbers at one length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel.mask import Matrix
from gptwidgets.kernel.recorder import Recorder
from gptwidgets.kernel.source import ROWS, LayerQK, QKSource

if TYPE_CHECKING:
    from torch import Tensor, nn


class Pass(Recorder):
    """What one pass of the model brings of one row of its batch: views, until they are copied."""

    def __init__(self, row: int, start: int, new: int) -> None:
        super().__init__(start + new)
        self.start = start
        self.reason = ""
        self._row, self._new = row, new

    def take(
        self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor | None = None, **rest: Any
    ) -> None:
        """Keeps one layer's part; what cannot grow says so, and the run goes on without."""
        rule, bias = rest.get("rule"), rest.get("bias")
        if isinstance(rule, Matrix) and self.start == 0:
            self.reason = "This model masks by what it reads, so its record is made at the end of the run."
        if bias is not None:
            self.reason = "This model adds a bias to each cell, so its record is made at the end of the run."
        if self.reason:
            return
        row, new = self._row, self._new
        layer = getattr(module, "layer_idx", None)
        if layer in self.kept and query[row].data_ptr() == self.kept[layer].q.data_ptr():
            self._second_values(layer, None if value is None else value[row : row + 1, :, -new:])
            return
        if layer in self.kept:
            self.reason = f"This model runs layer {layer} several times, so its record is made at the end."
            return
        if layer is None or getattr(module, "is_cross_attention", False):
            return
        if key.shape[2] > self.start + new:
            raise UnsupportedModelError(f"Layer {layer} attends to keys that are no tokens of the text.")
        v = None if value is None else value[row, :, -new:]
        self.kept[layer] = LayerQK(query[row, :, -new:], key[row, :, -new:], v=v, **rest)


class Length(QKSource):
    """A growing record at one length. What an earlier one has computed of whole blocks still holds."""

    def __init__(self, layers: dict[int, LayerQK], earlier: Length | None) -> None:
        super().__init__(layers)
        self._before: dict[int, tuple[Tensor, list[list[bool]]]] = {}
        if earlier is not None:
            self._before = {**earlier._before, **earlier._lse}

    def _kept(self, layer: int) -> tuple[Tensor, list[list[bool]]]:
        if layer not in self._lse and layer in self._before:
            old, done = self._before.pop(layer)
            lse = old.new_empty(2, self.n_heads, self.length)
            lse[..., : old.shape[-1]] = old
            whole = old.shape[-1] // ROWS  # the last block has more rows now
            blocks = -(-self.length // ROWS)
            kept = [[at < whole and here[at] for at in range(blocks)] for here in done]
            self._lse.setdefault(layer, (lse, kept))
        return super()._kept(layer)
