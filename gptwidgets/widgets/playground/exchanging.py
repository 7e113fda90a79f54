"""A playground whose model is exchanged for another one: the prompt and the settings stay."""

from __future__ import annotations

import contextlib
from typing import Any

import traitlets as t

from gptwidgets.errors import ClosedError
from gptwidgets.widgets.playground import engine as engines
from gptwidgets.widgets.playground.flusher import Flusher
from gptwidgets.widgets.playground.service import Service
from gptwidgets.widgets.playground.settings import as_told
from gptwidgets.widgets.playground.tree import Tree
from gptwidgets.widgets.playground.vocabulary import Vocabulary

STOPS = 30.0  # seconds that a run has for its last step


class Exchanging(Service):
    """The part of a playground whose model can be set."""

    gpt = t.Any(None, allow_none=True, help="The model; set another one, and it writes from then on.")

    def __init__(self, gpt: Any, **options: Any) -> None:
        super().__init__(gpt, **options)
        self.set_trait("gpt", gpt)

    @t.validate("gpt")
    def _can_be_exchanged(self, proposal: Any) -> Any:
        gpt = proposal["value"]
        if gpt is not self._gpt:
            engines.checked_engine(gpt)
            if self.comm is None:
                raise ClosedError("This playground was closed; make a new one.")
        return gpt

    @t.observe("gpt")
    def _exchanged(self, change: Any) -> None:
        """What was written goes with the one who wrote it: the other one has other tokens."""
        gpt = change["new"]
        if gpt is self._gpt or self.comm is None:
            return
        runs = list(self._runs)
        self.stop()
        for run in runs:
            with contextlib.suppress(Exception):  # it says itself what went wrong
                run.wait(STOPS)
        with self._lock:
            tree = Tree()
            tree._count = self._nodes._count  # no name means two nodes to a page
            self._gpt, self._nodes, self._vocabulary = gpt, tree, Vocabulary(gpt)
            self._flusher = Flusher(tree, self._vocabulary, self._tell)
            self._draft = self._seen_next = self._latest = None
            self._figures = {}
            if self.chat and "chat" not in gpt.can:
                self.chat = False
            self._say(info=engines.describe(gpt), notes=as_told(list(getattr(gpt, "notes", ()))))
            self._say(heads_off=[], cut=[], under="", attention=b"", attention_of={}, pointed=None)
            self._say(figures={})
            self._refresh(leaf="", token=None)
        gpt.on_close(self._gpt_closed)
        self._list_presets()

    def _list_presets(self) -> None:
        """What there is to begin with."""

    def _gpt_closed(self) -> None:
        """The model was closed under the widget."""
