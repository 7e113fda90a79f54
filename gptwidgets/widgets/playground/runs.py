"""A run as Python holds it: begun at once, waited for, stopped, and read while it is still being written."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from gptwidgets.kernel.intervention import NOTHING
from gptwidgets.kernel.worker import CancelToken
from gptwidgets.widgets.playground.tokens import TokenColumns
from gptwidgets.widgets.playground.tree import Node
from gptwidgets.widgets.wire import in_words

if TYPE_CHECKING:
    from concurrent.futures import Future

    import pandas as pd

    from gptwidgets.widgets.playground.vocabulary import Vocabulary

ACTIONS = {
    "OutOfMemory": "Take a shorter text or fewer sequences, or close other models.",
    "TextError": "Change the prompt.",
    "ClosedError": "Load the model or connect to it again, and make a new playground.",
    "UnknownModelError": "Connect again with gw.connect(url, model=…), to a model that the server lists.",
    "ValueError": "Change the settings.",
    "TypeError": "Change the settings.",
    "RemoteError": "Check the server, then run it again.",
}
ANYWAY = "Run it again; if that does not help, restart the kernel."


class Run:
    """What a model writes when asked once: one sequence, or several side by side.

    Made by `play.run()`, `play.branch()` and `play.go_on()`, which return at once.

    Attributes:
        id: its name on the wire.
        nodes: the nodes of the tree that it writes, one a sequence; empty while it waits for its turn.
        error: what went wrong, or None.

    Example:
        >>> run = play.run()                    # doctest: +SKIP
        >>> run.wait().tokens                   # doctest: +SKIP
    """

    def __init__(self, name: str, vocabulary: Vocabulary) -> None:
        self.id = name
        self.nodes: list[Node] = []
        self.error: BaseException | None = None
        self._vocabulary = vocabulary
        self._token = CancelToken()
        self._future: Future[Any] | None = None
        self._begun = False
        self._changed = NOTHING  # what is changed inside the model while it writes
        self._over = threading.Event()

    def wait(self, timeout: float | None = None) -> Self:
        """Waits until it has ended.

        Args:
            timeout: seconds; None waits as long as it takes. Interrupting the cell stops the run.

        Returns:
            The run itself. A run that was stopped keeps what it has written.

        Raises:
            TimeoutError: it takes longer.
            GPTWidgetsError: what went wrong.
        """
        until = None if timeout is None else time.monotonic() + timeout
        try:
            while not self._over.wait(0.05):
                if until is not None and time.monotonic() > until:
                    raise TimeoutError(f"Not ready after {timeout:g} s; run.wait() waits on.")
        except KeyboardInterrupt:
            self.stop()
            raise
        if self.error is not None:
            raise self.error.with_traceback(None)
        return self

    def stop(self) -> None:
        """Stops it within one token; what was written stays."""
        self._token.cancel()
        if self._future is not None:
            self._future.cancel()

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._over.is_set()

    @property
    def status(self) -> Literal["queued", "running", "done", "stopped", "error"]:
        """Where it stands."""
        if not self.done:
            return "running" if self._begun else "queued"
        if self.error is not None:
            return "error"
        return "stopped" if self._token.cancelled and self.reason in {None, "stopped"} else "done"

    @property
    def text(self) -> str:
        """What the first sequence says so far."""
        return self.texts[0] if self.nodes else ""

    @property
    def texts(self) -> list[str]:
        """What each sequence says so far."""
        return [node.tokens.text for node in self.nodes]

    @property
    def ids(self) -> list[int]:
        """The ids of the first sequence so far."""
        return self.nodes[0].tokens.ids if self.nodes else []

    @property
    def reason(self) -> str | None:
        """Why the first sequence ended; None while it goes on."""
        return self.nodes[0].reason if self.nodes else None

    @property
    def seed(self) -> int | None:
        """Where chance began for the first sequence."""
        return self.nodes[0].seed if self.nodes else None

    @property
    def tokens(self) -> pd.DataFrame:
        """The first sequence, one row a token: see `table`."""
        return self.table()

    def table(self, sequence: int = 0) -> pd.DataFrame:
        """One sequence as a table, one row a token.

        Args:
            sequence: which one.

        Returns:
            Columns token, id, text, logprob (natural logarithm, before the sampling rules), prob,
            sampled_prob (after them), rank (0 is the most probable), entropy (bits), ms.
        """
        tokens = self.nodes[sequence].tokens if self.nodes else TokenColumns()
        return table(tokens, self._vocabulary)

    def __repr__(self) -> str:
        count = sum(len(node.tokens) for node in self.nodes)
        said = f": {self.text[:60]!r}" if count else ""
        return f"Run {self.id} ({self.status}, {count} tokens){said}"

    def _end(self, error: BaseException | None) -> None:
        self.error = error
        self._over.set()


def table(tokens: TokenColumns, vocabulary: Vocabulary) -> pd.DataFrame:
    """Tokens as a DataFrame, one row each; see `Run.table`."""
    import pandas as pd

    texts = list(tokens.texts)
    columns = tokens.columns(0, len(texts))
    ids = columns["id"].tolist()
    pieces = vocabulary.some(ids)
    return pd.DataFrame(
        {
            "token": [pieces.get(str(id_), "") for id_ in ids],
            "id": ids,
            "text": texts,
            "logprob": columns["logprob"],
            "prob": np.exp(columns["logprob"]),
            "sampled_prob": np.exp(columns["sampled"]),
            "rank": columns["rank"],
            "entropy": columns["entropy"],
            "ms": columns["ms"],
        }
    )


def error_told(error: BaseException) -> dict[str, str]:
    """An error as the trait `error`: type, message, and what to do."""
    words = in_words(error)
    return {**words, "action": ACTIONS.get(words["type"], ANYWAY)}


class Speed:
    """How fast a run goes, counted over all of its sequences.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._first: float | None = None
        self._count = 0

    def count(self, tokens: int) -> dict[str, float]:
        """Counts the tokens of one step.

        Returns:
            tokens_per_second (from the first step on; absent before the second) and first_token_ms.
        """
        now = self._clock()
        if self._first is None:
            self._first = now
            return {"first_token_ms": round(1000 * (now - self._began), 1)}
        self._count += tokens
        return {"tokens_per_second": round(self._count / max(now - self._first, 1e-6), 2)}
