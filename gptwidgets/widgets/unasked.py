"""Induction scores of a GPT, measured once for all of its widgets: on request, or unasked in idle moments.

Without them an induction head is known only by what else it does, mostly as one that rests on the first
token. So they are measured before anybody asks, where that costs little, and everything else goes first: in
each layer the measurement looks around, and stops for whoever waits.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import Cancelled, ClosedError
from gptwidgets.kernel.worker import CancelToken

if TYPE_CHECKING:
    from concurrent.futures import Future

    import pandas as pd

    from gptwidgets.kernel.gpt import GPT

IDLE = 1.5  # seconds without work, after which an unasked measurement begins
LAST = -10  # its priority
AGAIN = 0.2  # seconds until one that somebody waits for is tried again
MOST = 500_000_000  # parameters of a model on the CPU, for which nobody feels it


class Induction:
    """Measures one GPT. `scores` is None until it has.

    Args:
        gpt: the model; held weakly.
    """

    def __init__(self, gpt: GPT) -> None:
        self.scores: pd.Series | None = None
        self._gpt = weakref.ref(gpt)
        self._lock = threading.RLock()
        self._tell: list[weakref.WeakMethod[Any]] = []
        self._asked = False
        self._given_up = not _cheap(gpt)
        self._busy = False
        self._timer: threading.Timer | None = None

    def want(self, tell: Any, *, asked: bool) -> None:
        """Sees to it that the scores will be there.

        Args:
            tell: a bound method, held weakly; called from any thread with None once they are there, or
                with what went wrong where somebody asked.
            asked: begin now; otherwise once nothing has run for a while.
        """
        if self.scores is not None:
            tell(None)
            return
        with self._lock:
            if self._given_up and not asked:
                return
            self._tell = [known for known in self._tell if known() not in {None, tell}]
            self._tell.append(weakref.WeakMethod(tell))
            self._asked = self._asked or asked
            if not self._busy:
                self._plan(0.0 if asked else IDLE)

    def now(self) -> pd.Series:
        """The scores, measured here and now where they were not."""
        gpt = self._gpt()
        if self.scores is None and gpt is not None:
            measured: Any = gpt.induction_scores()["induction"]
            self.scores = measured
        assert self.scores is not None  # noqa: S101 - who asks has the model
        return self.scores

    def _plan(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(seconds, self._try)
        self._timer.daemon = True
        self._timer.start()

    def _try(self) -> None:
        gpt = self._gpt()
        with self._lock:
            wanted = any(tell() is not None for tell in self._tell)
            if gpt is None or self.scores is not None or self._busy or not wanted:
                return
            if not self._asked and (gpt.reader.busy or gpt._model_worker.busy or gpt._running):
                self._plan(IDLE)
                return
            self._busy = True
        token = CancelToken()

        def look(_report: object) -> None:
            waiting = gpt._model_worker.waiting or len(gpt._running) > 1
            if waiting or (gpt.reader.busy and not self._asked):
                token.cancel()
                token.check()  # in this layer, not in the next

        try:
            measured = gpt._model_worker.submit(
                lambda: gpt.induction_scores(progress=look, cancel=token)["induction"],
                priority=LAST,
                token=token,
            )
            measured.add_done_callback(self._ended)
        except ClosedError as error:
            self._over(error)

    def _ended(self, measured: Future[Any]) -> None:
        error, gpt = measured.exception(), self._gpt()
        if error is None:
            self.scores = measured.result()
        elif isinstance(error, Cancelled) and gpt is not None and not gpt._model_worker.closed:
            with self._lock:
                self._busy = False
                self._plan(AGAIN if self._asked else IDLE)
            return
        self._over(error)

    def _over(self, error: BaseException | None) -> None:
        with self._lock:
            tell, self._tell = self._tell, []
            asked, self._asked, self._busy = self._asked, False, False
            self._given_up = True
        for one in (reference() for reference in tell):
            if one is not None and (asked or error is None):
                one(error)


_of: weakref.WeakKeyDictionary[GPT, Induction] = weakref.WeakKeyDictionary()
_all = threading.Lock()


def induction_of(gpt: GPT) -> Induction:
    """The one measurement of this GPT."""
    with _all:
        found = _of.get(gpt)
        if found is None:
            found = _of[gpt] = Induction(gpt)
        return found


def _cheap(gpt: GPT) -> bool:
    """Whether nobody will feel it that the model runs for a moment."""
    try:
        weights = list(gpt.model.parameters())
    except ClosedError:
        return False
    on_gpu = all(weight.device.type in {"cuda", "mps"} for weight in weights)
    return on_gpu or sum(weight.numel() for weight in weights) <= MOST
