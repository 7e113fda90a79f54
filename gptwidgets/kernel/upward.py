"""Running a model from one layer upwards: what lies below is taken from a pass that is kept.

Whoever changes something in layer l and asks what comes out needs no layer below l again: these give what
they gave before. The model's own forward pass runs, so that its embeddings, masks, positions, final norm and
head are its own; only the layers below l return the kept hidden state instead of computing it.

That this is exact is not believed but checked, once a model, against a whole pass: see
`resuming.resumable`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.prefill import _beyond, evaluation
from gptwidgets.kernel.resuming import Pass, blocks, forward, narrowable, resumable

if TYPE_CHECKING:
    from gptwidgets.kernel.intervening import Intervening
    from gptwidgets.kernel.worker import CancelToken

TOKENS = 4096  # of all rows of a pass together: beyond, a larger batch gains nothing
REFUSED = "This model cannot be run from a layer upwards: its layers hand on more than one hidden state."


class Upward:
    """One text in one model, and what its layers said of it. Made by `upward(…)`.

    Attributes:
        n_layers: L, how many layers there are, those without attention included.
        whole: True where the model cannot be resumed, so that every run is a whole pass.
        hidden: L + 1 tensors [1, T, D]: what the embedding gives, then what each layer gives;
            none if `whole`.
        logits: of the untouched text after its last token, float32 [V].
    """

    def __init__(self, gpt: Intervening, ids: Sequence[int], cancel: CancelToken | None = None) -> None:
        self._gpt = gpt
        self._ids = torch.tensor([list(ids)], device=gpt.device)  # [1, T]
        self._cancel = cancel
        self._plan: Pass | None = None
        with gpt.lock:
            model: Any = gpt._open()[0]
            self.whole = not resumable(model)
            self._narrow = not self.whole and narrowable(model)
            layers = [] if self.whole else blocks(model) or []
            self.n_layers = len(layers) or gpt.n_layers
            self._plan = Pass(layers, cancel=cancel) if layers else None
            self.logits = self._forward(self._ids, self._plan, last=1)[0, -1].float()
        self.hidden = [] if self._plan is None else self._plan.hidden()

    @property
    def length(self) -> int:
        """T, tokens of the text."""
        return self._ids.shape[1]

    def at_once(self, rows: int) -> int:
        """How many of so many rows to take in one pass."""
        return max(1, min(rows, TOKENS // self.length))

    def run(
        self, layer: int, rows: int = 1, *, last: int = 1, change: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        """Runs the layers from `layer` upwards for a batch of equal rows, which somebody else makes differ.

        Args:
            layer: the first layer that runs; L runs the head alone.
            rows: B, how many.
            last: of how many tokens the logits are wanted: 1, or 0 for all.
            change: what goes into the layer instead, from what is kept [B, T, D]; whole passes have none.

        Returns:
            Logits [B, 1, V], or [B, T, V].

        Raises:
            Cancelled, ClosedError: as the words say; the model is free for others between two runs.
        """
        if self._plan is None:
            if change is not None:
                raise UnsupportedModelError(REFUSED)
            return self._forward(self._ids.expand(rows, -1), None, last=last)
        given = self.hidden[layer].repeat(rows, 1, 1)
        given = given if change is None else change(given)
        plan = self._plan.again(layer, given, narrow=self._narrow and last == 1)
        return self._forward(self._ids.expand(rows, -1), plan, last=last)

    def head(self, hidden: Tensor) -> Tensor:
        """What the model's end (its final norm, its output embedding, its soft cap) makes of hidden states.

        Args:
            hidden: [B, t, D] as the last layer might give them, t ≤ T.

        Returns:
            Logits [B, t, V].

        Raises:
            UnsupportedModelError: where the model cannot be resumed.
        """
        if self._plan is None:
            raise UnsupportedModelError(REFUSED)
        plan = self._plan.again(self.n_layers, hidden)
        ids = self._ids[:, : hidden.shape[1]].expand(hidden.shape[0], -1)
        return self._forward(ids, plan, last=0)

    def check(self) -> None:
        """Raises Cancelled where it was stopped."""
        if self._cancel is not None:
            self._cancel.check()

    def _forward(self, ids: Tensor, plan: Pass | None, last: int) -> Tensor:
        self.check()
        with self._gpt.lock:
            model: Any = self._gpt._open()[0]
            with evaluation(model):
                return forward(model, ids, plan, last)


@contextmanager
def upward(gpt: Intervening, ids: Sequence[int], cancel: CancelToken | None = None) -> Generator[Upward]:
    """Reads a text once, keeps each layer's hidden state, and lets the layers run again from any one up.

    Args:
        gpt: who reads.
        ids: T checked ids.
        cancel: looked at in every layer.

    Yields:
        The `Upward`, under `torch.inference_mode()` and under the intervention that holds when the block is
        entered, which `gpt.under(…)` within it changes for a run. It holds (L + 1) · T · D numbers, until
        the block ends.

    Raises:
        TextError: a text longer than the model's table of positions.
        OutOfMemory, Cancelled, ClosedError: as the words say.

    Example:
        >>> with upward(gpt, ids) as up:                         # doctest: +SKIP
        ...     up.run(7, rows=9)[:, -1]        # equal to up.logits, nine times
    """
    _beyond(gpt.model, len(ids))
    said = f"There is not enough memory to read {len(ids):,} tokens on {gpt.device}: shorten the text."
    now = gpt.under(gpt.intervention)
    with devices.memory_in_words(said), torch.inference_mode(), gpt._stoppable(cancel) as stop, now:
        made = Upward(gpt, ids, stop)
        try:
            yield made
        finally:  # an error's frames, which a notebook keeps, must not keep these
            made.hidden, made._plan = [], None
