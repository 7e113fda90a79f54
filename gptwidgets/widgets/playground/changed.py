"""What is changed inside the model while it writes in a playground, and what other widgets see in its text.

Both are states of the widget, and not of the model: its runs and its next tokens are under the change, and
nobody else's. `gw.link` sets them from a heatmap.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets as t

from gptwidgets.kernel.intervention import NOTHING, Intervention
from gptwidgets.widgets.base import told
from gptwidgets.widgets.changes import Cut, HeadsOff
from gptwidgets.widgets.playground import engine as engines
from gptwidgets.widgets.playground.settings import Settings, as_told
from gptwidgets.widgets.pointing import Pointed


class _HeadsOff(HeadsOff):
    def checked(self, gpt: Any, value: Any) -> list[Any]:
        """A model that is served elsewhere lets nobody inside, and says so."""
        engines.needs(gpt, "attention")
        return super().checked(gpt, value)


class _Cut(Cut):
    def checked(self, gpt: Any, value: Any) -> list[Any]:
        engines.needs(gpt, "attention")
        return super().checked(gpt, value)


class Changed(Settings):
    """The part of a playground that other widgets reach into."""

    _gpt: Any

    pointed = Pointed(help="Position in the shown text of the token under the pointer, or None.").tag(
        sync=True
    )
    heads_off = _HeadsOff(
        help='Heads that are off while the model writes here: [layer, head] each; also as "L18H6".'
    ).tag(sync=True)
    cut = _Cut(help="Edges that are cut while the model writes here: [layer, head, query, key] each.").tag(
        sync=True
    )
    ablation = t.Enum(
        ["mean", "zero", "resample"], "mean", help="What stands for the output of a head that is off."
    ).tag(sync=True)

    under = told(t.Unicode(help="What is changed inside the model here, in words; empty for nothing."))
    attention = told(t.Bytes(b"", help="Of each token of the shown text how much a head looks at it, uint8."))
    attention_of = told(t.Dict(help="What `attention` shows: leaf, words, most (the weight that 255 is)."))

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._changed_inside(None)

    @property
    def intervention(self) -> Intervention:
        """What is changed inside the model while it writes here; empty for nothing."""
        off: Any = [tuple(head) for head in self.heads_off]
        cut: Any = [tuple(edge) for edge in self.cut]
        return Intervention(frozenset(off), self.ablation if off else "zero", frozenset(cut))  # type: ignore[arg-type]

    @t.observe("heads_off", "cut", "ablation")
    def _changed_inside(self, _change: Any) -> None:
        if self.comm is not None:
            self._say(under=self.intervention.words())

    def _felt(self, changed: Intervention | None = None) -> contextlib.AbstractContextManager[Any]:
        """Lets this thread ask the model under what is changed here, and what stands in the model."""
        changed = self.intervention if changed is None else changed
        if changed == NOTHING:
            return contextlib.nullcontext()
        return self._gpt.under(self._gpt.intervention | changed)

    def show_attention(
        self, weights: Sequence[float] | np.ndarray[Any, Any] | None, words: str = "", leaf: str | None = None
    ) -> None:
        """Gives the tokens of a text the colours of `color="attention"`.

        Args:
            weights: one for each token from the beginning of the prompt; None takes them away.
            words: what they are, for the legend: "L18H6: what “Z” looks at".
            leaf: the node whose text it is; by default the one that is shown.

        Example:
            >>> play.show_attention(play.record().weights("L18H6", rows=-1), "L18H6")   # doctest: +SKIP
            >>> play.color = "attention"                                                # doctest: +SKIP
        """
        if weights is None:
            self._say(attention=b"", attention_of={})
            return
        seen = np.nan_to_num(np.abs(np.asarray(weights, np.float32)))
        if seen.ndim != 1:
            raise ValueError(f"One weight a token is a list of numbers, not an array of shape {seen.shape}.")
        most = float(seen.max(initial=0.0))
        codes = np.round(255 * np.sqrt(seen / (most or 1.0))).astype(np.uint8)
        shown = getattr(self, "leaf", "") if leaf is None else leaf
        self._say(
            attention=codes.tobytes(), attention_of=as_told({"leaf": shown, "words": words, "most": most})
        )
