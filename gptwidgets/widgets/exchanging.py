"""A heatmap whose model is exchanged for another one: the text stays, and is read anew."""

from __future__ import annotations

from typing import Any

import traitlets as t

from gptwidgets.errors import ClosedError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.widgets.intervening import Intervening


class Exchanging(Intervening):
    """The part of a widget whose model can be set."""

    gpt = t.Any(None, allow_none=True, help="The model; set another one, and it reads the text instead.")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.set_trait("gpt", self._gpt)

    @t.validate("gpt")
    def _can_be_exchanged(self, proposal: Any) -> GPT | None:
        gpt = proposal["value"]
        if gpt is self._gpt:
            return gpt
        if not isinstance(gpt, GPT):
            raise TypeError(f"A heatmap's model is a GPT, such as gw.load() gives, not {type(gpt).__name__}.")
        if gpt.closed:
            raise ClosedError(f"{gpt.name} is closed; load it again with gw.load().")
        if self._gpt is None:
            raise TypeError("This heatmap shows a record or an array, which belongs to no model.")
        if self.comm is None:
            raise ClosedError("This heatmap was closed; make a new one.")
        return gpt

    @t.observe("gpt")
    def _exchanged(self, change: Any) -> None:
        gpt = change["new"]
        if gpt is self._gpt or self.comm is None:
            return
        with self._lock:
            self._cancel_run()
            self._stop_measuring()
            text = self._read if isinstance(self._read, str) or _messages(self._read) else self.text
            self._gpt, self._head_chosen, self._records = gpt, False, {}
            self._forget_steps()
            self._say(heads_off=[], cut=[], effect={}, error={}, pointed=None, notes=self._model_notes())
            self._before, self._asked = (self.heads_off, self.cut), self._wish()
        gpt.on_close(self._gpt_closed)
        if text:
            self._begin(text)
        else:
            self._empty()

    def _gpt_closed(self) -> None:
        if self._gpt is None or self._gpt.closed:  # and not one that was here before
            super()._gpt_closed()


def _messages(read: Any) -> bool:
    return isinstance(read, list) and bool(read) and isinstance(read[0], dict)
