"""Each token's log-probability with and without what is changed inside the model: as colours, and as a table.

The shown text is read twice, once by the untouched model and once under the change (`kernel/comparing.py`),
when somebody looks at it: with `color = "difference"`, or from Python.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as t

from gptwidgets.errors import Cancelled, ClosedError, GPTWidgetsError
from gptwidgets.kernel.intervention import Intervention
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.base import told
from gptwidgets.widgets.playground import engine as engines
from gptwidgets.widgets.playground.service import LOOK, Service
from gptwidgets.widgets.playground.settings import as_told
from gptwidgets.widgets.wire import in_words

if TYPE_CHECKING:
    from concurrent.futures import Future

    import pandas as pd

    from gptwidgets.widgets.playground.tree import Node


class Comparing(Service):
    """The part of a playground that shows what a change does to each token of a text."""

    difference = told(
        t.Bytes(b"", help="Of each token of the shown text changed minus untouched, nats, float32.")
    )
    difference_of = told(
        t.Dict(help="What `difference` shows: leaf, words, untouched and changed (nats); or busy, error.")
    )

    def __init__(self, gpt: Any, **options: Any) -> None:
        self._comparing: CancelToken | None = None
        super().__init__(gpt, **options)

    def compare(
        self, intervention: Intervention | None = None, leaf: str | Node | None = None
    ) -> pd.DataFrame:
        """What a change inside the model does to the probability of each token of a text; see `gpt.compare`.

        Args:
            intervention: the change; by default the one of this playground (`heads_off`, `cut`).
            leaf: the node whose text is read; by default the one that is shown.

        Returns:
            One row a token, from the beginning of the prompt: token, id, logprob, changed, difference (nats),
            rank, rank_changed; the sums in `.attrs`.

        Raises:
            GPTWidgetsError: nothing was written, or the model is served elsewhere.

        Example:
            >>> play.heads_off = ["L18H6", "L18H7"]                 # doctest: +SKIP
            >>> play.compare().nsmallest(5, "difference")           # doctest: +SKIP
        """
        engines.needs(self._gpt, "attention")
        changed = self._gpt.intervention | self.intervention if intervention is None else intervention
        return self._gpt.compare(self.nodes.ids(self._shown(leaf)), changed)

    @t.observe("color", "leaf", "under", "status", "gpt")
    def _show_difference(self, _change: Any) -> None:
        """Begins to read the text twice, if that is what is looked at; what was begun before is of no use."""
        if self.comm is None:
            return
        if self._comparing is not None:
            self._comparing.cancel()
            self._comparing = None
        changed = self.intervention
        node = self.nodes.nodes.get(self.leaf)
        still = self.status in {"ready", "error", "empty"}
        seen = self.color == "difference" and "attention" in self._gpt.can
        if node is None or node.running or not (seen and changed and still):
            if self.difference_of:
                self._say(difference=b"", difference_of={})
            return
        gpt, leaf, ids, token = self._gpt, self.leaf, self.nodes.ids(node), CancelToken()
        if self.difference_of.get("words") == changed.words() and self.difference_of.get("leaf") == leaf:
            return
        self._comparing = token
        both = gpt.intervention | changed

        def job() -> pd.DataFrame:
            return gpt.compare(ids, both, progress=False, cancel=token)

        def done(made: Future[Any]) -> None:
            error = None if made.cancelled() else made.exception()
            if token.cancelled or made.cancelled() or isinstance(error, Cancelled | ClosedError):
                return
            told_of: dict[str, Any] = {"leaf": leaf, "words": changed.words()}
            if error is not None:
                message = in_words(error)["message"] if isinstance(error, GPTWidgetsError) else str(error)
                self._say(difference=b"", difference_of=as_told({**told_of, "error": message}))
                return
            table = made.result()
            told_of["untouched"] = float(table.attrs["log_likelihood"])
            told_of["changed"] = float(table.attrs["log_likelihood_changed"])
            data = np.asarray(table["difference"], "<f4").tobytes()
            self._say(difference=data, difference_of=as_told(told_of))

        self._say(difference=b"", difference_of={"busy": True})
        with contextlib.suppress(ClosedError):
            gpt._model_worker.submit(job, priority=LOOK, token=token).add_done_callback(done)

    def stop(self) -> None:
        """Stops everything: runs, those that wait, scores, sweeps, comparisons. What was written stays."""
        if self._comparing is not None:
            self._comparing.cancel()
        super().stop()
