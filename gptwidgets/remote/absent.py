"""What only a GPT in this kernel gives. A served one says why not, in a sentence."""

from __future__ import annotations

from typing import Any, NoReturn

from gptwidgets.errors import TextError


class Absent:
    """The methods of a `GPT` that no server can answer."""

    def cannot(self, what: str) -> str:
        """Why something cannot be had, in a sentence."""
        raise NotImplementedError

    def _absent(self, what: str) -> NoReturn:
        raise TextError(self.cannot(what))

    def encode(self, *_: Any, **__: Any) -> NoReturn:
        """Servers keep their ids: raises a TextError that says so."""
        self._absent("ids")

    def next_logits(self, *_: Any, **__: Any) -> NoReturn:
        """Servers keep their logits: raises a TextError that says so."""
        self._absent("logits")

    def record(self, *_: Any, **__: Any) -> NoReturn:
        """Servers give no attention: raises a TextError that says so."""
        self._absent("attention")

    def intervene(self, *_: Any, **__: Any) -> NoReturn:
        """Servers let nobody inside: raises a TextError that says so."""
        self._absent("interventions")

    def beam_search(self, *_: Any, **__: Any) -> NoReturn:
        """Servers show no beams: raises a TextError that says so."""
        self._absent("beams")
