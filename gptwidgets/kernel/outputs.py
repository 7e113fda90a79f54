"""What each head gives, seen by somebody and put in place of what it gave: (B, T, H, dv), layer by layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gptwidgets.kernel.cutting import Cuts
from gptwidgets.kernel.editing import Edits
from gptwidgets.kernel.intervention import Intervention

if TYPE_CHECKING:
    from torch import Tensor

    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.cutting import Call
    from gptwidgets.kernel.editing import LayerEdit


class Outputs(Edits):
    """What holds already, and after it a change of each layer's outputs.

    Args:
        gpt: the model.
        now: what holds already.
        change: from a layer's number and its heads' outputs (B, T, H, dv) to what stands for them.
    """

    def __init__(self, gpt: Asking, now: Intervention, change: Callable[[int, Tensor], Tensor]) -> None:
        below = gpt._edits((now,))
        super().__init__(gpt._sites)
        self.rows, self.positional = below.rows, below.positional
        self._below, self._change = below, change

    def layer(self, number: int) -> _Layer:
        """What happens in a layer."""
        return _Layer(number, self._below.layer(number), self._change)


class _Layer:
    """As a `LayerEdit`."""

    def __init__(self, number: int, below: LayerEdit | None, change: Callable[[int, Tensor], Tensor]) -> None:
        self._number, self._below, self._change = number, below, change
        self.cuts = Cuts([]) if below is None else below.cuts

    def apply(self, call: Call, out: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if self._below is not None:
            out, weights = self._below.apply(call, out, weights)
        return self._change(self._number, out), weights

    def replace(self, out: Tensor, rows: range | None = None) -> Tensor:
        if self._below is not None:
            out = self._below.replace(out, rows)
        return self._change(self._number, out)
